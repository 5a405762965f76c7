"""Temporal convolutional networks: the reference of the KArSL-100 baselines, and the course's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_lib.models.checks import baseline, check_sizes

if TYPE_CHECKING:
    import keras


def build_tcn(*, frames: int, features: int, classes: int) -> keras.Model:
    """Return the reference temporal convolutional network (Bai, Kolter and Koltun 2018), uncompiled.

    Three TCNs of 64, 128 and 64 filters (keras-tcn's defaults: kernel 3, dilations 1 to 32), then Dense 64 and
    32, ReLU, and a softmax. With 30 frames, 150 features and 100 signs it has 927,812 parameters.

    Args:
        frames: length of a clip, T.
        features: numbers in a frame, F.
        classes: number of glosses.

    Returns:
        A model from (N, T, F) to (N, classes) probabilities.

    Raises:
        ValueError: a size is below 1, or there are fewer than 2 classes.
    """
    from tcn import TCN

    check_sizes(frames, features, classes)
    body = [
        TCN(64, return_sequences=True),  # (N, T, 64)
        TCN(128, return_sequences=True),  # (N, T, 128)
        TCN(64),  # (N, 64): the last frame, which has seen all others
    ]
    return baseline(body, name="tcn", frames=frames, features=features, classes=classes)
