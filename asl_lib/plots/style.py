"""One look for all figures: seaborn's colour-blind palette, readable sizes, light grid."""

from __future__ import annotations

PART_COLOURS = {"pose": "#0173b2", "face": "#949494", "left_hand": "#de8f05", "right_hand": "#029e73"}
"""The colour of each part in every figure; blue, orange and green of the colour-blind palette."""
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
