"""One `fit` for every model of the course, and the files it leaves behind."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from asl_lib.augment import Augmentation
from asl_lib.features import FeatureRecipe
from asl_lib.files import whole_file
from asl_lib.quiet import quiet_native_stderr

if TYPE_CHECKING:
    import keras


class TrainingError(ValueError):
    """Data that nothing can be trained on, or a saved model that cannot be used."""


def set_seeds(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow, and make TensorFlow's operations deterministic.

    On one machine the same seed then gives the same losses to the last bit; another processor may round
    differently.
    """
    # What TensorFlow tells at import about the processor is no news to a reader of a notebook.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_native_stderr():
        import keras
        import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def fit(
    model: keras.Model,
    *,
    points: np.ndarray,
    y: np.ndarray,
    validation: tuple[np.ndarray, np.ndarray],
    recipe: FeatureRecipe,
    folder: str | Path,
    epochs: int = 200,
    patience: int = 40,
    batch_size: int = 32,
    learning_rate: float = 1.0e-4,
    augmentation: Augmentation | None = None,
    seed: int = 42,
) -> pd.DataFrame:
    """Train with Adam until validation accuracy stops growing, and keep the best weights.

    Writes `model.keras`, `recipe.json`, `history.csv` and TensorBoard logs into `folder`.

    Args:
        model: a network from (N, frames, features) to class probabilities.
        points: (n, frames, L, C) training clips as `recipe.points` gives them.
        y: (n,) class numbers.
        validation: points and classes of the validation clips; they are never varied.
        recipe: the recipe that made the points; it encodes every batch and is kept beside the model.
        folder: where the files go.
        epochs: most passes over the training clips.
        patience: epochs without a better validation accuracy before training stops.
        batch_size: clips in one step.
        learning_rate: step size of Adam.
        augmentation: how to vary the training clips, anew in each epoch; None leaves them as they are.
        seed: where all randomness starts.

    Returns:
        One row an epoch: epoch, loss, accuracy, val_loss, val_accuracy, seconds.

    Raises:
        TrainingError: there is no training or validation clip, or the shapes do not fit the recipe.
    """
    import keras

    folder = Path(folder)
    for side, (clips, classes) in {"training": (points, y), "validation": validation}.items():
        if len(clips) == 0 or len(clips) != len(classes):
            raise TrainingError(
                f"The {side} part must have a class for each of at least one clip; got {len(clips)} clips and "
                f"{len(classes)} classes. Check the held-out signers."
            )
    folder.mkdir(parents=True, exist_ok=True)
    batches = _batches(points, y, recipe, augmentation, batch_size=batch_size, seed=seed)
    clock = _EpochClock()
    callbacks: list[Any] = [
        clock.callback(),
        keras.callbacks.EarlyStopping("val_accuracy", mode="max", patience=patience, restore_best_weights=True),
        keras.callbacks.TensorBoard(str(folder / "tensorboard"), write_graph=False),
        keras.callbacks.TerminateOnNaN(),
    ]
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    result = model.fit(
        batches,
        validation_data=(recipe.encode(validation[0]), validation[1]),
        validation_batch_size=256,
        epochs=epochs,
        callbacks=callbacks,
        verbose=0,
    )
    if not np.isfinite(result.history["loss"][-1]):
        raise TrainingError(
            f"The loss must stay finite; it became {result.history['loss'][-1]} in epoch {len(result.epoch)}. "
            f"Lower the learning rate (now {learning_rate:g}) and look for extreme values in the features."
        )
    history = pd.DataFrame({"epoch": np.arange(1, len(result.epoch) + 1), **result.history, "seconds": clock.seconds})
    with whole_file(folder / "history.csv") as unfinished:
        history.to_csv(unfinished, index=False, lineterminator="\n")
    with whole_file(folder / "model.keras") as unfinished:
        model.save(unfinished)
    recipe.save(folder / "recipe.json")
    return history


def load_model(folder: str | Path) -> tuple[keras.Model, FeatureRecipe]:
    """Return the model and the recipe that `fit` left in a folder.

    Keras's safe mode stays on: a model file cannot run code of its own.

    Raises:
        TrainingError: the folder has no model, or one that does not fit its recipe.
    """
    import keras

    folder = Path(folder)
    path = folder / "model.keras"
    if not path.is_file():
        raise TrainingError(f"There is no {path}. Train a model with notebook 05 first, or name the folder of another.")
    recipe = FeatureRecipe.load(folder / "recipe.json")
    try:
        model = keras.saving.load_model(path, safe_mode=True)
    except (ValueError, OSError, TypeError, KeyError) as error:
        raise TrainingError(f"{path} cannot be loaded as a Keras model: {error}") from error
    if tuple(model.input_shape[1:]) != (recipe.frames, recipe.num_features):
        raise TrainingError(
            f"{path} takes {tuple(model.input_shape[1:])}, but its recipe gives "
            f"({recipe.frames}, {recipe.num_features}). Model and recipe must come from the same training."
        )
    return model, recipe


def _batches(
    points: np.ndarray,
    y: np.ndarray,
    recipe: FeatureRecipe,
    augmentation: Augmentation | None,
    *,
    batch_size: int,
    seed: int,
) -> Any:
    """Return a Keras data set that shuffles, varies and encodes the clips anew in each epoch."""
    import keras

    class Batches(keras.utils.PyDataset):
        epoch = 0
        order = np.random.default_rng((seed, 0)).permutation(len(y))

        def __len__(self) -> int:
            return -(-len(y) // batch_size)

        def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
            rows = self.order[index * batch_size : (index + 1) * batch_size]
            clips = points[rows]
            if augmentation is not None:
                # Keyed by epoch and batch: the order in which batches are asked for does not matter.
                clips = augmentation(clips, np.random.default_rng((seed, self.epoch, index)))
            return recipe.encode(clips), y[rows]

        def on_epoch_end(self) -> None:
            self.epoch += 1
            self.order = np.random.default_rng((seed, self.epoch)).permutation(len(y))

    return Batches()


class _EpochClock:
    """Measures how long each epoch takes."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def callback(self) -> Any:
        import keras

        started = [0.0]

        def begin(epoch: int, logs: Any = None) -> None:
            started[0] = time.perf_counter()

        def end(epoch: int, logs: Any = None) -> None:
            self.seconds.append(round(time.perf_counter() - started[0], 4))

        return keras.callbacks.LambdaCallback(on_epoch_begin=begin, on_epoch_end=end)
