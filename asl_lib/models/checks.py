"""What builders of networks share: the check of their sizes, and the end of the published baselines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

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
