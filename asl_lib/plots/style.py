"""One look for all figures: seaborn's colour-blind palette, readable sizes, light grid."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

PART_COLOURS = {"pose": "#0173b2", "face": "#949494", "left_hand": "#de8f05", "right_hand": "#029e73"}
"""The colour of each part in every figure; blue, orange and green of the colour-blind palette."""
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
"""Letters of Hebrew, Arabic and the scripts derived from them."""
PART_NAMES = {"pose": "pose", "face": "face", "left_hand": "left hand", "right_hand": "right hand"}

POSE_LIMBS = (
    *((11, 12), (11, 13), (13, 15), (12, 14), (14, 16), (11, 23), (12, 24), (23, 24)),  # arms and trunk
    *((0, 2), (2, 7), (0, 5), (5, 8), (9, 10)),  # nose, eyes, ears, mouth
)
"""Pose landmarks joined by a line in pictures: the upper body, which is what signing shows."""
HAND_LIMBS = tuple(
    pair
    for base in (1, 5, 9, 13, 17)
    for pair in ((0, base), (base, base + 1), (base + 1, base + 2), (base + 2, base + 3))
)
LIMBS: dict[str, tuple[tuple[int, int], ...]] = {
    "pose": POSE_LIMBS,
    "face": (),
    "left_hand": HAND_LIMBS,
    "right_hand": HAND_LIMBS,
}


def use_style() -> None:
    """Set the course's figure style; every notebook calls it once."""
    import seaborn as sns

    sns.set_theme(
        context="notebook",
        style="whitegrid",
        palette="colorblind",
        rc={
            "figure.dpi": 90,
            "savefig.dpi": 90,
            "figure.constrained_layout.use": True,
            "axes.titlesize": "medium",
            "axes.titleweight": "bold",
            "axes.spines.top": False,
            "axes.spines.right": False,
        },
    )


def shown_names(glosses: Iterable[object], labels: Mapping[str, str] | None = None) -> list[str]:
    """Return what to write beside each gloss's row or column: its word where glosses are numbers, else the gloss.

    Arabic is written joined and from right to left, which matplotlib does itself from 3.11 on (Python 3.11 and
    later). An older one would draw it back to front in separate letters: then the number is shown instead.

    Args:
        glosses: glosses in the order of the axis.
        labels: gloss -> word, as `Dataset.labels` gives them.
    """
    import matplotlib

    words = labels or {}
    shapes_arabic = matplotlib.__version_info__ >= (3, 11)
    names = []
    for gloss in map(str, glosses):
        word = words.get(gloss, gloss)
        names.append(gloss if RIGHT_TO_LEFT.search(word) and not shapes_arabic else word)
    return names
