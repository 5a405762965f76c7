"""Rotated rectangles in a picture, which the tracker crops for a model, and the way back for the model's points."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from asl_lib.landmarks.landmarks import LandmarkError

LONGEST_SIDE_PX = 32_766
"""OpenCV crops nothing larger."""
PALM = (0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18)
"""Landmarks of a hand without the ends of the fingers: they move less."""
MIDDLE = np.stack(np.meshgrid(np.linspace(0.28125, 0.71875, 8), np.linspace(0.28125, 0.71875, 8)), -1).reshape(-1, 2)
"""Places in the middle of a region, half as wide and high as the region, in its widths and heights."""


@dataclass(frozen=True, slots=True)
class Region:
    """A turned rectangle.

    Attributes:
        x, y: its centre in px of the picture.
        width, height: its sides in px.
        rotation: how far it is turned clockwise, in radians.
    """

    x: float
    y: float
    width: float
    height: float
    rotation: float = 0.0

    def square(self, scale: float, *, shift: float = 0.0) -> Region:
        """Return a square around this region.

        Args:
            scale: its side, in longer sides of this region.
            shift: how far its centre is moved along this region's own vertical axis, in heights.
        """
        side = max(self.width, self.height) * scale
        x = self.x - self.height * shift * math.sin(self.rotation)
        y = self.y + self.height * shift * math.cos(self.rotation)
        return Region(x, y, side, side, self.rotation)

    def crop(
        self, picture: np.ndarray, size: int, *, border: int = cv2.BORDER_REPLICATE, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the (size, size, 3) uint8 part of a picture in this region, turned upright.

        Args:
            picture: (H, W, 3) uint8.
            size: sides of the result, in px.
            border: what OpenCV puts where the region is outside the picture.
            out: where to write it; None for a new array.

        Raises:
            LandmarkError: the picture has another form.
        """
        check_picture(picture)
        corners = cv2.boxPoints(((self.x, self.y), (self.width, self.height), math.degrees(self.rotation)))
        target = np.array([[0, size], [0, 0], [size, 0], [size, size]], np.float32)
        matrix = cv2.getPerspectiveTransform(corners, target)
        return cv2.warpPerspective(picture, matrix, (size, size), out, flags=cv2.INTER_LINEAR, borderMode=border)

    def to_picture(self, points: np.ndarray) -> np.ndarray:
        """Return points in widths and heights of the region, (n, 2) or (n, 3), as px; z is scaled as x is."""
        result = np.array(points, np.float64)
        offsets = (result[:, :2] - 0.5) * (self.width, self.height)
        result[:, :2] = offsets @ _turn(self.rotation) + (self.x, self.y)
        if result.shape[1] > 2:
            result[:, 2] *= self.width
        return result

    def offsets(self, points: np.ndarray) -> np.ndarray:
        """Return how far (n, 2) points in px are from the centre along the region's own axes, in px."""
        return (points[:, :2] - (self.x, self.y)) @ _turn(-self.rotation)

    def middle_inside(self, picture: np.ndarray) -> float:
        """Return the share of the region's middle, half as wide and high as the region, that lies in the picture."""
        places = self.to_picture(MIDDLE)
        return float(((places >= 0) & (places < (picture.shape[1], picture.shape[0]))).all(axis=1).mean())


def check_picture(picture: Any) -> None:
    """Raise LandmarkError unless a picture is (H, W, 3) uint8: with others OpenCV gives wrong results or errors."""
    is_array = isinstance(picture, np.ndarray)
    got = f"{picture.dtype} of shape {picture.shape}" if is_array else type(picture).__name__
    if not is_array or picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise LandmarkError(f"A picture must be RGB, (H, W, 3) uint8; got {got}. Convert it first.")
    if not 0 < min(picture.shape) <= max(picture.shape) <= LONGEST_SIDE_PX:
        raise LandmarkError(f"A picture must have sides of 1 to {LONGEST_SIDE_PX} px; got {got}.")


def _turn(angle: float) -> np.ndarray:
    """Return the matrix that turns row vectors clockwise in a picture, where y grows downwards."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([[cosine, sine], [-sine, cosine]])


def rotation_between(start: np.ndarray, end: np.ndarray, *, degrees: float) -> float:
    """Return the rotation of a region in which `end` lies in direction `degrees` from `start`: 0 right, 90 up."""
    angle = math.radians(degrees) - math.atan2(start[1] - end[1], end[0] - start[0])
    return angle - 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))


def region_between(start: np.ndarray, end: np.ndarray, *, degrees: float) -> Region:
    """Return the square around `start`, twice as wide as `end` is far, in which `end` lies in direction `degrees`."""
    side = 2 * math.hypot(end[0] - start[0], end[1] - start[1])
    return Region(float(start[0]), float(start[1]), side, side, rotation_between(start, end, degrees=degrees))


def region_around(points: np.ndarray, *, rotation: float) -> Region:
    """Return the box around (n, 2) points in px, its sides along the picture's, then turned about its centre."""
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    (x, y), (width, height) = (low + high) / 2, high - low
    return Region(float(x), float(y), float(width), float(height), rotation)


def square_around(picture: np.ndarray) -> Region:
    """Return the square around a whole (H, W, 3) picture, in which a detector looks."""
    height, width = picture.shape[:2]
    side = max(height, width)
    return Region(width / 2, height / 2, side, side)


def palm_region(hand: np.ndarray) -> Region:
    """Return the smallest region around the palm of (21, 2) landmarks in px, with the knuckles above the wrist."""
    knuckles = ((hand[5] + hand[13]) / 2 + hand[9]) / 2
    rotation = rotation_between(hand[0], knuckles, degrees=90)
    palm = hand[list(PALM)]
    box = region_around(palm, rotation=rotation)
    offsets = box.offsets(palm)
    low, high = offsets.min(axis=0), offsets.max(axis=0)
    x, y = ((low + high) / 2) @ _turn(rotation) + (box.x, box.y)
    width, height = high - low
    return Region(float(x), float(y), float(width), float(height), rotation)


@dataclass(frozen=True)
class Steadiness:
    """How far a region may have moved from one frame to the next for the previous one to stay in use.

    Attributes:
        degrees: rotation.
        shift: of the centre, in sides of the new region.
        scale: change of a side, in sides of the new region.
        inner: part of the new region, around its centre, that must hold all previous landmarks.
    """

    degrees: float
    shift: float
    scale: float
    inner: float

    def holds(self, previous: Region, new: Region, points: np.ndarray) -> bool:
        """Return whether the previous region stays in use.

        Args:
            previous: the region from the landmarks of the frame before.
            new: the region that was found in this frame without them.
            points: (n, 2) landmarks of the frame before, in px.
        """
        sides = np.array([new.width, new.height])
        turned = abs((math.degrees(previous.rotation - new.rotation) + 180) % 360 - 180)
        centre = new.offsets(np.array([[previous.x, previous.y]]))[0]
        grown = np.abs(np.array([previous.width, previous.height]) - sides)
        return bool(
            turned <= self.degrees
            and (np.abs(centre) <= self.shift * sides).all()
            and (grown <= self.scale * sides).all()
            and (np.abs(new.offsets(points)) < self.inner / 2 * sides).all()
        )
