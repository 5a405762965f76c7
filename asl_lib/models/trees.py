"""Trees on a hand-made description of each clip: a baseline without a network."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
from scipy.ndimage import uniform_filter1d

from asl_lib.features.handshape import MIDDLE_KNUCKLE, TIPS, WRIST, describe_hand
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.models.errors import TrainingError
from asl_lib.models.forest import Forest
from asl_lib.models.point_model import PointModel
from asl_lib.models.registry import register

SEEN_ENOUGH = 0.3
"""Least share of the frames in which the left hand must be seen to count as part of the sign."""
WIDEST = 5.0
"""Largest distance of a number from its mean, in standard deviations: where tracking fails, a path has any length."""
DESCRIBED = {"resample": (0.25, 0.2), "pad": (0.25, 0.2), "window": (0.0, 0.0)}
"""A recipe's timing -> shares of the clip that are left out at both ends, of the means and of the wider movements."""


@register("trees")
class HandTrees(PointModel):
    """Extremely randomised trees (Geurts, Ernst and Wehenkel 2006) on a description of each clip, see `describe_clips`.

    Where the recipe does not turn all clips to the right hand (`mirror_left_handed`), the trees learn every clip and
    its mirror image, and answer with the mean over both. 800 trees take up to 32 kB of memory for each training clip,
    however many classes there are.

    Args:
        recipe: the recipe of the points, with both hands among its parts.
        classes: number of glosses.
        trees: number of trees; more do no harm, but take more time.
        seed: seed of the trees.

    Raises:
        ValueError: the recipe lacks a hand, or there are fewer than 2 classes or 1 tree.
    """

    name, file = "trees", "model.npz"

    def __init__(self, recipe: FeatureRecipe, *, classes: int, trees: int = 800, seed: int = 42) -> None:
        if classes < 2 or trees < 1:
            raise ValueError(f"Trees need at least 2 classes and 1 tree; got {classes} and {trees}.")
        _check_recipe(recipe)
        self.recipe, self.classes, self.trees, self.seed = recipe, classes, trees, seed
        self._forest: Forest | None = None

    def fit(self, points: np.ndarray, y: np.ndarray) -> Self:
        views = self._views(points)
        X, labels = np.concatenate(views), np.tile(y, len(views))
        self._forest = Forest.grow(X, labels, classes=self.classes, trees=self.trees, seed=self.seed)
        return self

    def predict(self, points: np.ndarray) -> np.ndarray:
        """Return (n, classes) probabilities of (n, frames, L, C) points; 0 for a class without a training clip."""
        views = self._views(points) if len(points) else [np.empty((0, self._grown.features))]
        return np.asarray(sum(self._grown.predict(view) for view in views) / len(views))

    def count_params(self) -> int:
        """Return the number of nodes of all trees: what the number of parameters is for a network."""
        return len(self._grown.feature)

    def save(self, path: str | Path) -> None:
        self._grown.save(path)

    @classmethod
    def load(cls, path: str | Path, recipe: FeatureRecipe) -> Self:
        try:
            forest = Forest.load(path)
            model = cls(recipe, classes=forest.shares.shape[1], trees=len(forest.roots))
            blank = np.full((1, recipe.frames, recipe.num_landmarks, recipe.num_coordinates), np.nan, np.float32)
            if describe_clips(blank, recipe).shape[1] != forest.features:
                raise ValueError(f"they compare {forest.features} numbers")
        except (OSError, ValueError) as error:
            raise TrainingError(f"{path} does not hold trees for this recipe: {error}. Train them again.") from error
        model._forest = forest
        return model

    @property
    def _grown(self) -> Forest:
        if self._forest is None:
            raise TrainingError("The trees have learned nothing yet. Call fit first.")
        return self._forest

    def _views(self, points: np.ndarray) -> list[np.ndarray]:
        return [describe_clips(view, self.recipe) for view in self.views(points)]


