"""The geometry of arms and wrists, in shoulder widths: x to the right of the picture, y down, z to the viewer.

The origin is midway between the shoulders. All functions are for the *right* arm, whose shoulder is at x = -0.5 (the
signer faces the viewer); the left arm is its mirror image. Points and directions are (..., 3).
"""

from __future__ import annotations

import numpy as np

from asl_lib.data.demo.hand import dot, norm, unit

SHOULDER = np.array([-0.5, 0.0, 0.0])
UPPER_ARM, FOREARM, PALM = 0.78, 0.68, 0.235
# The elbow hangs down, a little outwards and forwards.
ELBOW_POLE = np.array([-0.30, 1.0, 0.20])
MAX_WRIST_BEND = np.radians(38)


def elbow(wrist: np.ndarray, *, arms: float = 1.0) -> np.ndarray:
    """Return the position of the right elbow, below the line from the shoulder to `wrist`.

    For a wrist that is out of reach the arm is stretched towards it; see `reach`.
    """
    upper, fore = UPPER_ARM * arms, FOREARM * arms
    line = wrist - SHOULDER
    distance, along = norm(line), unit(line)
    # Law of cosines: the elbow's projection onto the line, and its distance from the line.
    foot = (distance**2 + upper**2 - fore**2) / (2 * np.maximum(distance, 1e-9))
    height = np.sqrt(np.maximum(upper**2 - foot**2, 0.0))
    return SHOULDER + along * foot + unit(ELBOW_POLE - along * dot(ELBOW_POLE, along)) * height


def reach(wrist: np.ndarray, *, arms: float = 1.0) -> np.ndarray:
    """Return the point nearest to `wrist` that the right arm reaches without being fully stretched or folded."""
    line = wrist - SHOULDER
    distance = norm(line)
    near, far = 1.05 * abs(UPPER_ARM - FOREARM) * arms + 0.2, 0.98 * (UPPER_ARM + FOREARM) * arms
    return SHOULDER + line * (np.clip(distance, near, far) / np.maximum(distance, 1e-9))


def hand_axes(fingers: np.ndarray, palm: np.ndarray, forearm: np.ndarray) -> np.ndarray:
    """Return the hand's a, u and n axes (see `hand`) as the rows of a (..., 3, 3) array.

    Args:
        fingers: desired direction of the fingers.
        palm: desired direction of the palm; its component along the fingers is removed.
        forearm: direction from elbow to wrist. The fingers are brought within `MAX_WRIST_BEND` of it.
    """
    along, wish = unit(forearm), unit(fingers)
    angle = np.arccos(np.clip(dot(along, wish), -1, 1))
    share = MAX_WRIST_BEND / np.maximum(angle, MAX_WRIST_BEND)
    bent = unit(np.sin((1 - share) * angle) * along + np.sin(share * angle) * wish)
    wish = np.where(angle > MAX_WRIST_BEND, bent, wish)
    normal = unit(palm - wish * dot(palm, wish))
    return np.stack([np.cross(normal, wish), wish, normal], axis=-2)


def rotated(vector: np.ndarray, axis: np.ndarray, degrees: float | np.ndarray) -> np.ndarray:
    """Return vectors rotated about `axis` by a number of degrees or by (...,) of them (Rodrigues' formula)."""
    k, angle = unit(axis), np.radians(degrees)[..., None]
    return vector * np.cos(angle) + np.cross(k, vector) * np.sin(angle) + k * dot(k, vector) * (1 - np.cos(angle))
