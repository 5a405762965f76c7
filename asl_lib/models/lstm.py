"""The LSTM the course starts from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_lib.models.checks import baseline, check_sizes

if TYPE_CHECKING:
    import keras


def build_lstm(*, frames: int, features: int, classes: int) -> keras.Model:
    """Return the three-layer LSTM of the usual sign recognition tutorials, uncompiled.

    LSTM 64, 128 and 64 (the first two return sequences), then Dense 64 and 32, all ReLU, and a softmax.
    This is the reference network of the signer-independent KArSL-100 baselines; with 30 frames, 150
    features and 100 signs it has 212,804 parameters.

    Args:
        frames: length of a clip, T.
        features: numbers in a frame, F.
        classes: number of glosses.

    Returns:
        A model from (N, T, F) to (N, classes) probabilities.

    Raises:
        ValueError: a size is below 1, or there are fewer than 2 classes.
    """
    from keras import layers

    check_sizes(frames, features, classes)
    body = [
        layers.LSTM(64, activation="relu", return_sequences=True),  # (N, T, 64)
        layers.LSTM(128, activation="relu", return_sequences=True),  # (N, T, 128)
        layers.LSTM(64, activation="relu"),  # (N, 64)
    ]
    return baseline(body, name="lstm", frames=frames, features=features, classes=classes)
