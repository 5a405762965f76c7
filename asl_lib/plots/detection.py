"""Where the tracker loses a part: detection rates, and the clips in which hands were lost most."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from asl_lib.landmarks.landmarks import PARTS, Landmarks
from asl_lib.plots.drawing import draw_frame, part_legend, picture_grid
from asl_lib.plots.style import PART_NAMES, counted, describe, listed, percent, readable_numbers, shown_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_detection_rates(rates: pd.DataFrame, *, labels: Mapping[str, str] | None = None) -> Figure:
    """Show in how many frames each part was detected.

    Args:
        rates: shares of frames from 0 to 1; one row a signer (or gloss), one column a part.
        labels: gloss -> the word to show, where glosses are numbers.
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    figure, ax = plt.subplots(figsize=(6, 1.2 + 0.42 * len(rates)))
    names = [PART_NAMES.get(part, part) for part in rates.columns]
    sns.heatmap(
        rates * 100, vmin=0, vmax=100, cmap="crest", annot=True, fmt=".0f", ax=ax, xticklabels=names, linewidths=1,
        yticklabels=shown_names(rates.index, labels),
        cbar_kws={"label": "frames in which it was detected (%)"},
    )  # fmt: skip
    readable_numbers(ax)
    ax.set_xlabel("")
    ax.set_ylabel(rates.index.name or "")
    ax.tick_params(axis="y", rotation=0)
    spans = []
    for part, name in zip(rates.columns, names, strict=True):
        own = rates[part].dropna()
        if len(own):
            least = (
                f" ({shown_names([own.idxmin()], labels)[0]}) to {percent(own.max())}" if own.max() > own.min() else ""
            )
            spans.append(f"{name} {percent(own.min())}{least}")
    kind = rates.index.name or "row"
    return describe(
        figure,
        f"Heat map: the share of frames in which each part was detected, for {counted(len(rates), str(kind))}. "
        f"From the least to the most: {listed(spans)}.",
    )


def detection_rates(landmarks: Mapping[str, Landmarks], clips: pd.DataFrame, *, by: str = "signer") -> pd.DataFrame:
    """Return the share of frames in which each part was detected, one row per value of `by`.

    Args:
        landmarks: clip_id -> its landmarks.
        clips: the clips table.
        by: "signer" or "gloss".
    """
    rows = []
    for clip_id, name in zip(clips["clip_id"], clips[by], strict=True):
        if clip_id in landmarks:
            clip = landmarks[clip_id]
            for part in clip.parts:
                seen = clip.seen(part)
                rows.append((name, part, int(seen.sum()), len(seen)))
    table = pd.DataFrame(rows, columns=[by, "part", "seen", "frames"]).groupby([by, "part"]).sum()
    wide = (table["seen"] / table["frames"]).unstack("part")
    return wide[[part for part in PARTS if part in wide.columns]]


def worst_clips(landmarks: Mapping[str, Landmarks], clips: pd.DataFrame, *, count: int = 3) -> pd.DataFrame:
    """Return the clips whose hands were lost most, worst first, with the share of frames in the column `found`.

    Of each gloss only the worst clip is listed, so that one difficult sign does not fill the list.
    A hand counts between the first and the last frame in which it was found, if it was found in a fifth of
    the clip at least: what rests outside the picture is not lost. `hand` says which of the two is meant.
    """
    rows = []
    for clip_id, clip in landmarks.items():
        for hand in (part for part in ("left_hand", "right_hand") if part in clip.parts):
            seen = np.flatnonzero(clip.seen(hand))
            if len(seen) >= 0.2 * len(clip.points):
                rows.append((clip_id, hand, len(seen) / (seen[-1] - seen[0] + 1)))
    table = pd.DataFrame(rows, columns=["clip_id", "hand", "found"]).sort_values(["found", "clip_id"])
    listed = table.drop_duplicates("clip_id").merge(clips, on="clip_id").drop_duplicates("gloss")
    return listed.head(count).reset_index(drop=True)


def plot_worst_clips(
    worst: pd.DataFrame, landmarks: Mapping[str, Landmarks], read: Callable[[pd.Series], Iterable[np.ndarray]]
) -> Figure:
    """Show the longest gap of each clip, one row a clip: before the hand is lost, in the middle, when it is back.

    Args:
        worst: rows as `worst_clips` gives them.
        landmarks: clip_id -> its landmarks.
        read: gives the frames of a clip.
    """
    columns = 3
    shapes, pictures = [], []
    for _, clip in worst.iterrows():
        frames, found = list(read(clip)), landmarks[clip["clip_id"]]
        seen = np.flatnonzero(found.seen(clip["hand"]))
        longest = int(np.argmax(np.diff(seen))) if len(seen) > 1 else 0
        before, after = seen[longest], seen[min(longest + 1, len(seen) - 1)]
        for moment in (before, (before + after) // 2, after):
            pictures.append((frames[moment], found, moment, clip))
            shapes.append(frames[moment].shape[:2])
    figure, axes = picture_grid(len(pictures), columns, shapes[0])
    for ax, (frame, found, moment, clip) in zip(axes, pictures, strict=True):
        draw_frame(ax, frame, found, moment)
        state = "found" if found.seen(clip["hand"])[moment] else "lost"
        ax.set_title(
            f"{clip['gloss']}, {clip['signer']}: {PART_NAMES[clip['hand']]} {state}",
            fontsize="small",
            fontweight="normal",
        )
    part_legend(figure, pictures[0][1].parts)
    hands = worst["hand"].map(PART_NAMES)
    rows = [
        f"{gloss} by {signer} ({hand} found in {percent(found)} of the frames from its first to its last)"
        for gloss, signer, hand, found in zip(worst["gloss"], worst["signer"], hands, worst["found"], strict=True)
    ]
    return describe(
        figure,
        f"The longest gap of {counted(len(worst), 'clip')}: a frame before the hand is lost, one in the middle and one "
        f"when it is back, with the landmarks drawn: {listed(rows)}.",
    )
