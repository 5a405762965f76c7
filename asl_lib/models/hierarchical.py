"""Networks that name the group of a sign first and the sign itself second."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from asl_lib.models.registry import register

if TYPE_CHECKING:
    import keras


@register("hierarchical")
def build_hierarchical(*, frames: int, features: int, classes: int, groups: int = 0) -> keras.Model:
    """Return the reference hierarchical Conv1D network, uncompiled.

    Convolutions of 64, 128 and 256 filters (kernels 3, 5, 3) with batch normalisation and dropout, the maximum
    over time, Dense 512 and 256 that both tasks share; Dense 128 and a softmax over groups ("super-classes");
    and, from the shared layer beside the groups' probabilities, Dense 512 and 256 and a softmax over glosses.

    Args:
        frames, features, classes: frames of a clip T, numbers in a frame F, number of glosses.
        groups: number of groups of glosses, from 2 to `classes`; 0 for 4, or for fewer classes as many as classes.

    Returns:
        A model from (N, T, F) to {"group": (N, groups), "gloss": (N, classes)} probabilities.

    Raises:
        ValueError: a size is below 1, or there are fewer than 2 classes or groups, or more groups than classes.
    """
    import keras
    from keras import layers

    from asl_lib.models.layers import clip_input

    x = inputs = clip_input(frames=frames, features=features, classes=classes)  # (N, T, F)
    groups = _number_of_groups(groups, classes)
    for filters, kernel in ((64, 3), (128, 5), (256, 3)):
        x = layers.Conv1D(filters, kernel, padding="same", activation="relu")(x)
        x = layers.BatchNormalization()(x)
        x = layers.Dropout(0.3)(x)
    x = layers.GlobalMaxPooling1D()(x)  # (N, 256)
    x = layers.Dense(512, activation="relu")(x)
    x = layers.Dropout(0.4)(x)
    shared = layers.Dense(256, activation="relu")(x)
    group = layers.Dense(groups, activation="softmax", name="group")(layers.Dense(128, activation="relu")(shared))
    x = layers.Concatenate()([shared, group])
    x = layers.Dense(512, activation="relu")(x)
    x = layers.Dropout(0.4)(x)
    x = layers.Dense(256, activation="relu")(x)
    gloss = layers.Dense(classes, activation="softmax", name="gloss")(x)
    return keras.Model(inputs, {"group": group, "gloss": gloss}, name="hierarchical")


@register("attention_hierarchical")
def build_attention_hierarchical(
    *, frames: int, features: int, classes: int, groups: int = 0, units: int = 128, dropout: float = 0.5
) -> keras.Model:
    """Return the course's own network of two tasks, uncompiled.

    A first layer on every frame (`stem`), one block over five neighbouring frames, attention pooling; then the group,
    and the gloss from the same numbers beside the group's probabilities.

    Args:
        frames, features, classes: frames of a clip T, numbers in a frame F, number of glosses.
        groups: number of groups of glosses, from 2 to `classes`; 0 for 4, or for fewer classes as many as classes.
        units, dropout: width of the network, a multiple of 4; share of the numbers that are dropped in training.

    Returns:
        A model from (N, T, F) to {"group": (N, groups), "gloss": (N, classes)} probabilities.

    Raises:
        ValueError: a size is below 1, or there are fewer than 2 classes or groups, or more groups than classes.
    """
    import keras
    from keras import layers

    from asl_lib.models.layers import neighbours_block, pooled_features

    sizes = {"frames": frames, "features": features, "classes": classes}
    block = partial(neighbours_block, units=units, dropout=dropout)
    inputs, x = pooled_features(block, units=units, dropout=dropout, **sizes)
    groups = _number_of_groups(groups, classes)
    group = layers.Dense(groups, activation="softmax", name="group")(x)
    gloss = layers.Dense(classes, activation="softmax", name="gloss")(layers.Concatenate()([x, group]))
    return keras.Model(inputs, {"group": group, "gloss": gloss}, name="attention_hierarchical")


def _number_of_groups(groups: int, classes: int) -> int:
    groups = groups or min(4, classes)
    if not 2 <= groups <= classes:
        raise ValueError(f"groups must be between 2 and the {classes} classes; got {groups}.")
    return groups


def groups_by_order(classes: int, groups: int) -> np.ndarray:
    """Return (classes,) group numbers that cut the list of labels into equal runs.

    A baseline only: neighbours in the alphabet, or in a dictionary's numbering, may have nothing in common.
    """
    return np.arange(classes) * groups // classes


def groups_by_centroid(X: np.ndarray, y: np.ndarray, groups: int, *, classes: int, seed: int = 42) -> np.ndarray:
    """Return (classes,) group numbers that put glosses with similar mean clips together (k-means; Lloyd 1982).

    A gloss without a training clip has no mean. It goes into the largest group, or into one of its own where fewer
    glosses than groups have clips, and a warning names it.

    Args:
        X: (n, T, F) features of *training* clips only: the test clips must not shape the groups.
        y: (n,) their class numbers.
        groups: number of groups.
        classes: number of glosses.
        seed: where k-means starts.

    Raises:
        ValueError: there is no clip, or there are more groups than classes.
    """
    from sklearn.cluster import KMeans

    if not 1 <= groups <= classes:
        raise ValueError(f"groups must be between 1 and the {classes} classes; got {groups}.")
    seen = np.unique(y)
    if not len(seen):
        raise ValueError("Groups need at least one training clip; got none. Check the held-out signers.")
    flat = X.reshape(len(X), -1)
    spread = flat.std(axis=0)
    centroids = np.stack([flat[y == number].mean(axis=0) for number in seen]) / np.where(spread > 0, spread, 1)
    found = KMeans(min(groups, len(seen)), n_init=10, random_state=seed).fit_predict(centroids)
    of_gloss = np.full(classes, np.argmax(np.bincount(found)))
    of_gloss[seen] = found
    unseen = np.setdiff1d(np.arange(classes), seen)
    left = np.arange(len(seen), groups)  # groups that are still empty
    of_gloss[unseen[: len(left)]] = left
    if len(unseen):
        warnings.warn(
            f"There is no training clip of {len(unseen)} of {classes} glosses (number {', '.join(map(str, unseen))}). "
            "No network can learn them, and their group means nothing.",
            stacklevel=2,
        )
    return of_gloss
