"""Train a network on photographs, or on clips of frames, that stay on disk, and use one that was trained."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from asl_lib.features.image_variations import ImageVariation
from asl_lib.features.labelled import PictureSet
from asl_lib.features.picture_recipes import PhotographRecipe, PictureRecipe, VideoRecipe, recipe_of
from asl_lib.models.errors import TrainingError
from asl_lib.training.loop import fingerprint, load_network, run

if TYPE_CHECKING:
    import keras

BATCH_BYTES = 2**27
"""Photographs or clips that are looked at without training come in batches of so many bytes."""


def fit_images(
    model: keras.Model,
    pictures: PictureSet,
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
    recipe: PictureRecipe | None = None,
) -> pd.DataFrame:
    """Train a network on photographs or on clips of frames; like `training.fit`, with the same files and promises.

    A `tf.data` pipeline reads the pictures of a batch from the set's file, varies them on all cores, and has the
    next batches ready before they are asked for. The variation of a batch depends on seed, epoch and batch alone.

    Args:
        model: a network from (N, size, size, 3), or (N, frames, size, size, channels), 0 to 255, to class
            probabilities.
        pictures: all photographs, or all clips.
        rows: (m,) int, which to train on.
        validation: (k,) int, which to look at after each epoch; None where `monitor` is "none".
        folder, epochs, patience, monitor, batch_size, learning_rate, schedule, weight_decay, label_smoothing, seed,
            checkpoint_s: as in `training.fit`.
        variation: how to vary the pictures, anew in each epoch; None leaves them as they are.
        recipe: what to keep beside the network; None for what the set says of itself.

    Raises:
        TrainingError: there is nothing to train on, or none of some class; the network takes another size or
            names other classes; the loss is no longer a number.
    """
    noun = pictures.noun
    if not len(rows) or (validation is not None and not len(validation)):
        raise TrainingError(f"Training and validation need at least one {noun} each. Check the held-out signers.")
    if unseen := sorted(set(range(len(pictures.glosses))) - set(pictures.y[rows].tolist())):
        names = ", ".join(pictures.glosses[unseen])
        raise TrainingError(
            f"Every class must be in the training part; got no {noun} of {names}. "
            "Hold other signers out, or leave these classes out."
        )
    wanted = (*pictures.images.shape[1:], len(pictures.glosses))
    takes = (*model.input_shape[1:], model.output_shape[-1])
    if takes != wanted:
        raise TrainingError(
            f"{model.name} must take {noun}s and classes as they are, {wanted}; got {takes}. "
            f"Build it for the size of the {noun}s and the number of their classes."
        )
    rows, steps = np.asarray(rows, int), -(-len(rows) // batch_size)
    about = [batch_size, seed, repr(variation), pictures.images.shape, pictures.clip_id.tolist()]
    key = fingerprint(rows, pictures.y, *([] if validation is None else [validation]), about=about)
    return run(
        model,
        batches=lambda epoch: _batches(
            pictures, rows, variation, batch_size=batch_size, seed=seed, first=epoch * steps, steps=steps
        ),
        steps=steps,
        validation=None if validation is None else _in_order(pictures, validation),
        recipe=recipe or recipe_of(pictures),
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


def predict_images(model: keras.Model, images: Any) -> np.ndarray:
    """Return (n, classes) probabilities of n photographs or clips, from 0 to 255, some at a time."""
    step = _at_a_time(images)
    parts = [
        model.predict(np.asarray(images[start : start + step], np.float32), verbose=0)
        for start in range(0, len(images), step)
    ]
    return np.concatenate(parts) if parts else np.empty((0, model.output_shape[-1]), np.float32)


def load_image_model(folder: str | Path) -> tuple[keras.Model, PhotographRecipe]:
    """Return the network for photographs and the recipe that `fit_images` left in a folder; see `_load`."""
    return _load(folder, PhotographRecipe, "08")


def load_video_model(folder: str | Path) -> tuple[keras.Model, VideoRecipe]:
    """Return the network for clips and the recipe that `fit_images` left in a folder; see `_load`."""
    return _load(folder, VideoRecipe, "10")


def letter_networks() -> list[Path]:
    """Return the folders of the networks for photographs of letters under `outputs/`, the newest first."""
    from asl_lib._util.paths import project_folder

    found = project_folder().glob("outputs/*/letters/letter_cnn/*/model.keras")
    return [path.parent for path in sorted(found, key=lambda path: -path.stat().st_mtime)]


def newest_letters() -> Path:
    """Return the folder of the newest network for photographs of letters under `outputs/`.

    Raises:
        TrainingError: there is none.
    """
    trained = letter_networks()
    if not trained:
        raise TrainingError("There is no letter_cnn under outputs/. Run notebook 08, or name a folder with --model.")
    return trained[0]


AnyRecipe = TypeVar("AnyRecipe", bound=PictureRecipe)


def _load(folder: str | Path, kind: type[AnyRecipe], notebook: str) -> tuple[keras.Model, AnyRecipe]:
    """Load a network and its recipe, with Keras's safe mode on.

    Raises:
        TrainingError: the folder has no such network, or one that does not fit its recipe.
    """
    remedy = f"Train a network with notebook {notebook} first, or name another folder."
    model, recipe = load_network(folder, kind.load, remedy=remedy)
    takes = (*model.input_shape[1:], model.output_shape[-1])
    wanted = (*recipe.shape, len(recipe.glosses))
    if takes != wanted:
        raise TrainingError(
            f"{Path(folder) / 'model.keras'} takes {takes}, but its recipe is for {wanted}: the shape of a {kind.noun} "
            "and the classes. Both must come from the same training."
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
    pictures: PictureSet,
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

    classes = np.eye(len(pictures.glosses), dtype=np.float32)

    @lru_cache(maxsize=2)  # batches are prepared ahead, so two epochs meet
    def order(epoch: int) -> np.ndarray:
        return np.random.default_rng((seed, epoch)).permutation(rows)

    def load(number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        epoch, index = divmod(int(number), steps)
        chosen = np.sort(order(epoch)[index * batch_size : (index + 1) * batch_size])
        images = pictures.images[chosen]
        if variation is not None:
            images = variation(images, np.random.default_rng((seed, epoch, index)))
        return np.asarray(images, np.float32), classes[pictures.y[chosen]]

    return _as_data(tf.data.Dataset.range(first, 2**62), load, pictures)


def _in_order(pictures: PictureSet, rows: np.ndarray) -> Any:
    """Return a data set of the chosen pictures, once."""
    import tensorflow as tf

    classes = np.eye(len(pictures.glosses), dtype=np.float32)
    step = _at_a_time(pictures.images)

    def load(start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        chosen = rows[int(start) : int(start) + step]
        return np.asarray(pictures.images[chosen], np.float32), classes[pictures.y[chosen]]

    return _as_data(tf.data.Dataset.range(0, len(rows), step), load, pictures)


def _as_data(numbers: Any, load: Any, pictures: PictureSet) -> Any:
    import tensorflow as tf

    shape, classes = pictures.images.shape[1:], len(pictures.glosses)

    def loaded(number: Any) -> Any:
        images, targets = tf.numpy_function(load, [number], [tf.float32, tf.float32])
        return tf.ensure_shape(images, (None, *shape)), tf.ensure_shape(targets, (None, classes))

    return numbers.map(loaded, num_parallel_calls=2, deterministic=True).prefetch(2)


def _at_a_time(images: Any) -> int:
    """Return how many of these photographs or clips to look at together."""
    return max(1, min(256, BATCH_BYTES // max(1, 4 * int(np.prod(images.shape[1:])))))
