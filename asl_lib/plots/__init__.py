"""Every picture the notebooks show, in one style."""

from asl_lib.plots.clips import (
    plot_augmentations,
    plot_clip_curves,
    plot_frames,
    plot_mistakes,
    plot_points,
    plot_skeletons,
)
from asl_lib.plots.detection import detection_rates, hands_by_speed, plot_detection_rates, plot_worst_clips, worst_clips
from asl_lib.plots.drawing import draw_part
from asl_lib.plots.explorer import explore_clip
from asl_lib.plots.live import plot_recognition, plot_screens
from asl_lib.plots.photographs import plot_answer, plot_photographs
from asl_lib.plots.results import (
    plot_accuracy_per_signer,
    plot_attention,
    plot_comparison,
    plot_confusion,
    plot_gap,
    plot_history,
    plot_reliability,
    plot_split_scores,
)
from asl_lib.plots.style import PART_COLOURS, alt_text, describe, shown_names, use_style
from asl_lib.plots.video import plot_filmstrips, plot_flow

__all__ = [
    "PART_COLOURS",
    "alt_text",
    "describe",
    "detection_rates",
    "draw_part",
    "explore_clip",
    "hands_by_speed",
    "plot_accuracy_per_signer",
    "plot_answer",
    "plot_attention",
    "plot_augmentations",
    "plot_clip_curves",
    "plot_comparison",
    "plot_confusion",
    "plot_detection_rates",
    "plot_filmstrips",
    "plot_flow",
    "plot_frames",
    "plot_gap",
    "plot_history",
    "plot_mistakes",
    "plot_photographs",
    "plot_points",
    "plot_recognition",
    "plot_reliability",
    "plot_screens",
    "plot_skeletons",
    "plot_split_scores",
    "plot_worst_clips",
    "shown_names",
    "use_style",
    "worst_clips",
]
