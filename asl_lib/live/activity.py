"""Is somebody signing? A hand that is up, in front of the body, says so."""

from __future__ import annotations

import numpy as np

from asl_lib.features.handshape import WRIST
from asl_lib.features.recipe import LEFT_SHOULDER, LEFT_WRIST, RIGHT_SHOULDER, RIGHT_WRIST

UP_WIDTHS = 1.05
"""A wrist is up while it is at most so many shoulder widths below the shoulders: about where the ribs end."""


def hands_up(parts: dict[str, np.ndarray], size: tuple[int, int]) -> bool:
    """Say whether a hand is up.

    Where no shoulders are seen (a hand before the camera, or a tracker of hands alone) a hand in view is up.

    Args:
        parts: part -> (l, 3 or more) image-normalised points; NaN where not detected.
        size: width and height of the picture in px.
    """
    hands = {LEFT_WRIST: parts.get("left_hand"), RIGHT_WRIST: parts.get("right_hand")}
    seen = {wrist: hand is not None and not np.isnan(hand[WRIST, 0]) for wrist, hand in hands.items()}
    pose = parts.get("pose")
    if pose is None or np.isnan(pose[[LEFT_SHOULDER, RIGHT_SHOULDER], :2]).any():
        return any(seen.values())
    scale = np.array([1.0, size[1] / size[0]])
    left, right = pose[LEFT_SHOULDER, :2] * scale, pose[RIGHT_SHOULDER, :2] * scale
    lowest = (left[1] + right[1]) / 2 + UP_WIDTHS * float(np.linalg.norm(left - right))
    for wrist, hand in hands.items():
        # The hand's own wrist is the surer one; the pose's is a guess where the arm is out of the picture.
        point = hand[WRIST] if seen[wrist] and hand is not None else pose[wrist]
        if not np.isnan(point[1]) and point[1] <= 1 and point[1] * scale[1] <= lowest:
            return True
    return False
