"""The parts of a signer's body: their landmarks, their mirror image, and coordinates relative to the wrist."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from asl_lib.features.handshape import MIDDLE_KNUCKLE, WRIST
from asl_lib.landmarks.landmarks import PARTS

LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
        78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415)  # fmt: skip
BROWS = (276, 283, 282, 295, 285, 300, 293, 334, 296, 336, 46, 53, 52, 65, 55, 70, 63, 105, 66, 107)
EYES = (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398,
        33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173)  # fmt: skip
RECIPE_PARTS: dict[str, tuple[str, tuple[int, ...]]] = {
    "pose": ("pose", tuple(range(33))),
    "upper_body": ("pose", tuple(range(25))),  # down to the hips: legs outside the picture are guesses
    "face": ("face", tuple(range(PARTS["face"]))),
    "lips": ("face", LIPS),
    "brows": ("face", BROWS),
    "eyes": ("face", EYES),
    "left_hand": ("left_hand", tuple(range(21))),
    "right_hand": ("right_hand", tuple(range(21))),
}
"""Part of a recipe -> tracked part it is taken from, and which of that part's landmarks.

Lips, brows and eyes are MediaPipe's contours of the face: they show non-manual features (raised brows, a mouthing) with
a fifth of the landmarks of the whole face.
"""

LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_WRIST, RIGHT_WRIST = 11, 12, 15, 16
POSE_MIRROR = (0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(i + 1 if i % 2 else i - 1 for i in range(11, 33)))
"""Index of the landmark on the opposite side of the body, for each of the 33 pose landmarks."""
FACE_MIDDLE = (0, 1, 2, 4, 5, 6, *range(8, 20), 94, 151, 152, 164, 168, 175, 195, 197, 199, 200)
"""Landmarks on the middle line of MediaPipe's face model. Those on its right half come before those on its left half,
in the same order."""
OPPOSITE = {"left_hand": "right_hand", "right_hand": "left_hand"}
"""The part on the opposite side of the body; all other parts lie on both sides."""


def mirror_parts(parts: Mapping[str, np.ndarray], *, width: float) -> dict[str, np.ndarray]:
    """Return the parts of a body as seen in a mirror: x reversed, and left and right exchanged.

    Reversing x alone gives a body whose left arm is named right: no such signer exists.

    Args:
        parts: (..., landmarks, C) points of each part, by its name in `RECIPE_PARTS`.
        width: x becomes `width` - x: 1 for points in a picture of width 1, 0 for an origin in the middle of the body.

    Returns:
        New arrays under the same names; a hand whose opposite hand is not among the parts is NaN.
    """
    mirrored = {}
    for name, points in parts.items():
        source = parts.get(OPPOSITE.get(name, name))
        if source is None:
            mirrored[name] = np.full_like(points, np.nan)
            continue
        mirrored[name] = source[..., mirror_order(name), :]  # a copy
        mirrored[name][..., 0] = np.float32(width) - mirrored[name][..., 0]
    return mirrored


@cache
def mirror_order(part: str) -> list[int]:
    """Return for each landmark of a part which landmark of that part lies on the opposite side of the body."""
    tracked, indices = RECIPE_PARTS[part]
    opposite = list(POSE_MIRROR) if tracked == "pose" else list(range(PARTS[tracked]))
    if tracked == "face":
        beside = [index for index in range(PARTS["face"]) if index not in FACE_MIDDLE]
        right, left = beside[: len(beside) // 2], beside[len(beside) // 2 :]
        for one, other in zip(right, left, strict=True):
            opposite[one], opposite[other] = other, one
    position = {index: number for number, index in enumerate(indices)}
    return [position[opposite[index]] for index in indices]


def left_hand_leads(parts: Mapping[str, np.ndarray]) -> bool:
    """Return whether the left hand is dominant: it is detected more often or, with a small difference, held higher.

    Args:
        parts: (T, landmarks, C) points of "pose", "left_hand" and "right_hand" in a picture: y grows downwards.
    """
    left, right = (int(np.sum(~np.isnan(parts[hand][:, 0, 0]))) for hand in ("left_hand", "right_hand"))
    if 5 * abs(left - right) > len(parts["pose"]):  # a fifth of the frames; whole numbers, the same on every machine
        return left > right
    heights = parts["pose"][:, [LEFT_WRIST, RIGHT_WRIST], 1]
    if np.isnan(heights).all(axis=0).any():
        return left > right
    left_y, right_y = np.nanmean(heights, axis=0)
    return bool(left_y < right_y)


def to_wrist_frame(hand: np.ndarray) -> np.ndarray:
    """Return (..., T, 21, C) hands relative to their wrist, in units of the clip's median palm length."""
    centred = hand - hand[..., WRIST : WRIST + 1, :]
    palm = np.linalg.norm(centred[..., MIDDLE_KNUCKLE, :2], axis=-1)  # (..., T)
    unseen = np.isnan(palm).all(axis=-1, keepdims=True)
    unit = np.nanmedian(np.where(unseen, 1.0, palm), axis=-1)
    return centred / np.maximum(unit, 1e-6)[..., None, None, None]


def stretch(points: np.ndarray) -> np.ndarray:
    """Return (T, L, C) points with every frame stretched to 0..1 on each axis."""
    unseen = np.isnan(points).all(axis=1, keepdims=True)
    low = np.nanmin(np.where(unseen, 0, points), axis=1, keepdims=True)
    high = np.nanmax(np.where(unseen, 0, points), axis=1, keepdims=True)
    return (points - low) / np.maximum(high - low, 1e-6)
