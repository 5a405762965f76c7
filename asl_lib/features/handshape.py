"""A description of the shape of a hand in numbers, independent of its position."""

from __future__ import annotations

from functools import reduce

import numpy as np

WRIST, MIDDLE_KNUCKLE = 0, 9
FINGERS = tuple((0, *range(base, base + 4)) for base in (1, 5, 9, 13, 17))
"""The landmarks of each finger from the wrist to its tip, thumb first."""
TIPS = tuple(finger[-1] for finger in FINGERS)
HANDSHAPE_SIZE = {2: 15 + 10 + 16 + 40, 3: 15 + 10 + 16 + 60}
"""Numbers of `describe_hand`, by number of coordinates."""


def describe_hand(hand: np.ndarray) -> np.ndarray:
    """Return numbers that describe a hand's shape, independent of its position and size.

    The cosines of the 15 finger joints (1 is straight), the 10 distances between finger tips and the 16 from the
    thumb's tip to the other fingers' landmarks (both in palm lengths), and the directions of the 20 bones. Only the
    directions change when the hand is rotated: they contain its orientation, which is another parameter of signs.

    Args:
        hand: (..., 21, C) landmarks of one hand in 2 or 3 coordinates; NaN where missing.

    Returns:
        (..., 81) for 2 coordinates, (..., 101) for 3; NaN where missing.
    """
    start = [joint for finger in FINGERS for joint in finger[:-1]]
    end = [joint for finger in FINGERS for joint in finger[1:]]
    bones = hand[..., end, :] - hand[..., start, :]  # (..., 20, C), four a finger
    directions = bones / np.maximum(_length(bones)[..., None], 1e-6)
    inner = [i for i in range(len(end)) if i % 4 != 3]
    bends = _dot(directions[..., inner, :], directions[..., [i + 1 for i in inner], :])
    palm = np.maximum(_length(hand[..., MIDDLE_KNUCKLE, :] - hand[..., WRIST, :]), 1e-6)[..., None]
    one, other = np.triu_indices(len(TIPS), k=1)
    tips = hand[..., TIPS, :]
    apart = _length(tips[..., one, :] - tips[..., other, :]) / palm
    thumb = _length(hand[..., 5:, :] - hand[..., TIPS[0], None, :]) / palm
    return np.concatenate([bends, apart, thumb, directions.reshape(*hand.shape[:-2], -1)], axis=-1)


def _dot(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return (...) dot products of (..., C) vectors, axis by axis: a sum over a short axis takes ten times as long."""
    return np.asarray(reduce(np.add, np.moveaxis(one * other, -1, 0)))


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(_dot(vectors, vectors))


def describe_photographs(hands: np.ndarray) -> np.ndarray:
    """Return (n, 182) numbers for the hands that `landmarks.hands.find_hands` found in photographs, (n, 21, 3).

    They are those of `describe_hand` in 2 and in 3 coordinates; 0 where no hand was found.

    Left hands are mirrored first: a letter is the same letter on either hand. A left hand is recognised by the side of
    its thumb, seen from the palm.
    """
    upright = hands.copy()
    # Of a right hand whose palm faces the camera, the little finger lies counter-clockwise from the index finger.
    index, pinky = (hands[:, joint, :2] - hands[:, 0, :2] for joint in (5, 17))
    left = index[:, 0] * pinky[:, 1] - index[:, 1] * pinky[:, 0] > 0
    upright[left, :, 0] *= -1
    own = upright - upright[:, :1]
    return np.nan_to_num(np.concatenate([describe_hand(own[..., :2]), describe_hand(own)], axis=-1)).astype(np.float32)
