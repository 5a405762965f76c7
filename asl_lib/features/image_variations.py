"""Seeded variations of photographs and clips that change neither the handshape nor the sign."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from asl_lib.features.optical_flow import reverse_flow


@dataclass(frozen=True)
class ImageVariation:
    """How training photographs are varied: like small changes of the hand, the light and the camera.

    Angles stay small because letters such as K and P, or G and Q, differ mainly in orientation. By default nothing is
    mirrored: the mirror image shows the same letter with the left hand, but if all signers use the right hand, learning
    left hands costs accuracy.

    Attributes:
        rotation: largest rotation, in degrees.
        scale: largest change of size, as a share.
        shift: largest shift, in widths of the picture.
        light: largest change of brightness, of each colour channel and of brightness from side to side, as a share.
        background: share of pictures whose background gets another colour, see `exchange_background`.
        blur: largest standard deviation of a blur, in px.
        noise: largest standard deviation of the noise, in grey levels.
        mirrored: share of pictures that are mirrored.
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
        return np.concatenate([self._vary_alike(np.asarray(image)[None], rng) for image in images])

    def _vary_alike(self, images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a float32 copy of (n, size, size, channels) pictures, all of them varied in the same way."""
        size, channels = images.shape[1], images.shape[-1]
        turn = rng.uniform(-self.rotation, self.rotation)
        matrix = cv2.getRotationMatrix2D((size / 2, size / 2), turn, 1 + rng.uniform(-self.scale, self.scale))
        matrix[:, 2] += rng.uniform(-self.shift, self.shift, 2) * size
        if rng.random() < self.mirrored:
            images = images[:, :, ::-1]
        if rng.random() < self.background:
            colour = rng.uniform(40, 240) + rng.uniform(-40, 40, 3)
            images = np.stack([exchange_background(image, colour) for image in images])
        spread = rng.uniform(0, self.blur)
        ramp = np.linspace(-1, 1, size, dtype=np.float32)
        across, down = rng.uniform(-self.light, self.light, 2).astype(np.float32) / 2
        slope = 1 + across * ramp + down * ramp[:, None]
        gain = (1 + rng.uniform(-self.light, self.light)) * (1 + rng.uniform(-self.light, self.light, channels) / 3)
        light = cv2.merge([slope * part for part in np.asarray(gain, np.float32)])
        noise = None
        if self.noise:
            noise = rng.uniform(0, self.noise) * rng.standard_normal(images.shape[1:], np.float32)
        varied = np.empty(images.shape, np.float32)
        for image, result in zip(images, varied, strict=True):
            result[:] = cv2.warpAffine(image, matrix, (size, size), borderMode=cv2.BORDER_REPLICATE)
            if spread > 0.2:
                cv2.GaussianBlur(result, None, spread, dst=result)
            result *= light
            if noise is not None:
                result += noise
        return np.clip(varied, 0, 255, out=varied)


@dataclass(frozen=True)
class ClipVariation(ImageVariation):
    """How clips are varied: all frames of a clip alike, because neither camera nor light changes within a clip.

    A mirrored clip shows the sign of a left-handed person; in a clip of optical flow the x component changes its sign.
    The light and rotation of optical flow are not varied, because its values are directions.

    Attributes:
        tempo: largest share of a clip that is cut off at either end; the rest is stretched to the length of the clip.
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
        return alike._vary_alike(frames, np.random.default_rng(seed))


def exchange_background(image: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Return a (size, size, 3) uint8 picture whose background has another colour, with the same light and shadow.

    The background is the region of nearly equal colours that is connected to the upper corners, as in photographs of a
    hand in front of a wall and in rendered ones.
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
