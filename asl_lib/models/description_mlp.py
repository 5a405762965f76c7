"""A perceptron on the trees' description of each clip: the same knowledge of hands, another learner."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy.special import softmax

from asl_lib._util.console import quiet_native_stderr
from asl_lib._util.files import atomic_write, read_npz
from asl_lib.features.augment import Augmentation
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.models.errors import TrainingError
from asl_lib.models.point_model import PointModel, check_arrays
from asl_lib.models.registry import register
from asl_lib.models.trees import describe_clips, standardise

BATCH = 32
LAYERS = ("weights_1", "bias_1", "weights_2", "bias_2", "weights_3", "bias_3")


@register("description_mlp")
class DescriptionMLP(PointModel):
    """Multilayer perceptron (Rumelhart, Hinton and Williams 1986) on `describe_clips`, the description of the trees.

    Two hidden layers with ReLU and dropout. As for the course's own networks, the clips are varied anew in every epoch,
    half of them mirrored where the recipe does not turn all clips to the right hand, and the training is AdamW with a
    cosine schedule and label smoothing. As for the trees, the answer is the mean over a clip and its mirror image.

    Args:
        recipe: the recipe of the points, with both hands among its parts.
        classes: number of glosses.
        units: widths of the hidden layers.
        dropout: share of the hidden numbers that are dropped in training.
        epochs: passes over the training clips.
        seed: seed of all random numbers.

    Raises:
        ValueError: the recipe lacks a hand, or there are fewer than 2 classes.
    """

    name, file = "description_mlp", "model.mlp.npz"

    def __init__(
        self,
        recipe: FeatureRecipe,
        *,
        classes: int,
        units: tuple[int, int] = (256, 128),
        dropout: float = 0.5,
        epochs: int = 60,
        seed: int = 42,
    ) -> None:
        if classes < 2:
            raise ValueError(f"A perceptron needs at least 2 classes; got {classes}.")
        blank = np.full((1, recipe.frames, recipe.num_landmarks, recipe.num_coordinates), np.nan, np.float32)
        self.recipe, self.classes, self.seed = recipe, classes, seed
        self.units, self.dropout, self.epochs = units, dropout, epochs
        self._numbers = describe_clips(blank, recipe).shape[1]
        self._arrays: dict[str, Any] = {}

    def fit(self, points: np.ndarray, y: np.ndarray) -> Self:
        with quiet_native_stderr():
            import keras
            from keras import layers

        keras.utils.set_random_seed(self.seed)
        network = keras.Sequential([layers.Input((self._numbers,))])
        for units in self.units:
            network.add(layers.Dense(units, activation="relu"))
            network.add(layers.Dropout(self.dropout))
        network.add(layers.Dense(self.classes, activation="softmax"))
        steps = self.epochs * -(-len(points) // BATCH)
        rate = keras.optimizers.schedules.CosineDecay(2.0e-3, steps, alpha=0.01)
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
        network.compile(keras.optimizers.AdamW(rate, weight_decay=1.0e-2), loss=loss)
        network.optimizer.build(network.trainable_variables)  # otherwise TensorFlow traces the first step twice

        described = np.concatenate([describe_clips(view, self.recipe) for view in self.views(points)])
        scales = {"mean": described.mean(axis=0), "spread": np.maximum(described.std(axis=0), 1e-6)}
        self._arrays = {name: values.astype(np.float32) for name, values in scales.items()}
        rng, targets = np.random.default_rng(self.seed), np.eye(self.classes, dtype=np.float32)[y]
        share = 0.0 if self.recipe.mirror_left_handed else 0.5
        varied = Augmentation(self.recipe, body=0.02, frames=0.05, mirrored=share)
        for _ in range(self.epochs):
            network.fit(self._scaled(varied(points, rng)), targets, batch_size=BATCH, verbose=0)
        self._arrays |= dict(zip(LAYERS, network.get_weights(), strict=True))
        return self

    def predict(self, points: np.ndarray) -> np.ndarray:
        if not self._arrays:
            raise TrainingError(f"The model '{self.name}' has learned nothing yet. Call fit first.")
        if not len(points):
            return np.empty((0, self.classes), np.float32)
        return np.asarray(np.mean([self._answer(self._scaled(view)) for view in self.views(points)], axis=0))

    def count_params(self) -> int:
        return sum(self._arrays[name].size for name in LAYERS if self._arrays)

    def save(self, path: str | Path) -> None:
        with atomic_write(path) as tmp, tmp.open("wb") as file:
            np.savez_compressed(file, **self._arrays)

    @classmethod
    def load(cls, path: str | Path, recipe: FeatureRecipe) -> Self:
        try:
            arrays = read_npz(path, ["mean", "spread", *LAYERS])
            first, second, classes = (arrays[name].size for name in LAYERS[1::2])
            model = cls(recipe, classes=classes, units=(first, second))
            sizes = (model._numbers, first, second, classes)
            shapes: dict[str, tuple[int, ...]] = {"mean": sizes[:1], "spread": sizes[:1]}
            for layer in (1, 2, 3):
                shapes |= {f"weights_{layer}": sizes[layer - 1 : layer + 1], f"bias_{layer}": sizes[layer : layer + 1]}
            check_arrays(arrays, shapes)
        except (OSError, ValueError) as error:
            raise TrainingError(f"{path} holds no '{cls.name}' for this recipe: {error}. Train it again.") from error
        model._arrays = arrays
        return model

    def _scaled(self, points: np.ndarray) -> np.ndarray:
        """Return the (n, numbers) standardised descriptions of (n, frames, L, C) points."""
        described = describe_clips(points, self.recipe)
        return standardise(described, self._arrays["mean"], self._arrays["spread"]).astype(np.float32)

    def _answer(self, x: np.ndarray) -> np.ndarray:
        """Return the (n, classes) probabilities of (n, numbers) standardised descriptions."""
        for weights, bias in zip(LAYERS[::2], LAYERS[1::2], strict=True):
            x = x @ self._arrays[weights] + self._arrays[bias]
            if bias != LAYERS[-1]:
                x = np.maximum(x, 0)
        return np.asarray(softmax(x, axis=1))
