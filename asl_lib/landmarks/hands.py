"""The hand in a photograph: 21 landmarks, or none."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from asl_lib._util.console import quiet_native_stderr
from asl_lib.landmarks.tracker import require_mediapipe

BORDER = 0.25
"""Border around a photograph, in its widths: MediaPipe's palm detector expects a hand with some room around it, and
misses one in six of those that fill the picture."""
SHORTEST_SIDE_PX = 200
CONFIDENCE = 0.1
"""Low, because every photograph shows a hand."""


def find_hands(images: Iterable[np.ndarray], *, border: float = BORDER, confidence: float = CONFIDENCE) -> np.ndarray:
    """Return the landmarks of the one hand in each square photograph.

    Args:
        images: (size, size, 3) uint8 RGB.
        border: border to add around each, in its widths; the pixels of the edge are repeated.
        confidence: least confidence of the palm detector, from 0 to 1.

    Returns:
        (n, 21, 3) float32: x and y in widths of the photograph, z in the same unit with the wrist as 0; NaN where no
        hand was found.
    """
    found = []
    with quiet_native_stderr():
        tracker = require_mediapipe().hands.Hands(
            static_image_mode=True, max_num_hands=1, min_detection_confidence=confidence
        )
    with tracker:
        for image in images:
            scale = max(1, -(-SHORTEST_SIDE_PX // len(image)))
            large = cv2.resize(np.asarray(image), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
            margin = round(border * len(large))
            large = cv2.copyMakeBorder(large, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
            with quiet_native_stderr():
                hands = tracker.process(large).multi_hand_landmarks
            if hands is None:
                found.append(np.full((21, 3), np.nan, np.float32))
                continue
            points = np.array([(p.x, p.y, p.z) for p in hands[0].landmark], np.float32)
            found.append(points * (1 + 2 * border) - np.array([border, border, 0], np.float32))
    return np.stack(found) if found else np.empty((0, 21, 3), np.float32)
