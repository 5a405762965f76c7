"""SPOTER: a Transformer on poses whose decoder has one learned query."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asl_lib.models.registry import register

if TYPE_CHECKING:
    import keras


@register("spoter")
def build_spoter(
    *,
    frames: int,
    features: int,
    classes: int,
    units: int = 108,
    blocks: int = 6,
    heads: int = 9,
    feed_forward: int = 2048,
    dropout: float = 0.1,
) -> keras.Model:
    """Return SPOTER (Boháček and Hrúz 2022, "Sign Pose-based Transformer for Word-level SLR"), uncompiled.

    Learned positions and six encoder blocks over the frames; six decoder blocks, in which one learned query attends to
    the frames; a softmax. Having one query, the decoder has no attention to itself. With 50 frames of 108 numbers (54
    points) and 100 signs it has 5,922,664 parameters, published as 5.92 million. The published code, unlike the paper,
    adds the same position to every frame.

    The authors place the body in a box made from its shoulders and each hand in a box of its own. Here the recipe does
    both: its body frame and its hands' frame.

    Args:
        frames, features, classes: frames of a clip T, numbers in a frame F, number of glosses.
        units: width, a multiple of `heads`. A linear layer comes first where F is another number.
        blocks, heads, feed_forward, dropout: blocks of the encoder and of the decoder; heads of each attention; width
            of the hidden layers; share of the numbers that are dropped; as published by default.

    Returns:
        A model from (N, T, F) to (N, classes) probabilities.

    Raises:
        ValueError: a size is below 1, or there are fewer than 2 classes.
    """
    import keras
    from keras import layers

    from asl_lib.models.layers import LearnedPositions, clip_input

    sizes: dict[str, Any] = {"heads": heads, "dropout": dropout}
    inputs = clip_input(frames=frames, features=features, classes=classes)  # (N, T, F)
    x = inputs if features == units else layers.Dense(units)(inputs)  # (N, T, units)
    x = LearnedPositions(name="positions")(x)
    for _ in range(blocks):
        x = _attend(x, x, **sizes)
        x = _feed(x, hidden=feed_forward, dropout=dropout)
    memory = layers.LayerNormalization(epsilon=1e-5)(x)
    # The query is the same for all clips: a position that is added to zeros.
    query = LearnedPositions(name="class_query")(layers.Cropping1D((0, frames - 1))(memory) * 0.0)  # (N, 1, units)
    for _ in range(blocks):
        query = layers.LayerNormalization(epsilon=1e-5)(query)  # in the place of the attention to itself
        query = _attend(query, memory, **sizes)
        query = _feed(query, hidden=feed_forward, dropout=dropout)
    query = layers.LayerNormalization(epsilon=1e-5)(query)
    outputs = layers.Dense(classes, activation="softmax")(layers.Flatten()(query))
    return keras.Model(inputs, outputs, name="spoter")


def _attend(x: Any, memory: Any, *, heads: int, dropout: float) -> Any:
    from keras import layers

    y = layers.MultiHeadAttention(heads, x.shape[-1] // heads, dropout=dropout)(x, memory)
    return layers.LayerNormalization(epsilon=1e-5)(x + layers.Dropout(dropout)(y))


def _feed(x: Any, *, hidden: int, dropout: float) -> Any:
    from keras import layers

    y = layers.Dropout(dropout)(layers.Dense(hidden, activation="relu")(x))
    y = layers.Dense(x.shape[-1])(y)
    return layers.LayerNormalization(epsilon=1e-5)(x + layers.Dropout(dropout)(y))
