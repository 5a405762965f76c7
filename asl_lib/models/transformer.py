"""Transformer encoders: the published one of the KArSL-100 baselines, and the course's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asl_lib.models.registry import register

if TYPE_CHECKING:
    import keras


@register("transformer")
def build_transformer(
    *,
    frames: int,
    features: int,
    classes: int,
    blocks: int = 4,
    heads: int = 9,
    head_size: int = 256,
    feed_forward: int = 2048,
    units: int = 128,
) -> keras.Model:
    """Return the reference Transformer encoder (Vaswani et al. 2017), uncompiled.

    Learned positions, 4 blocks of attention with 9 heads of 256 and a feed-forward part of 2,048, the mean
    over *time*, Dense 128 and a softmax; dropout 0.25 in the blocks and 0.4 before the end. The positions
    have 2,520 parameters for 30 frames of 84 features.

    Args:
        frames, features, classes: frames of a clip T, numbers in a frame F (the attention's width), number of glosses.
        blocks, heads, head_size, feed_forward, units: sizes of the network, as published by default.

    Returns:
        A model from (N, T, F) to (N, classes) probabilities.

    Raises:
        ValueError: a size is below 1, or there are fewer than 2 classes.
    """
    import keras
    from keras import layers

    from asl_lib.models.layers import LearnedPositions, clip_input

    inputs = clip_input(frames=frames, features=features, classes=classes)  # (N, T, F)
    x = LearnedPositions(name="positions")(inputs)
    for _ in range(blocks):
        x = _block(x, heads=heads, head_size=head_size, feed_forward=feed_forward, dropout=0.25)  # (N, T, F)
    x = layers.GlobalAveragePooling1D()(x)  # (N, F): the mean over time
    x = layers.Dense(units, activation="relu")(x)
    x = layers.Dropout(0.4)(x)
    outputs = layers.Dense(classes, activation="softmax")(x)  # (N, classes)
    return keras.Model(inputs, outputs, name="transformer")


def _block(x: Any, *, heads: int, head_size: int, feed_forward: int, dropout: float) -> Any:
    from keras import layers

    attended = layers.MultiHeadAttention(num_heads=heads, key_dim=head_size, dropout=dropout)(x, x)
    attended = layers.Dropout(dropout)(attended)
    attended = layers.LayerNormalization(epsilon=1e-6)(attended) + x
    hidden = layers.Dense(feed_forward, activation="relu")(attended)
    hidden = layers.Dropout(dropout)(hidden)
    hidden = layers.Dense(x.shape[-1])(hidden)
    return layers.LayerNormalization(epsilon=1e-6)(hidden) + attended


@register("attention_transformer")
def build_attention_transformer(
    *, frames: int, features: int, classes: int, units: int = 128, dropout: float = 0.5
) -> keras.Model:
    """Return the course's own small Transformer, uncompiled.

    A first layer on every frame (`stem`), learned positions, two blocks that normalise *before* attention (Xiong et
    al. 2020: it trains without a warm-up), and attention that weighs the frames.

    Args:
        frames, features, classes: frames of a clip T, numbers in a frame F, number of glosses.
        units, dropout: width of the network, a multiple of 4; share of the numbers that are dropped in training.

    Returns:
        A model from (N, T, F) to (N, classes) probabilities.

    Raises:
        ValueError: a size is below 1, or there are fewer than 2 classes.
    """
    from keras import layers

    from asl_lib.models.layers import LearnedPositions, attention_model

    def two_blocks(x: Any) -> Any:
        x = LearnedPositions(name="positions")(x)
        for _ in range(2):
            y = layers.LayerNormalization()(x)
            y = layers.MultiHeadAttention(num_heads=4, key_dim=units // 4, dropout=0.1)(y, y)
            x = x + layers.Dropout(dropout)(y)
            y = layers.Dense(2 * units, activation="gelu")(layers.LayerNormalization()(x))
            x = x + layers.Dropout(dropout)(layers.Dense(units)(y))
        return layers.LayerNormalization()(x)

    sizes = {"frames": frames, "features": features, "classes": classes}
    return attention_model(two_blocks, name="attention_transformer", units=units, dropout=dropout, **sizes)
