"""Seeded variations of training clips, vectorised over a batch.

All work on `FeatureRecipe.points`: (N, T, L, C) with NaN where a landmark is missing. Missing landmarks stay missing;
variations in time move them to other frames. Every function takes the random generator as `rng` and returns a new
array.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from asl_lib.features.recipe import FeatureRecipe

Transform = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def rotate(points: np.ndarray, rng: np.random.Generator, *, degrees: float = 12.0) -> np.ndarray:
    """Rotate every clip by up to +-`degrees` in the picture plane, as another camera position does.

    Points with a depth (C = 3) are rotated about the other two axes as well.
    """
    axes = points.shape[-1]
    turn = np.tile(np.eye(axes, dtype=np.float32), (len(points), 1, 1))  # (N, C, C), for rows of coordinates
    for one, other in ((0, 1), (0, 2), (1, 2))[: 1 if axes == 2 else 3]:
        angle = np.radians(rng.uniform(-degrees, degrees, len(points))).astype(np.float32)
        step = np.tile(np.eye(axes, dtype=np.float32), (len(points), 1, 1))
        step[:, one, one] = step[:, other, other] = np.cos(angle)
        step[:, one, other], step[:, other, one] = np.sin(angle), -np.sin(angle)
        turn = turn @ step
    return np.asarray(points.reshape(len(points), -1, axes) @ turn, np.float32).reshape(points.shape)


def scale(points: np.ndarray, rng: np.random.Generator, *, amount: float = 0.15) -> np.ndarray:
    """Scale every clip by a factor between 1 - `amount` and 1 + `amount`, drawn for each axis."""
    return _each_axis(np.multiply, points, rng.uniform(1 - amount, 1 + amount, (len(points), points.shape[-1])))


def shift(points: np.ndarray, rng: np.random.Generator, *, distance: float = 0.1) -> np.ndarray:
    """Move every clip by up to `distance` (shoulder widths) in each direction."""
    return _each_axis(np.add, points, rng.uniform(-distance, distance, (len(points), points.shape[-1])))


def shear(points: np.ndarray, rng: np.random.Generator, *, amount: float = 0.1) -> np.ndarray:
    """Shear every clip: add up to +-`amount` times y to x, as seen from a camera off to the side."""
    slanted = points.copy()
    slanted[..., 0] += points[..., 1] * _uniform(points, rng, amount).astype(np.float32)
    return slanted


def jitter(points: np.ndarray, rng: np.random.Generator, *, spread: float = 0.01) -> np.ndarray:
    """Add independent noise of standard deviation `spread` (shoulder widths) to every landmark.

    The noise is uniform: normal noise of the same spread takes five times as long to draw.
    """
    noise = rng.random(points.shape, np.float32)
    noise -= np.float32(0.5)
    noise *= np.float32(spread * 12**0.5)
    noise += points
    return noise


def vary_body(points: np.ndarray, rng: np.random.Generator, *, spread: float = 0.02) -> np.ndarray:
    """Give every clip a slightly different body: move each landmark by an offset that is constant over the clip.

    Fingers become longer or shorter, shoulders lower; `spread` is the standard deviation in shoulder widths.
    """
    offsets = rng.normal(0, spread, (len(points), 1, *points.shape[2:]))
    return points + offsets.astype(np.float32)


def warp_time(points: np.ndarray, rng: np.random.Generator, *, amount: float = 0.2) -> np.ndarray:
    """Speed some of each clip up and slow some down, in the same number of frames.

    The new clock is a random monotone curve from the first frame to the last, so no frame is lost at
    either end and time never runs backwards.

    Raises:
        ValueError: `amount` is not in [0, 1).
    """
    if not 0 <= amount < 1:
        raise ValueError(f"amount must be at least 0 and less than 1; got {amount:g}. Time would run backwards.")
    count, frames = points.shape[:2]
    knots = rng.uniform(1 - amount, 1 + amount, (count, 5)) * rng.uniform(1 - amount, 1 + amount, (count, 5))
    at = np.linspace(0, 4, frames - 1)
    low, part = np.minimum(at.astype(int), 3), at - np.minimum(at.astype(int), 3)
    speed = knots[:, low] * (1 - part) + knots[:, low + 1] * part  # (N, T - 1)
    clock = np.concatenate([np.zeros((count, 1)), np.cumsum(speed, axis=1)], axis=1)
    return _sample(points, clock / clock[:, -1:] * (frames - 1))


def crop_time(points: np.ndarray, rng: np.random.Generator, *, amount: float = 0.15) -> np.ndarray:
    """Cut up to `amount` of each clip off at either end and stretch the rest to full length.

    Raises:
        ValueError: `amount` is not in [0, 0.5).
    """
    if not 0 <= amount < 0.5:
        raise ValueError(f"amount must be at least 0 and less than 0.5; got {amount:g}. Time would run backwards.")
    count, frames = points.shape[:2]
    first, last = rng.uniform(0, amount, (count, 1)), 1 - rng.uniform(0, amount, (count, 1))
    return _sample(points, (first + (last - first) * np.linspace(0, 1, frames)) * (frames - 1))


def drop_hands(
    points: np.ndarray, rng: np.random.Generator, *, recipe: FeatureRecipe, share: float = 0.1
) -> np.ndarray:
    """Remove each hand from `share` of the frames, as if the tracker had not detected it."""
    dropped = points.copy()
    for hand in ("left_hand", "right_hand"):
        if hand in recipe.parts:
            lost = rng.random(points.shape[:2]) < share
            dropped[..., recipe.columns(hand), :][lost] = np.nan
    return dropped


def drop_frames(points: np.ndarray, rng: np.random.Generator, *, share: float = 0.1) -> np.ndarray:
    """Remove all landmarks from `share` of the frames, as a stuttering camera does."""
    dropped = points.copy()
    dropped[rng.random(points.shape[:2]) < share] = np.nan
    return dropped


def mask_time(points: np.ndarray, rng: np.random.Generator, *, share: float = 0.4) -> np.ndarray:
    """Remove all landmarks from one stretch of each clip, of up to `share` of its frames.

    The winner of Google's competition on isolated signs added this and `mask_space` to the usual variations.
    """
    count, frames = points.shape[:2]
    length = np.floor(rng.uniform(0, share, count) * frames)
    first = np.floor(rng.uniform(0, 1, count) * (frames - length + 1))
    masked, number = points.copy(), np.arange(frames)
    masked[(number >= first[:, None]) & (number < (first + length)[:, None])] = np.nan
    return masked


def mask_space(points: np.ndarray, rng: np.random.Generator, *, side: float = 0.4) -> np.ndarray:
    """Remove all landmarks inside one square of each clip, as if something hid that part of the signer.

    The square lies somewhere in the box around the clip's points, and is up to `side` times as wide as this box.
    """
    seen = np.nan_to_num(points[..., :2]), ~np.isnan(points[..., :2])
    low = np.min(seen[0], axis=(1, 2), where=seen[1], initial=np.inf)  # (N, 2); infinite where nothing was seen
    high = np.max(seen[0], axis=(1, 2), where=seen[1], initial=-np.inf)
    size = np.maximum(high - low, 0)
    length = rng.uniform(0, side, (len(points), 1)) * size[:, :1]
    first = np.nan_to_num(low) + rng.uniform(0, 1, (len(points), 2)) * np.maximum(size - length, 0)
    first, last = first[:, None, None], (first + length)[:, None, None]
    masked = points.copy()
    masked[((points[..., :2] >= first) & (points[..., :2] <= last)).all(axis=-1)] = np.nan
    return masked


def mirror_some(
    points: np.ndarray, rng: np.random.Generator, *, recipe: FeatureRecipe, share: float = 0.5
) -> np.ndarray:
    """Mirror `share` of the clips (see `FeatureRecipe.mirror`), as if signers of the other hand had signed them."""
    chosen = rng.random(len(points)) < share
    varied = points.copy()
    varied[chosen] = recipe.mirror(points[chosen])
    return varied


def mixup_pairs(
    X: np.ndarray, targets: np.ndarray, rng: np.random.Generator, *, alpha: float
) -> tuple[np.ndarray, np.ndarray]:
    """Mix every clip of a batch, and its target, with a random clip of the batch (mixup; Zhang et al. 2018).

    Args:
        X: (n, ...) encoded clips: without NaN, which cannot be mixed.
        targets: (n, classes) shares of the classes.
        rng: draws the partners and the shares.
        alpha: parameter of the Beta distribution of the shares; small values mix little.

    Returns:
        (n, ...) and (n, classes), convex combinations of the rows given.
    """
    share = rng.beta(alpha, alpha, len(X)).astype(np.float32)
    other = rng.permutation(len(X))
    each = share.reshape(-1, *[1] * (X.ndim - 1))
    mixed = X * each + X[other] * (1 - each)
    return mixed, targets * share[:, None] + targets[other] * (1 - share[:, None])


@dataclass(frozen=True)
class Augmentation:
    """The course's chain of variations. The strengths are those of each function's keyword; 0 leaves one out.

    >>> augmentation = Augmentation(recipe)
    >>> varied = augmentation(points, np.random.default_rng(42))
    """

    recipe: FeatureRecipe
    rotate: float = 12.0
    scale: float = 0.15
    shift: float = 0.1
    shear: float = 0.1
    jitter: float = 0.01
    warp: float = 0.2
    crop: float = 0.15
    drop: float = 0.1
    body: float = 0.0
    frames: float = 0.0
    mirrored: float = 0.0
    mask_time: float = 0.0
    mask_space: float = 0.0

    def steps(self) -> dict[str, Transform]:
        """Return the single variations by name, in the order they are applied."""
        chain: dict[str, tuple[float, Transform]] = {
            "mirroring": (self.mirrored, lambda p, rng: mirror_some(p, rng, recipe=self.recipe, share=self.mirrored)),
            "time warp": (self.warp, lambda p, rng: warp_time(p, rng, amount=self.warp)),
            "crop in time": (self.crop, lambda p, rng: crop_time(p, rng, amount=self.crop)),
            "rotation": (self.rotate, lambda p, rng: rotate(p, rng, degrees=self.rotate)),
            "scale": (self.scale, lambda p, rng: scale(p, rng, amount=self.scale)),
            "shear": (self.shear, lambda p, rng: shear(p, rng, amount=self.shear)),
            "shift": (self.shift, lambda p, rng: shift(p, rng, distance=self.shift)),
            "another body": (self.body, lambda p, rng: vary_body(p, rng, spread=self.body)),
            "jitter": (self.jitter, lambda p, rng: jitter(p, rng, spread=self.jitter)),
            "hand dropout": (self.drop, lambda p, rng: drop_hands(p, rng, recipe=self.recipe, share=self.drop)),
            "frame dropout": (self.frames, lambda p, rng: drop_frames(p, rng, share=self.frames)),
            "mask in time": (self.mask_time, lambda p, rng: mask_time(p, rng, share=self.mask_time)),
            "mask in space": (self.mask_space, lambda p, rng: mask_space(p, rng, side=self.mask_space)),
        }
        return {name: step for name, (strength, step) in chain.items() if strength}

    def __call__(self, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a varied copy of (N, T, L, C) clips."""
        for step in self.steps().values():
            points = step(points, rng)
        return points


def _uniform(points: np.ndarray, rng: np.random.Generator, limit: float) -> np.ndarray:
    """Return one number a clip from -limit to limit, shaped to broadcast over (N, T, L)."""
    return rng.uniform(-limit, limit, (len(points), 1, 1))


def _each_axis(operation: np.ufunc, points: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return float32 points after an operation with (N, C) values: axis by axis, four times as fast as all at once."""
    done = np.empty(points.shape, np.float32)
    for axis in range(points.shape[-1]):
        operation(points[..., axis], values[:, axis, None, None].astype(np.float32), out=done[..., axis])
    return done


def _sample(points: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return the clips at fractional frame numbers (N, T): `resampling.sample_at` for a batch."""
    last = points.shape[1] - 1
    before = np.clip(np.floor(positions).astype(int), 0, last)
    after = np.minimum(before + 1, last)
    rows = np.arange(len(points))[:, None]
    weight = (positions - before)[..., None, None].astype(np.float32)
    earlier, later = points[rows, before], points[rows, after]
    mixed = earlier * (1 - weight) + later * weight
    np.copyto(mixed, earlier, where=weight == 0)  # the later one may be missing
    return mixed.astype(np.float32, copy=False)
