"""Temporal convolutional networks: the published one of the KArSL-100 baselines, and the course's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asl_lib.models.registry import register

if TYPE_CHECKING:
    import keras


@register("tcn")
def build_tcn(*, frames: int, features: int, classes: int) -> keras.Model:
    """Return the reference temporal convolutional network (Bai, Kolter and Koltun 2018), uncompiled.

    Three TCNs of 64, 128 and 64 filters (keras-tcn's defaults: kernel 3, dilations 1 to 32), then Dense 64 and
    32, ReLU, and a softmax. With 30 frames, 150 features and 100 signs it has 927,812 parameters.

    Args:
        frames, features, classes: frames of a clip T, numbers in a frame F, number of glosses.

    Returns:
        A model from (N, T, F) to (N, classes) probabilities.

    Raises:
        ValueError: a size is below 1, or there are fewer than 2 classes.
    """
    from tcn import TCN

    from asl_lib.models.layers import baseline

    body = [
        TCN(64, return_sequences=True),  # (N, T, 64)
        TCN(128, return_sequences=True),  # (N, T, 128)
        TCN(64),  # (N, 64): the last frame, which has seen all others
    ]
    return baseline(body, name="tcn", frames=frames, features=features, classes=classes)


@register("attention_tcn")
def build_attention_tcn(
    *, frames: int, features: int, classes: int, units: int = 128, dropout: float = 0.5
) -> keras.Model:
    """Return the course's own temporal convolutional network, uncompiled.

    A first layer on every frame (`stem`), two blocks that convolve over five neighbouring frames, each channel by
    itself (depthwise separable; Chollet 2017), and attention that weighs the frames.

    Args:
        frames, features, classes: frames of a clip T, numbers in a frame F, number of glosses.
        units, dropout: width of the network, a multiple of 4; share of the numbers that are dropped in training.

    Returns:
        A model from (N, T, F) to (N, classes) probabilities.

    Raises:
        ValueError: a size is below 1, or there are fewer than 2 classes.
    """
    from asl_lib.models.layers import attention_model, neighbours_block

    def two_blocks(x: Any) -> Any:
        for _ in range(2):
            x = neighbours_block(x, units=units, dropout=dropout)
        return x

    sizes = {"frames": frames, "features": features, "classes": classes}
    return attention_model(two_blocks, name="attention_tcn", units=units, dropout=dropout, **sizes)
