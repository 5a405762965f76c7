"""Convolutions in time and attention in turn: the network that won Google's competition on isolated signs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asl_lib.models.registry import register

if TYPE_CHECKING:
    import keras

DROP_PATH = 0.2
"""Share of the training clips for which a block is left out (stochastic depth; Huang et al. 2016)."""


@register("conv_transformer")
def build_conv_transformer(
    *,
    frames: int,
    features: int,
    classes: int,
    units: int = 192,
    stages: int = 2,
    kernel: int = 17,
    heads: int = 4,
    dropout: float = 0.8,
) -> keras.Model:
    """Return the winning network of Google's competition on 250 isolated ASL signs (Hoyeol Sohn 2023), uncompiled.

    A linear layer on every frame; stages of three blocks of convolutions, which see only earlier frames, and one block
    of attention; a linear layer, the mean over time, and a softmax. With 708 numbers in a frame and 250 signs it has
    1,836,568 parameters, as published. It differs in four things: dropout begins with the first step instead of the
    15th epoch, attention is scaled by the width of a head instead of all heads, no frame is padding (the clips of a
    recipe have one length), and no adversarial noise is added to the weights in training.

    Args:
        frames, features, classes: frames of a clip T, numbers in a frame F, number of glosses.
        units, stages, kernel, heads: width, a multiple of `heads`; number of stages; frames that a convolution sees;
            heads of the attention; as published by default.
        dropout: share of the numbers that are dropped before the softmax.

    Returns:
        A model from (N, T, F) to (N, classes) probabilities.

    Raises:
        ValueError: a size is below 1, or there are fewer than 2 classes.
    """
    import keras
    from keras import layers

    from asl_lib.models.layers import clip_input

    inputs = clip_input(frames=frames, features=features, classes=classes)  # (N, T, F)
    x = layers.Dense(units, use_bias=False)(inputs)
    x = layers.BatchNormalization(momentum=0.95)(x)
    for _ in range(stages):
        for _ in range(3):
            x = _convolution_block(x, kernel=kernel)  # (N, T, units)
        x = _attention_block(x, heads=heads)
    x = layers.Dense(2 * units)(x)
    x = layers.GlobalAveragePooling1D()(x)
    x = layers.Dropout(dropout)(x)
    outputs = layers.Dense(classes, activation="softmax")(x)
    return keras.Model(inputs, outputs, name="conv_transformer")


def _convolution_block(x: Any, *, kernel: int) -> Any:
    """Return (N, T, units): twice as many channels, each convolved with its own past, weighed, and added to `x`."""
    from keras import layers

    units = x.shape[-1]
    y = layers.Dense(2 * units, activation="swish")(x)
    y = layers.ZeroPadding1D((kernel - 1, 0))(y)  # a frame sees itself and those before it
    y = layers.DepthwiseConv1D(kernel, use_bias=False)(y)
    y = layers.BatchNormalization(momentum=0.95)(y)
    y = _channel_attention(y)
    y = layers.Dense(units)(y)
    return x + layers.Dropout(DROP_PATH, noise_shape=(None, 1, 1))(y)


def _channel_attention(x: Any) -> Any:
    """Return `x` with each channel weighed by its own mean and those of four neighbours (ECA; Wang et al. 2020)."""
    from keras import layers

    channels = x.shape[-1]
    weights = layers.Reshape((channels, 1))(layers.GlobalAveragePooling1D()(x))
    weights = layers.Conv1D(1, 5, padding="same", use_bias=False, activation="sigmoid")(weights)
    return x * layers.Reshape((1, channels))(weights)


def _attention_block(x: Any, *, heads: int) -> Any:
    from keras import layers

    units = x.shape[-1]
    y = layers.BatchNormalization(momentum=0.95)(x)
    y = layers.MultiHeadAttention(heads, units // heads, dropout=0.2, use_bias=False)(y, y)
    x = x + layers.Dropout(DROP_PATH, noise_shape=(None, 1, 1))(y)
    y = layers.BatchNormalization(momentum=0.95)(x)
    y = layers.Dense(2 * units, use_bias=False, activation="swish")(y)
    y = layers.Dense(units, use_bias=False)(y)
    return x + layers.Dropout(DROP_PATH, noise_shape=(None, 1, 1))(y)
