"""The hand in a photograph or in a stream of close-ups: 21 landmarks, or none.

The graph of MediaPipe Hands for one hand: a palm detector finds it, without a pose.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from asl_lib.landmarks.detectors import Detector
from asl_lib.landmarks.regions import Region, check_picture, palm_region, region_around, rotation_between, square_around
from asl_lib.landmarks.tracker import HandLandmarks

BORDER = 0.25
"""Border around a photograph, in its widths: the palm detector expects some space around a hand, and misses one in six
hands that fill the picture."""
SHORTEST_SIDE_PX = 200
CONFIDENCE = 0.1
"""Low, because every photograph shows a hand."""


class HandFinder:
    """Finds the one hand in a picture, or in the frames of a stream.

    Args:
        confidence: least confidence of the palm detector, from 0 to 1.
    """

    def __init__(self, *, confidence: float) -> None:
        self._confidence = confidence
        self._detector = Detector("palm_detection_full", ((24, 2), (12, 6)), low=0.0)
        self.landmarks = HandLandmarks()
        self.reset()

    def reset(self) -> None:
        """Forget the frames so far: the next picture is a photograph, or the first of another stream."""
        self._region: Region | None = None

    def track(self, picture: np.ndarray) -> np.ndarray | None:
        """Return the (21, 3) landmarks of the hand in the next frame, or None.

        x and y are in widths and heights of the picture, z in widths with the wrist as 0.
        """
        region = self._region or self.detect(picture)
        found = self.landmarks(picture, region) if region else None
        if found is None:
            self.reset()
            return None
        self._region = palm_region(found).square(2.0, shift=-0.1)
        height, width = picture.shape[:2]
        return (found / (width, height, width)).astype(np.float32)

    def detect(self, picture: np.ndarray) -> Region | None:
        """Return the region of the hand in a picture, or None."""
        found = self._detector(picture, square_around(picture), confidence=self._confidence)
        if found is None:
            return None
        wrist, middle_knuckle = found[2], found[4]
        rotation = rotation_between(wrist, middle_knuckle, degrees=90)
        return region_around(found[:2], rotation=rotation).square(2.6, shift=-0.5)


def add_border(image: np.ndarray, *, border: float = BORDER) -> np.ndarray:
    """Return a square photograph with a border, and large enough for the palm detector.

    Args:
        image: (size, size, 3) uint8.
        border: in widths of the photograph; the pixels of its edge are repeated.

    Raises:
        LandmarkError: the photograph has another form.
    """
    check_picture(image)
    scale = max(1, -(-SHORTEST_SIDE_PX // len(image)))
    large = cv2.resize(np.asarray(image), None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    margin = round(border * len(large))
    return cv2.copyMakeBorder(large, margin, margin, margin, margin, cv2.BORDER_REPLICATE)


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
    finder = HandFinder(confidence=confidence)
    for image in images:
        finder.reset()
        points = finder.track(add_border(image, border=border))
        if points is None:
            points = np.full((21, 3), np.nan, np.float32)
        found.append(points * (1 + 2 * border) - np.array([border, border, 0], np.float32))
    return np.stack(found) if found else np.empty((0, 21, 3), np.float32)
