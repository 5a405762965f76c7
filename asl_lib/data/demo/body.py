"""The geometry of arms and wrists, in shoulder widths: x to the right of the picture, y down, z to the viewer.

The origin is midway between the shoulders. All functions are for the *right* arm, whose shoulder is at x = -0.5 (the
signer faces the viewer); the left arm is its mirror image.
"""

from __future__ import annotations

import numpy as np

from asl_lib.data.demo.hand import unit

SHOULDER = np.array([-0.5, 0.0, 0.0])
UPPER_ARM, FOREARM, PALM = 0.78, 0.68, 0.235
# The elbow hangs down, a little outwards and forwards.
ELBOW_POLE = np.array([-0.30, 1.0, 0.20])
MAX_WRIST_BEND = np.radians(38)


def elbow(wrist: np.ndarray, *, arms: float = 1.0) -> np.ndarray:
    """Return the (3,) position of the right elbow, below the line from the shoulder to `wrist` (3,).

    For a wrist that is out of reach the arm is stretched towards it; see `reach`.
    """
    upper, fore = UPPER_ARM * arms, FOREARM * arms
    line = wrist - SHOULDER
    distance = float(np.linalg.norm(line))
    along = line / max(distance, 1e-9)
    # Law of cosines: the elbow's projection onto the line, and its distance from the line.
    foot = (distance**2 + upper**2 - fore**2) / (2 * max(distance, 1e-9))
    height = np.sqrt(max(upper**2 - foot**2, 0.0))
    off = ELBOW_POLE - along * float(ELBOW_POLE @ along)
    return SHOULDER + along * foot + off / max(float(np.linalg.norm(off)), 1e-9) * height


def reach(wrist: np.ndarray, *, arms: float = 1.0) -> np.ndarray:
    """Return the point nearest to `wrist` (3,) that the right arm reaches without being fully stretched or folded."""
    line = wrist - SHOULDER
    distance = float(np.linalg.norm(line))
    near, far = 1.05 * abs(UPPER_ARM - FOREARM) * arms + 0.2, 0.98 * (UPPER_ARM + FOREARM) * arms
    return SHOULDER + line * (np.clip(distance, near, far) / max(distance, 1e-9))


def hand_axes(fingers: np.ndarray, palm: np.ndarray, forearm: np.ndarray) -> np.ndarray:
    """Return the hand's a, u and n axes (see `hand`) as the rows of a (3, 3) array.

    Args:
        fingers: desired direction of the fingers.
        palm: desired direction of the palm; its component along the fingers is removed.
        forearm: direction from elbow to wrist. The fingers are brought within `MAX_WRIST_BEND` of it.
    """
    along, wish = unit(forearm), unit(fingers)
    angle = float(np.arccos(np.clip(along @ wish, -1, 1)))
    if angle > MAX_WRIST_BEND:
        share = MAX_WRIST_BEND / angle
        wish = unit(np.sin((1 - share) * angle) * along + np.sin(share * angle) * wish)
    normal = unit(palm - wish * float(palm @ wish))
    return np.stack([cross(normal, wish), wish, normal])


def rotated(vector: np.ndarray, axis: np.ndarray, degrees: float) -> np.ndarray:
    """Return `vector` rotated about `axis` (Rodrigues' formula)."""
    k, angle = unit(axis), np.radians(degrees)
    return vector * np.cos(angle) + cross(k, vector) * np.sin(angle) + k * float(k @ vector) * (1 - np.cos(angle))


def cross(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the cross product of two vectors (3,): np.cross, to the last bit, in a fifth of the time."""
    (a, b, c), (x, y, z) = one, other
    return np.array([b * z - c * y, c * x - a * z, a * y - b * x])
