"""Recurrent networks: the published LSTM, and the course's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asl_lib.models.registry import register

if TYPE_CHECKING:
    import keras


@register("lstm")
def build_lstm(*, frames: int, features: int, classes: int) -> keras.Model:
    """Return the three-layer LSTM of sign recognition tutorials, uncompiled.

    LSTM 64, 128 and 64 (the first two return sequences), then Dense 64 and 32, all ReLU, and a softmax.
    This is the reference network of the signer-independent KArSL-100 baselines; with 30 frames, 150
    features and 100 signs it has 212,804 parameters.

    Args:
        frames, features, classes: frames of a clip T, numbers in a frame F, number of glosses.

    Returns:
        A model from (N, T, F) to (N, classes) probabilities.

    Raises:
        ValueError: a size is below 1, or there are fewer than 2 classes.
    """
    from keras import layers

    from asl_lib.models.layers import baseline

    body = [
        layers.LSTM(64, activation="relu", return_sequences=True),  # (N, T, 64)
        layers.LSTM(128, activation="relu", return_sequences=True),  # (N, T, 128)
        layers.LSTM(64, activation="relu"),  # (N, 64)
    ]
    return baseline(body, name="lstm", frames=frames, features=features, classes=classes)


@register("attention_lstm")
def build_attention_lstm(
    *, frames: int, features: int, classes: int, units: int = 128, dropout: float = 0.5
) -> keras.Model:
    """Return the course's own recurrent network, uncompiled.

    A first layer on every frame (`stem`), one LSTM that reads the clip forwards and one that reads it backwards
    (Schuster and Paliwal 1997), a shortcut around both, and attention that weighs the frames.

    Args:
        frames, features, classes: frames of a clip T, numbers in a frame F, number of glosses.
        units, dropout: width of the network, a multiple of 4; share of the numbers that are dropped in training.

    Returns:
        A model from (N, T, F) to (N, classes) probabilities.

    Raises:
        ValueError: a size is below 1, or there are fewer than 2 classes.
    """
    from keras import layers

    from asl_lib.models.layers import attention_model

    def both_ways(x: Any) -> Any:
        read = layers.Bidirectional(layers.LSTM(units // 2, return_sequences=True))(x)
        return x + layers.Dropout(dropout)(layers.LayerNormalization()(read))

    sizes = {"frames": frames, "features": features, "classes": classes}
    return attention_model(both_ways, name="attention_lstm", units=units, dropout=dropout, **sizes)
