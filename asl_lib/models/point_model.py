"""Models that learn from a recipe's points and are saved as one `.npz` file, not by Keras."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from asl_lib.features.recipe import FeatureRecipe


class PointModel(ABC):
    """A model that is not saved by Keras, for clips of (frames, L, C) points as `recipe.points` gives them.

    Attributes:
        name: the name of its results, with which it is registered.
        file: the `.npz` file that it is saved as, in its folder; no other model has it. The live demo, where no model
            is named, takes the newest file called `model.*`.
        recipe: the recipe of the points.
        classes: number of glosses.
    """

    name: ClassVar[str]
    file: ClassVar[str]
    recipe: FeatureRecipe
    classes: int

    @abstractmethod
    def fit(self, points: np.ndarray, y: np.ndarray) -> Self:
        """Learn from (n, frames, L, C) points and their (n,) class numbers."""

    @abstractmethod
    def predict(self, points: np.ndarray) -> np.ndarray:
        """Return (n, classes) probabilities of (n, frames, L, C) points."""

    @abstractmethod
    def count_params(self) -> int:
        """Return the number of learned numbers."""

    @abstractmethod
    def save(self, path: str | Path) -> None:
        """Write the model to a `.npz` file; its recipe is not in it."""

    @classmethod
    @abstractmethod
    def load(cls, path: str | Path, recipe: FeatureRecipe) -> Self:
        """Return the model that `save` wrote, for clips of the same recipe.

        Raises:
            TrainingError: the file is missing, damaged, or does not fit the recipe.
        """

    def views(self, points: np.ndarray) -> list[np.ndarray]:
        """Return the clips and, unless the recipe turns all of them to the right hand, their mirror images."""
        return replace(self.recipe, average_mirrored=True).views(points)


def check_arrays(arrays: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise ValueError where an array of a file is not of its shape, finite float32, and for at least one class."""
    for name, shape in shapes.items():
        array = arrays[name]
        if 0 in shape[-1:] or array.shape != shape or array.dtype != np.float32 or not np.isfinite(array).all():
            raise ValueError(f"'{name}' must be {shape} finite float32; got {array.shape} {array.dtype}")
