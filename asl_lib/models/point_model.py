"""The models that are no networks: they learn from a recipe's points at once, and lie in one `.npz` file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from asl_lib.features.recipe import FeatureRecipe


class PointModel(ABC):
    """A model without a network, for clips of (frames, L, C) points as `recipe.points` gives them.

    Attributes:
        name: the name of its results.
        file: the file that it is saved as, in its folder.
        classes: number of glosses.
    """

    name: ClassVar[str]
    file: ClassVar[str]
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
