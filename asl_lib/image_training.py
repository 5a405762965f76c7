"""Train a network on photographs that stay on disk, and use one that was trained."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from asl_lib.files import write_json
from asl_lib.image_variations import ImageVariation
from asl_lib.photographs import PhotographSet, read_photograph
from asl_lib.training_loop import TrainingError, fingerprint, load_network, run

if TYPE_CHECKING:
    import keras

IMAGES_AT_A_TIME = 256


@dataclass(frozen=True)
class PhotographRecipe:
    """How a photograph becomes a network's input: read upright, as RGB, fitted into a square; from 0 to 255.

    Attributes:
        size: side in px.
        glosses: the classes, in the order of the network's outputs.
    """

    size: int
    glosses: tuple[str, ...]

    def save(self, path: str | Path) -> None:
        """Write the recipe as JSON."""
        write_json(path, {"version": 1, "input": "photograph", **asdict(self)})

    @classmethod
    def load(cls, path: str | Path) -> PhotographRecipe:
        """Read a recipe that `save` wrote.

        Raises:
            TrainingError: the file is missing, or no recipe of photographs.
        """
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
            if (values["version"], values["input"]) != (1, "photograph"):
                raise ValueError(f"version {values['version']} of {values['input']}")
            return cls(int(values["size"]), tuple(values["glosses"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TrainingError(f"{path} is not the recipe of a network for photographs ({error!r}).") from error

    def transform(self, path: str | Path) -> np.ndarray:
        """Return (size, size, 3) uint8 of a file; see `photographs.read_photograph`."""
        return read_photograph(path, size=self.size)


def fit_images(
    model: keras.Model,
    photographs: PhotographSet,
    *,
    rows: np.ndarray,
    validation: np.ndarray | None,
    folder: str | Path,
    epochs: int,
    patience: int = 1000,
    monitor: str = "none",
    batch_size: int = 32,
    learning_rate: float = 1.0e-3,
    schedule: str = "constant",
    weight_decay: float = 0.0,
    label_smoothing: float = 0.0,
    variation: ImageVariation | None = None,
    seed: int = 42,
    checkpoint_s: float = 30.0,
) -> pd.DataFrame:
    """Train a network on photographs; like `training.fit`, with the same files, checkpoints and promises.

    A `tf.data` pipeline reads the photographs of a batch from the set's file, varies them on all cores, and has the
    next batches ready before they are asked for. The variation of a batch depends on seed, epoch and batch alone.

    Args:
        model: a network from (N, size, size, 3), 0 to 255, to class probabilities.
        photographs: all of them.
        rows: (m,) int, which to train on.
        validation: (k,) int, which to look at after each epoch; None where `monitor` is "none".
        folder, epochs, patience, monitor, batch_size, learning_rate, schedule, weight_decay, label_smoothing, seed,
            checkpoint_s: as in `training.fit`.
        variation: how to vary the photographs, anew in each epoch; None leaves them as they are.

    Raises:
        TrainingError: there is no photograph to train on, or none of some class; the network takes another size or
            names other classes; the loss is no longer a number.
    """
    if not len(rows) or (validation is not None and not len(validation)):
        raise TrainingError("Training and validation need at least one photograph each. Check the held-out signers.")
    if unseen := sorted(set(range(len(photographs.glosses))) - set(photographs.y[rows].tolist())):
        names = ", ".join(photographs.glosses[unseen])
        raise TrainingError(
            f"Every class must be in the training part; got no photograph of {names}. "
            "Hold other signers out, or leave these classes out."
        )
    wanted = (photographs.size, photographs.size, 3, len(photographs.glosses))
    takes = (*model.input_shape[1:], model.output_shape[-1])
    if takes != wanted:
        raise TrainingError(
            f"{model.name} must take photographs and classes as they are, {wanted}; got {takes}. "
            "Build it for the size of the photographs and the number of their classes."
        )
    rows, steps = np.asarray(rows, int), -(-len(rows) // batch_size)
    about = [batch_size, seed, repr(variation), photographs.size, photographs.clip_id.tolist()]
    key = fingerprint(rows, photographs.y, *([] if validation is None else [validation]), about=about)
    return run(
        model,
        batches=lambda epoch: _batches(
            photographs, rows, variation, batch_size=batch_size, seed=seed, first=epoch * steps, steps=steps
        ),
        steps=steps,
        validation=None if validation is None else _in_order(photographs, validation),
        recipe=PhotographRecipe(photographs.size, tuple(photographs.glosses.tolist())),
        folder=folder,
        key=key,
        epochs=epochs,
        patience=patience,
        monitor=monitor,
        learning_rate=learning_rate,
        schedule=schedule,
        weight_decay=weight_decay,
        label_smoothing=label_smoothing,
        checkpoint_s=checkpoint_s,
    )


def predict_images(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return (n, classes) probabilities of (n, size, size, 3) photographs, from 0 to 255, a few hundred at a time."""
    parts = [
        model.predict(np.asarray(images[start : start + IMAGES_AT_A_TIME], np.float32), verbose=0)
        for start in range(0, len(images), IMAGES_AT_A_TIME)
    ]
    return np.concatenate(parts) if parts else np.empty((0, model.output_shape[-1]), np.float32)


