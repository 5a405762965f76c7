"""Seeded variations of photographs that leave a handshape the handshape it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ImageVariation:
    """How to vary training photographs: what a hand, a lamp and a camera do, and no more.

    Angles stay small, because some letters differ by little else (a K that is turned becomes a P). Nothing is mirrored
    unless asked: a mirror makes a left hand of a right one, which is the same letter, but seen with signers who all use
    the right hand it teaches a network hands that are not in the test, at the cost of those that are.

    Attributes:
        rotation: largest turn, in degrees.
        scale: largest change of size, as a share.
        shift: largest change of place, in widths of the picture.
        light: largest change of brightness and of each colour's strength, as a share; a slope of light from one side
            to the other goes up to the same share.
        background: share of pictures whose border colours, as far as they are like the corners', are exchanged for
            another colour.
        blur: largest standard deviation of a blur, in px.
        noise: largest standard deviation of the camera's noise, in grey levels.
        mirrored: share of pictures seen in a mirror.
    """

    rotation: float = 12.0
    scale: float = 0.15
    shift: float = 0.08
    light: float = 0.3
    background: float = 0.0
    blur: float = 0.0
    noise: float = 6.0
    mirrored: float = 0.0

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a varied float32 copy of (n, size, size, 3) photographs, from 0 to 255."""
        return np.stack([self._vary(np.asarray(image), rng) for image in images])

    def _vary(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        import cv2

        size = len(image)
        turn = rng.uniform(-self.rotation, self.rotation)
        matrix = cv2.getRotationMatrix2D((size / 2, size / 2), turn, 1 + rng.uniform(-self.scale, self.scale))
        matrix[:, 2] += rng.uniform(-self.shift, self.shift, 2) * size
        if rng.random() < self.mirrored:
            image = image[:, ::-1]
        if rng.random() < self.background:
            image = exchange_background(image, rng.uniform(40, 240) + rng.uniform(-40, 40, 3))
        varied = cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        if (spread := rng.uniform(0, self.blur)) > 0.2:
            varied = cv2.GaussianBlur(varied, None, spread)
        ramp = np.linspace(-1, 1, size, dtype=np.float32)
        across, down = rng.uniform(-self.light, self.light, 2).astype(np.float32) / 2
        slope = 1 + across * ramp[None, :, None] + down * ramp[:, None, None]
        gain = (1 + rng.uniform(-self.light, self.light)) * (1 + rng.uniform(-self.light, self.light, 3) / 3)
        varied *= slope * gain.astype(np.float32)
        if self.noise:
            varied += rng.uniform(0, self.noise) * rng.standard_normal(varied.shape, np.float32)
        return np.clip(varied, 0, 255)


def exchange_background(image: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Return a (size, size, 3) uint8 picture whose background has another colour, and its old light and shadow.

    The background is what connects to the upper corners with neighbouring pixels of nearly the same colour: photographs
    of a hand before a wall, and rendered ones, have such a background.
    """
    import cv2

    size = len(image)
    mask = np.zeros((size + 2, size + 2), np.uint8)
    smooth = np.ascontiguousarray(cv2.GaussianBlur(image, None, 1.0))
    for corner in ((0, 0), (size - 1, 0)):
        if not mask[corner[1] + 1, corner[0] + 1]:
            cv2.floodFill(smooth, mask, corner, 0, (4,) * 3, (4,) * 3, 4 | (1 << 8) | cv2.FLOODFILL_MASK_ONLY)
    chosen = cv2.GaussianBlur(mask[1:-1, 1:-1].astype(np.float32), None, 0.8)[..., None]
    old = image.astype(np.float32)
    light = old.mean(axis=-1, keepdims=True) / max(float(old[mask[1:-1, 1:-1] > 0].mean()), 1.0)
    mixed = old * (1 - chosen) + np.asarray(colour, np.float32) * light * chosen
    return np.clip(mixed, 0, 255).astype(np.uint8)
