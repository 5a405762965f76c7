"""What builders of networks share: the check of sizes, the end of the published baselines, the ends of our own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras


def check_sizes(frames: int, features: int, classes: int) -> None:
    """Raise where no network can be built.

    Raises:
        ValueError: a size is below 1, or there are fewer than 2 classes.
    """
    if frames < 1 or features < 1 or classes < 2:
        raise ValueError(
            f"A model needs at least 1 frame, 1 feature and 2 classes; got {frames}, {features} and {classes}. "
            "Choose at least two signs."
        )


def baseline(body: Sequence[Any], *, name: str, frames: int, features: int, classes: int) -> keras.Model:
    """Return `body` between an input (N, T, F) and the end of the KArSL-100 baselines: Dense 64 and 32, softmax.

    Args:
        body: layers from (N, T, F) to (N, units).
        name: name of the model.
        frames, features, classes: checked sizes.
    """
    import keras
    from keras import layers

    return keras.Sequential(
        [
            layers.Input((frames, features)),  # (N, T, F)
            *body,  # (N, units)
            layers.Dense(64, activation="relu"),
            layers.Dense(32, activation="relu"),
            layers.Dense(classes, activation="softmax"),  # (N, classes)
        ],
        name=name,
    )


def stem(inputs: Any, *, units: int, dropout: float) -> Any:
    """Return (N, T, units): the first layer of the course's own networks, on every frame alone.

    Features come in different units (shoulder widths, cosines, 0 or 1), so batch normalisation puts them on one
    scale; noise and dropout keep a network of few clips from leaning on single numbers.
    """
    from keras import layers

    # A few hundred clips make a few hundred steps: with Keras's momentum of 0.99 the averages would lag behind.
    x = layers.BatchNormalization(momentum=0.9, name="one_scale")(inputs)
    x = layers.GaussianNoise(0.1)(x)
    return dense_block(x, units=units, dropout=dropout)


def dense_block(x: Any, *, units: int, dropout: float) -> Any:
    """Return Dense, layer normalisation, GELU and dropout, on every frame alone."""
    from keras import layers

    x = layers.Dense(units)(x)
    x = layers.LayerNormalization()(x)
    x = layers.Activation("gelu")(x)
    return layers.Dropout(dropout)(x)


def neighbours_block(x: Any, *, units: int, dropout: float) -> Any:
    """Return (N, T, units): five neighbouring frames, each channel by itself, then `dense_block`, added to `x`."""
    from keras import layers

    return x + dense_block(layers.DepthwiseConv1D(5, padding="same")(x), units=units, dropout=dropout)


def pooled_features(
    body: Callable[[Any], Any], *, frames: int, features: int, classes: int, units: int, dropout: float
) -> tuple[Any, Any]:
    """Return an input (N, T, F), and what comes of it through the stem, `body` and attention pooling: (N, units).

    Args:
        body: what a network does between the two, from (N, T, units) to (N, T, units).
        frames, features, classes: sizes, checked here.
        units, dropout: width of the network, and share of numbers that are dropped in training.

    Raises:
        ValueError: a size is below 1, or there are fewer than 2 classes.
    """
    from keras import layers

    from asl_lib.models.layers import AttentionPooling

    check_sizes(frames, features, classes)
    inputs = layers.Input((frames, features))  # (N, T, F)
    x = body(stem(inputs, units=units, dropout=dropout))  # (N, T, units)
    x = AttentionPooling(4, name="pooling")(x)  # (N, units)
    return inputs, layers.Dropout(dropout)(x)


def attention_model(body: Callable[[Any], Any], *, name: str, classes: int, **sizes: Any) -> keras.Model:
    """Return the model of `pooled_features`, whose arguments it takes, and a softmax over glosses."""
    import keras
    from keras import layers

    inputs, x = pooled_features(body, classes=classes, **sizes)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x), name=name)  # (N, classes)


def attention_weights(model: keras.Model, X: np.ndarray) -> np.ndarray:
    """Return (N, T, heads): how much each frame counts for each head of a network of the course's own.

    The weights of one head add up to 1 over the frames.

    Args:
        model: built by one of the `build_attention_…` functions, or loaded from its file.
        X: (N, T, F) encoded clips.

    Raises:
        ValueError: the model has no attention pooling.
    """
    import keras

    if "pooling" not in [layer.name for layer in model.layers]:
        raise ValueError(f"'{model.name}' has no attention pooling; the build_attention_… functions make such models.")
    pooling = model.get_layer("pooling")
    before = keras.Model(model.input, pooling.input)
    return np.asarray(pooling.weights_over_time(before(X, training=False)))