def load_image_model(folder: str | Path) -> tuple[keras.Model, PhotographRecipe]:
    """Return the network and the recipe that `fit_images` left in a folder, with Keras's safe mode on.

    Raises:
        TrainingError: the folder has no such network, or one that does not fit its recipe.
    """
    remedy = "Train a network with notebook 08 first, or name another folder."
    model, recipe = load_network(folder, PhotographRecipe.load, remedy=remedy)
    takes = (*model.input_shape[1:], model.output_shape[-1])
    if takes != (recipe.size, recipe.size, 3, len(recipe.glosses)):
        raise TrainingError(
            f"{Path(folder) / 'model.keras'} takes {takes}, but its recipe is for {recipe.size} px and "
            f"{len(recipe.glosses)} classes. Both must come from the same training."
        )
    return model, recipe


def occlusion_map(model: keras.Model, image: np.ndarray, *, label: int, patch: int = 0, step: int = 0) -> np.ndarray:
    """Return how much the probability of a class falls when a patch of the photograph is covered.

    What the network needs to see (Zeiler and Fergus 2014): it works for any network.

    Args:
        model: the network.
        image: (size, size, 3) uint8.
        label: number of the class.
        patch: side of the gray patch in px; 0 for a fifth of the photograph.
        step: distance between two places of it; 0 for a quarter of the patch.

    Returns:
        (size, size) float32; the mean over all patches that cover a point.
    """
    size = len(image)
    patch = patch or max(2, size // 5)
    step = step or max(1, patch // 4)
    corners = [(row, column) for row in range(0, size - patch + 1, step) for column in range(0, size - patch + 1, step)]
    covered = np.repeat(np.asarray(image, np.float32)[None], len(corners), axis=0)
    gray = covered[0].mean(axis=(0, 1))
    for copy, (row, column) in zip(covered, corners, strict=True):
        copy[row : row + patch, column : column + patch] = gray
    whole = predict_images(model, image[None])[0, label]
    fall, times = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    for probability, (row, column) in zip(predict_images(model, covered)[:, label], corners, strict=True):
        fall[row : row + patch, column : column + patch] += whole - probability
        times[row : row + patch, column : column + patch] += 1
    return fall / np.maximum(times, 1)


def _batches(
    photographs: PhotographSet,
    rows: np.ndarray,
    variation: ImageVariation | None,
    *,
    batch_size: int,
    seed: int,
    first: int,
    steps: int,
) -> Any:
    """Return an endless data set of batches, from the one numbered `first` on."""
    import tensorflow as tf

    classes = np.eye(len(photographs.glosses), dtype=np.float32)

    @lru_cache(maxsize=2)  # batches are prepared ahead, so two epochs meet
    def order(epoch: int) -> np.ndarray:
        return np.random.default_rng((seed, epoch)).permutation(rows)

    def load(number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        epoch, index = divmod(int(number), steps)
        chosen = np.sort(order(epoch)[index * batch_size : (index + 1) * batch_size])
        images = photographs.images[chosen]
        if variation is not None:
            images = variation(images, np.random.default_rng((seed, epoch, index)))
        return np.asarray(images, np.float32), classes[photographs.y[chosen]]

    return _as_data(tf.data.Dataset.range(first, 2**62), load, photographs)


def _in_order(photographs: PhotographSet, rows: np.ndarray) -> Any:
    """Return a data set of the chosen photographs, once."""
    import tensorflow as tf

    classes = np.eye(len(photographs.glosses), dtype=np.float32)

    def load(start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        chosen = rows[int(start) : int(start) + IMAGES_AT_A_TIME]
        return np.asarray(photographs.images[chosen], np.float32), classes[photographs.y[chosen]]

    return _as_data(tf.data.Dataset.range(0, len(rows), IMAGES_AT_A_TIME), load, photographs)


def _as_data(numbers: Any, load: Any, photographs: PhotographSet) -> Any:
    import tensorflow as tf

    size, classes = photographs.size, len(photographs.glosses)

    def loaded(number: Any) -> Any:
        images, targets = tf.numpy_function(load, [number], [tf.float32, tf.float32])
        return tf.ensure_shape(images, (None, size, size, 3)), tf.ensure_shape(targets, (None, classes))

    return numbers.map(loaded, num_parallel_calls=2, deterministic=True).prefetch(2)
