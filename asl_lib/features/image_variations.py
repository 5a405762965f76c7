"""Seeded variations of photographs and clips that leave a handshape the handshape, and a sign the sign it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from asl_lib.features.optical_flow import reverse_flow


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
        channels = image.shape[-1]
        gain = (1 + rng.uniform(-self.light, self.light)) * (1 + rng.uniform(-self.light, self.light, channels) / 3)
        varied *= slope * gain.astype(np.float32)
        if self.noise:
            varied += rng.uniform(0, self.noise) * rng.standard_normal(varied.shape, np.float32)
        return np.clip(varied, 0, 255)


@dataclass(frozen=True)
class ClipVariation(ImageVariation):
    """How to vary clips: every frame of a clip alike, because a camera does not jump and a lamp does not flicker.

    A mirror exchanges the hands of the signer: the same sign, signed by a left-handed person. It also turns the
    direction of every movement round, so in a clip of optical flow the x component changes its sign. A clip of flow
    keeps its light, and is not turned, for its values are directions.

    Attributes:
        tempo: largest share of a clip that is cut off at either end, and the rest is stretched to its length.
        flow: whether the clips are of optical flow.
    """

    rotation: float = 4.0
    scale: float = 0.1
    shift: float = 0.06
    noise: float = 0.0
    tempo: float = 0.1
    flow: bool = False

    def __call__(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a varied float32 copy of (n, frames, size, size, channels) clips, from 0 to 255."""
        return np.stack([self._vary_clip(np.asarray(clip), rng) for clip in images])

    def _vary_clip(self, clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        seed, mirrored = int(rng.integers(2**63)), rng.random() < self.mirrored
        first, last = rng.uniform(0, self.tempo, 2) * (len(clip) - 1)
        clip = clip[np.round(np.linspace(first, len(clip) - 1 - last, len(clip))).astype(int)]
        if mirrored:
            clip = clip[:, :, ::-1]
            clip = reverse_flow(clip) if self.flow else clip
        still: dict[str, Any] = {"rotation": 0.0, "light": 0.0, "background": 0.0} if self.flow else {}
        alike = replace(self, mirrored=0.0, **still)
        frames = np.ascontiguousarray(clip, np.uint8)
        return np.stack([alike._vary(frame, np.random.default_rng(seed)) for frame in frames])


def exchange_background(image: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Return a (size, size, 3) uint8 picture whose background has another colour, and its old light and shadow.

    The background is what connects to the upper corners with neighbouring pixels of nearly the same colour: photographs
    of a hand before a wall, and rendered ones, have such a background.
    """
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
