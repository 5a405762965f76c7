"""The simplest rivals of every network: a linear classifier, and guessing. The live demo does not choose them."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import numpy as np
from scipy.special import softmax

from asl_lib._util.files import atomic_write, read_npz
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.models.errors import TrainingError
from asl_lib.models.point_model import PointModel, check_arrays
from asl_lib.models.registry import register

CLIPS_AT_A_TIME = 256


@register("ridge")
class Ridge(PointModel):
    """Ridge classifier (Hoerl and Kennard 1970) on the standardised features of a recipe.

    Each gloss has a weight for every number of every frame. The probabilities are the softmax of the sums: their
    order means something, their size does not.

    Args:
        recipe: the recipe of the points.
        classes: number of glosses.
        alpha: strength of the penalty on the weights.
    """

    name, file, mirrored = "ridge", "ridge.npz", False

    def __init__(self, recipe: FeatureRecipe, *, classes: int, alpha: float = 1000.0) -> None:
        self.recipe, self.classes, self.alpha = recipe, classes, alpha
        self._weights, self._bias = np.empty((0, 0), np.float32), np.empty(0, np.float32)

    def fit(self, points: np.ndarray, y: np.ndarray) -> Self:
        from sklearn import linear_model
        from sklearn.preprocessing import StandardScaler

        views = self._views(points)
        X, labels = np.concatenate(views), np.tile(y, len(views))
        scaler = StandardScaler().fit(X)
        # A regression on +1 and -1, as RidgeClassifier's, but with a column for glosses without a training clip, too.
        targets = np.where(labels[:, None] == np.arange(self.classes), 1.0, -1.0)
        found = linear_model.Ridge(self.alpha).fit(scaler.transform(X), targets)
        weights = found.coef_.reshape(self.classes, -1).T / scaler.scale_[:, None]
        self._weights = weights.astype(np.float32)
        self._bias = (found.intercept_ - scaler.mean_ @ weights).astype(np.float32)
        return self

    def predict(self, points: np.ndarray) -> np.ndarray:
        if not len(self._bias):
            raise TrainingError(f"The model '{self.name}' has learned nothing yet. Call fit first.")
        sums = np.empty((len(points), self.classes), np.float32)
        for start in range(0, len(points), CLIPS_AT_A_TIME):
            some = slice(start, start + CLIPS_AT_A_TIME)
            sums[some] = np.mean([view @ self._weights for view in self._views(points[some])], axis=0) + self._bias
        return np.asarray(softmax(sums, axis=1))

    def count_params(self) -> int:
        return self._weights.size + self._bias.size

    def save(self, path: str | Path) -> None:
        with atomic_write(path) as tmp, tmp.open("wb") as file:
            np.savez_compressed(file, weights=self._weights, bias=self._bias)

    @classmethod
    def load(cls, path: str | Path, recipe: FeatureRecipe) -> Self:
        try:
            arrays = read_npz(path, ["weights", "bias"])
            model = cls(recipe, classes=arrays["bias"].size)
            check_arrays(arrays, {"weights": (model._numbers, model.classes), "bias": (model.classes,)})
        except (OSError, ValueError) as error:
            raise TrainingError(f"{path} holds no '{cls.name}' for this recipe: {error}. Train it again.") from error
        model._weights, model._bias = arrays["weights"], arrays["bias"]
        return model

    @property
    def _numbers(self) -> int:
        """The length of a view of one clip."""
        return self.recipe.frames * self.recipe.num_features

    def _views(self, points: np.ndarray) -> list[np.ndarray]:
        """Return the (n, frames x features) features of each clip and, if `mirrored`, of its mirror image."""
        clips = self.views(points) if self.mirrored else [points]
        return [self.recipe.encode(each).reshape(len(points), -1) for each in clips]


@register("ridge_mirrored")
class MirroredRidge(Ridge):
    """`Ridge` that learns every clip and its mirror image, and answers with the mean over both, as the trees do."""

    name, file, mirrored = "ridge_mirrored", "ridge_mirrored.npz", True


@register("chance")
class Chance(Ridge):
    """Names the most frequent gloss of the training clips, whatever it is shown: a linear model of no numbers."""

    name, file, _numbers = "chance", "chance.npz", 0

    def fit(self, points: np.ndarray, y: np.ndarray) -> Self:
        self._weights = np.empty((0, self.classes), np.float32)
        shares = np.bincount(y, minlength=self.classes) / len(y)
        self._bias = np.log(np.maximum(shares, 1e-9)).astype(np.float32)
        return self

    def _views(self, points: np.ndarray) -> list[np.ndarray]:
        return [np.empty((len(points), 0), np.float32)]