def describe_clips(points: np.ndarray, recipe: FeatureRecipe) -> np.ndarray:
    """Return a description of each clip by handshape, location and movement.

    Right hand: its shape (`describe_hand`) and its location, as means over the middle half of the clip in which a frame
    has more weight when the hand moves less; the standard deviation, displacement and path length of the finger tips,
    in palm lengths. Left hand: the share of frames in which it is seen and, above `SEEN_ENOUGH`, its location relative
    to the right hand.

    A recipe whose `timing` is "window" keeps the middle of the clip only, so all its frames count.

    Args:
        points: (N, frames, L, C) as `recipe.points` gives them; NaN where missing.
        recipe: their recipe, with both hands among its parts.

    Returns:
        (N, numbers) float64 without NaN; 0 where a hand was never seen.

    Raises:
        ValueError: the recipe lacks a hand, or has fewer than 3 frames.
    """
    _check_recipe(recipe)
    count, frames = points.shape[:2]
    time = np.linspace(0, 1, frames)
    inner, outer = DESCRIBED[recipe.timing]
    right, _ = _held(points[:, :, recipe.columns("right_hand")])
    left, left_seen = _held(points[:, :, recipe.columns("left_hand")])

    palm = np.median(np.linalg.norm(right[:, :, MIDDLE_KNUCKLE] - right[:, :, WRIST], axis=-1), axis=1)
    in_palms = right / np.maximum(palm, 1e-6)[:, None, None, None]
    speed = smooth(np.linalg.norm(np.gradient(in_palms, axis=1), axis=-1).mean(axis=-1))  # (N, T)
    still = np.exp(-speed / np.maximum(np.median(speed, axis=1, keepdims=True), 1e-6))
    inside = (time >= inner) & (time <= 1 - inner)
    # A hand that is hardly ever seen and then jumps is never still: all frames have the same weight.
    weight = np.where((still * inside).any(axis=1, keepdims=True), still, 1) * inside
    weight /= weight.sum(axis=1, keepdims=True)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.asarray((values.reshape(count, frames, -1) * weight[:, :, None]).sum(axis=1))

    from_wrist = right - right[:, :, WRIST : WRIST + 1]
    shapes = [describe_hand(from_wrist[..., :2])]
    shapes += [describe_hand(from_wrist)] if recipe.num_coordinates == 3 else []
    numbers = [mean(shape) for shape in shapes]
    for margin in (outer, inner):
        tips = in_palms[:, (time >= margin) & (time <= 1 - margin)][:, :, list(TIPS), :2]
        displacement, path = tips[:, -1] - tips[:, 0], np.abs(np.diff(tips, axis=1)).sum(axis=1)
        numbers += [part.reshape(count, -1) for part in (tips.std(axis=1), displacement, path)]
    ends = [WRIST, MIDDLE_KNUCKLE]
    beside = mean((left - right)[:, :, ends, :2]) * (left_seen > SEEN_ENOUGH)[:, None]
    return np.concatenate([*numbers, mean(right[:, :, ends, :2]), beside, left_seen[:, None]], axis=1)


def standardise(described: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return (n, numbers) descriptions in standard deviations from their mean, at most `WIDEST`."""
    return np.clip((described - mean) / spread, -WIDEST, WIDEST)


def _check_recipe(recipe: FeatureRecipe) -> None:
    if recipe.frames < 3:
        raise ValueError(f"A clip must have at least 3 frames to be described; the recipe has {recipe.frames}.")
    if {"left_hand", "right_hand"} - set(recipe.parts):
        raise ValueError(f"The recipe must have both hands among its parts; got {', '.join(recipe.parts)}.")


def _held(hand: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (N, T, 21, C), each missing frame replaced by the nearest seen one, and (N,) the share of seen frames."""
    seen = ~np.isnan(hand[:, :, 0, 0])  # (N, T)
    frames = np.arange(hand.shape[1])
    distance = np.abs(frames[:, None] - frames[None])  # (T, T)
    nearest = np.where(seen[:, None], distance, 2 * len(frames)).argmin(axis=-1)  # (N, T)
    held = np.take_along_axis(hand, nearest[:, :, None, None], axis=1)
    return np.nan_to_num(held).astype(np.float64), seen.mean(axis=1)


def smooth(speed: np.ndarray) -> np.ndarray:
    """Return (N, T) averaged over a tenth of the clip."""
    return np.asarray(uniform_filter1d(speed, max(1, round(speed.shape[1] / 10)), axis=1, mode="nearest"))
