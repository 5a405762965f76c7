"""Building blocks of the networks for landmarks, and the course's three Keras layers.

Import this module before a saved model that has one of the three is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from asl_lib._util.console import quiet_native_stderr

with quiet_native_stderr():  # TensorFlow's notes come before it reads any setting
    import keras
    from keras import layers, ops

serializable = keras.saving.register_keras_serializable("asl_lib")


@serializable
class LearnedPositions(layers.Layer):
    """Adds a learned vector to every frame, so that attention can tell early from late.

    Input and output: (N, T, F). It has T x F parameters.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.positions = self.add_weight(shape=input_shape[1:], initializer="uniform", name="positions")

    def call(self, inputs: Any) -> Any:
        return inputs + self.positions

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return input_shape


@serializable
class AttentionPooling(layers.Layer):
    """Mean over time with learned weights (Bahdanau et al. 2015, with one query).

    Each head learns weights for its own share of the channels: one head may weigh the hold of a sign, another its
    movement. Input: (N, T, F). Output: (N, F).

    Args:
        heads: number of heads; F must be a multiple of it.
    """

    def __init__(self, heads: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.heads = heads
        self.score = layers.Dense(heads, name="score")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if (input_shape[-1] or 0) % self.heads:
            raise ValueError(f"heads must divide the {input_shape[-1]} channels; got {self.heads}.")
        self.score.build(input_shape)

    def call(self, inputs: Any) -> Any:
        weights = self.weights_over_time(inputs)  # (N, T, heads)
        shape = ops.shape(inputs)
        split = ops.reshape(inputs, (shape[0], shape[1], self.heads, inputs.shape[-1] // self.heads))
        pooled = ops.sum(split * ops.expand_dims(weights, -1), axis=1)  # (N, heads, F / heads)
        return ops.reshape(pooled, (shape[0], inputs.shape[-1]))

    def weights_over_time(self, inputs: Any) -> Any:
        """Return (N, T, heads) weights that add up to 1 over time."""
        return ops.softmax(self.score(inputs), axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (input_shape[0], input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "heads": self.heads}


@serializable
class GraphConvolution(layers.Layer):
    """Sums over the neighbours of each point, with learned weights (decoupled graph convolution; Cheng et al. 2020).

    A point's neighbours are, at first, itself, the inner and the outer ends of its bones; each group of channels learns
    its own weights between all points from there. Input: (N, T, L, 3 D), D channels for each of the three kinds of
    neighbours. Output: (N, T, L, D).

    Args:
        bones: pairs of point numbers, the outer end first.
        groups: number of groups of channels; D must be a multiple of it.
    """

    def __init__(self, bones: Sequence[Sequence[int]], groups: int = 8, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bones, self.groups = [[int(outer), int(inner)] for outer, inner in bones], groups

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        points, channels = input_shape[-2] or 0, input_shape[-1] or 0
        if channels % (3 * self.groups):
            raise ValueError(f"groups must divide a third of the {channels} channels; got {self.groups}.")
        inward = np.zeros((points, points))
        for outer, inner in self.bones:
            inward[outer, inner] = 1
        start = np.concatenate([np.eye(points), inward, inward.T]) + np.zeros((self.groups, 1, 1))
        start = keras.initializers.Constant(start)
        self.weights_between = self.add_weight(
            shape=(self.groups, 3 * points, points), initializer=start, name="weights_between"
        )

    def call(self, inputs: Any) -> Any:
        frames, points, channels = inputs.shape[1], inputs.shape[2], inputs.shape[3] // 3
        size = channels // self.groups
        weights = ops.reshape(self.weights_between, (self.groups, 3, points, points))
        weights = weights / (ops.sum(weights, axis=2, keepdims=True) + 1e-3)
        weights = ops.reshape(weights, (self.groups, 3 * points, points))
        # To (N, groups, T x size, 3 x L), so that one product of matrices is the sum over neighbours of all kinds.
        x = ops.reshape(inputs, (-1, frames, points, 3, size, self.groups))
        x = ops.reshape(ops.transpose(x, (0, 5, 1, 4, 3, 2)), (-1, self.groups, frames * size, 3 * points))
        x = ops.reshape(ops.matmul(x, weights), (-1, self.groups, frames, size, points))
        return ops.reshape(ops.transpose(x, (0, 2, 4, 3, 1)), (-1, frames, points, channels))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], (input_shape[-1] or 0) // 3)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bones": self.bones, "groups": self.groups}


def clip_input(*, frames: int, features: int, classes: int) -> Any:
    """Return a network's input (N, T, F).

    Raises:
        ValueError: a size is below 1, or there are fewer than 2 classes.
    """
    if frames < 1 or features < 1 or classes < 2:
        raise ValueError(
            f"A model needs at least 1 frame, 1 feature and 2 classes; got {frames}, {features} and {classes}. "
            "Choose at least two signs."
        )
    return layers.Input((frames, features))


def baseline(body: Sequence[Any], *, name: str, classes: int, **sizes: int) -> keras.Model:
    """Return `body` between an input (N, T, F) and the end of the KArSL-100 baselines: Dense 64 and 32, softmax.

    Args:
        body: layers from (N, T, F) to (N, units).
        name: name of the model.
        classes, sizes: as for `clip_input`.

    Raises:
        ValueError: as for `clip_input`.
    """
    return keras.Sequential(
        [
            clip_input(classes=classes, **sizes),  # (N, T, F)
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
    scale; noise and dropout keep a network of few clips from relying on single numbers.
    """
    # A few hundred clips make a few hundred steps: with Keras's momentum of 0.99 the averages would lag behind.
    x = layers.BatchNormalization(momentum=0.9, name="one_scale")(inputs)
    x = layers.GaussianNoise(0.1)(x)
    return dense_block(x, units=units, dropout=dropout)


def dense_block(x: Any, *, units: int, dropout: float) -> Any:
    """Return Dense, layer normalisation, GELU and dropout, on every frame alone."""
    x = layers.Dense(units)(x)
    x = layers.LayerNormalization()(x)
    x = layers.Activation("gelu")(x)
    return layers.Dropout(dropout)(x)


def neighbours_block(x: Any, *, units: int, dropout: float) -> Any:
    """Return (N, T, units): five neighbouring frames, each channel by itself, then `dense_block`, added to `x`."""
    return x + dense_block(layers.DepthwiseConv1D(5, padding="same")(x), units=units, dropout=dropout)


def pooled_features(body: Callable[[Any], Any], *, units: int, dropout: float, **sizes: int) -> tuple[Any, Any]:
    """Return an input (N, T, F), and its features after the stem, `body` and attention pooling: (N, units).

    Args:
        body: the blocks between the two, from (N, T, units) to (N, T, units).
        units: width of the network.
        dropout: share of the numbers that are dropped in training.
        sizes: as for `clip_input`.

    Raises:
        ValueError: as for `clip_input`.
    """
    inputs = clip_input(**sizes)  # (N, T, F)
    x = body(stem(inputs, units=units, dropout=dropout))  # (N, T, units)
    x = AttentionPooling(4, name="pooling")(x)  # (N, units)
    return inputs, layers.Dropout(dropout)(x)


def attention_model(body: Callable[[Any], Any], *, name: str, classes: int, **sizes: Any) -> keras.Model:
    """Return the model of `pooled_features`, whose arguments it takes, with a softmax over glosses."""
    inputs, x = pooled_features(body, classes=classes, **sizes)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x), name=name)  # (N, classes)


def attention_weights(model: keras.Model, X: np.ndarray) -> np.ndarray:
    """Return (N, T, heads): the weight of each frame for each head of one of the course's own networks.

    The weights of one head add up to 1 over the frames.

    Args:
        model: built by one of the `build_attention_…` functions, or loaded from its file.
        X: (N, T, F) encoded clips.

    Raises:
        ValueError: the model has no attention pooling.
    """
    if "pooling" not in [layer.name for layer in model.layers]:
        raise ValueError(f"'{model.name}' has no attention pooling; the build_attention_… functions make such models.")
    pooling = model.get_layer("pooling")
    before = keras.Model(model.input, pooling.input)
    return np.asarray(pooling.weights_over_time(before(X, training=False)))
