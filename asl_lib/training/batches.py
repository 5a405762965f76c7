"""Batches of clips for Keras, from memory or from a file, shuffled, varied and encoded anew in every epoch."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from asl_lib.features.augment import mixup_pairs
from asl_lib.features.sets import ClipSet

Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""From the values of some clips, and a random generator, to varied copies: `Augmentation` or `ImageVariation`."""


def training_batches(
    clips: ClipSet[Any],
    rows: np.ndarray,
    *,
    batch_size: int,
    seed: int,
    augmentation: Augment | None = None,
    mixup: float = 0.0,
    groups: np.ndarray | None = None,
    devices: int = 1,
) -> Any:
    """Return a Keras data set of the clips in `rows`, in a new order in each epoch.

    What is in a batch depends on seed, epoch and batch number alone, whatever the order in which Keras asks for the
    batches: a training that goes on in a later process sees the same ones. Set the attribute `epoch`, from 0, before
    each epoch.

    Args:
        clips: all clips; pixels are read from their file batch by batch.
        rows: which of them to train on.
        batch_size, seed, augmentation, mixup, groups: as in `fit`.
        devices: number of devices that share each batch evenly; some clips come twice in an epoch where they must.
    """
    import keras

    one_hot = np.eye(len(clips.glosses), dtype=np.float32)
    pixels = clips.recipe.input != "landmarks"

    @lru_cache(maxsize=1)
    def order(epoch: int) -> np.ndarray:
        shuffled = np.random.default_rng((seed, epoch)).permutation(rows)
        return np.resize(shuffled, -(-len(rows) // devices) * devices)

    class Batches(keras.utils.PyDataset):
        epoch = 0

        def __len__(self) -> int:
            return -(-len(rows) // batch_size)

        def __getitem__(self, index: int) -> tuple[Any, ...]:
            # Landmarks count epochs from 1: all stored results were made in this way.
            epoch = self.epoch if pixels else self.epoch + 1
            chosen = order(epoch)[index * batch_size : (index + 1) * batch_size]
            if pixels:
                chosen = np.sort(chosen)  # in the order of the file
            rng = np.random.default_rng((seed, epoch, index))
            values = clips.values[chosen]
            if augmentation is not None:
                values = augmentation(values, rng)
            X, targets = clips.recipe.encode(values), one_hot[clips.y[chosen]]
            if mixup:
                X, targets = mixup_pairs(X, targets, rng, alpha=mixup)
            return X, with_groups(targets, groups)

    return Batches()


def validation_batches(
    clips: ClipSet[Any], rows: np.ndarray, *, batch_size: int, groups: np.ndarray | None = None
) -> Any:
    """Return a Keras data set of the clips in `rows`, as they are and in this order; None for none.

    Landmarks are encoded once; pixels are read from their file in every epoch, batch by batch.
    """
    import keras

    if not len(rows):
        return None
    one_hot = np.eye(len(clips.glosses), dtype=np.float32)
    encoded = clips.encode(rows) if clips.recipe.input == "landmarks" else None

    class Batches(keras.utils.PyDataset):
        def __len__(self) -> int:
            return -(-len(rows) // batch_size)

        def __getitem__(self, index: int) -> tuple[Any, ...]:
            part = slice(index * batch_size, (index + 1) * batch_size)
            X = clips.encode(rows[part]) if encoded is None else encoded[part]
            return X, with_groups(one_hot[clips.y[rows[part]]], groups)

    return Batches()


def for_backend(batches: Any, *, shuffle: bool = False) -> Any:
    """Return a Keras data set, or None, as a `tf.data.Dataset` where Keras computes with TensorFlow, else as it is.

    Keras makes one, too, of its own data set, but TensorFlow tunes that in another thread. At the end of each epoch it
    waits until a pause of this thread is over, which may be as long as the epoch was (TensorFlow 2.21).

    Args:
        batches: of `training_batches` or `validation_batches`.
        shuffle: whether to take them in a random order, as `Model.fit` takes those of a Keras data set.
    """
    import keras

    if batches is None or keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    def epoch() -> Iterator[tuple[Any, ...]]:
        order = list(range(len(batches)))
        if shuffle:
            random.shuffle(order)
        for index in order:
            yield batches[index]

    form = tf.nest.map_structure(lambda values: tf.TensorSpec((None, *values.shape[1:]), values.dtype), batches[0])
    read = tf.data.Dataset.from_generator(epoch, output_signature=form)
    options = tf.data.Options()
    options.autotune.enabled = False
    return read.apply(tf.data.experimental.assert_cardinality(len(batches))).prefetch(2).with_options(options)


def with_groups(targets: np.ndarray, groups: np.ndarray | None) -> Any:
    """Return (n, classes) targets as a network wants them: with those of the groups, if it names groups."""
    if groups is None:
        return targets
    member = np.eye(int(groups.max()) + 1, dtype=np.float32)[groups]  # (classes, groups)
    return {"group": targets @ member, "gloss": targets}
