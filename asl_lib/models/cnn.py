"""Networks that name a handshape in a photograph: the published one, one of ours, and one that learned elsewhere.

Photographs go in as they are, (N, size, size, 3) from 0 to 255: each network scales them itself, so that no caller can
do it otherwise than in training.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from asl_lib.models.errors import TrainingError

if TYPE_CHECKING:
    import keras


def build_alphabet_cnn(*, size: int = 224, channels: int = 3, classes: int) -> keras.Model:
    """Return the plain CNN of the usual alphabet notebook, with its sizes: 277,949 parameters for 29 classes.

    Convolutions of 16 (5 x 5), 32 (5 x 5), 64 (3 x 3) and 128 (5 x 5), each with ReLU and max pooling by 2, global
    average pooling, Dense 256 and softmax. Its authors train it with Adam at 1e-3 for 10 epochs on 224 px.

    Args:
        size: side of the photographs in px, at least 16.
        channels: 3 for RGB.
        classes: number of classes.

    Raises:
        ValueError: a size that no network can be built for.
    """
    import keras

    _check(size, classes)
    layers: list[keras.Layer] = [keras.Input((size, size, channels)), keras.layers.Rescaling(1 / 255)]
    for filters, kernel in ((16, 5), (32, 5), (64, 3), (128, 5)):
        layers += [keras.layers.Conv2D(filters, kernel, padding="same", activation="relu"), keras.layers.MaxPooling2D()]
    layers += [
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(256, activation="relu"),
        keras.layers.Dense(classes, activation="softmax"),
    ]
    return keras.Sequential(layers, name="alphabet_cnn")


def build_letter_cnn(*, size: int = 96, classes: int, filters: int = 32, dropout: float = 0.3) -> keras.Model:
    """Return the course's own CNN: four blocks with batch normalisation, for variations and a cosine schedule.

    Args:
        size: side of the photographs in px, at least 16.
        classes: number of classes.
        filters: of the first block; each next block has twice as many, the last as many as the third.
        dropout: share of what is dropped before the softmax.

    Raises:
        ValueError: a size that no network can be built for.
    """
    import keras

    _check(size, classes)
    layers: list[keras.Layer] = [keras.Input((size, size, 3)), keras.layers.Rescaling(1 / 127.5, offset=-1)]
    for block, width in enumerate((filters, 2 * filters, 4 * filters, 4 * filters)):
        for step in range(1 if block == 0 else 2):
            # The first convolution moves two pixels at a time: fingers are wide, and it would cost half the time.
            stride = 2 if block == step == 0 else 1
            layers += [
                keras.layers.Conv2D(width, 5 if block == 0 else 3, strides=stride, padding="same", use_bias=False),
                keras.layers.BatchNormalization(momentum=0.9),
                keras.layers.ReLU(),
            ]
        if block < 3:
            layers.append(keras.layers.MaxPooling2D())
    layers += [
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dropout(dropout),
        keras.layers.Dense(classes, activation="softmax"),
    ]
    return keras.Sequential(layers, name="letter_cnn")


def build_transfer_cnn(*, size: int = 96, classes: int, weights: str | Path | None = None) -> keras.Model:
    """Return MobileNetV3-small (Howard et al. 2019) with a new top: what a network that knows photographs can do here.

    Args:
        size: side of the photographs in px, at least 32.
        classes: number of classes.
        weights: "imagenet" to download Keras's; a `.weights.h5` file of the network without its top; None starts from
            random weights, which is then no transfer at all.

    Raises:
        ValueError: a size that no network can be built for.
        TrainingError: the file is missing, or of another architecture.
    """
    import keras

    _check(size, classes, least=32)
    body = build_mobilenet(size=size, weights=weights)
    photograph = keras.Input((size, size, 3))
    seen = keras.layers.GlobalAveragePooling2D()(body(photograph))
    outputs = keras.layers.Dense(classes, activation="softmax")(keras.layers.Dropout(0.3)(seen))
    return keras.Model(photograph, outputs, name="transfer_cnn")


def build_mobilenet(*, size: int, weights: str | Path | None = None) -> keras.Model:
    """Return MobileNetV3-small without its top, from (N, size, size, 3), 0 to 255; `weights` as above."""
    import keras

    body = keras.applications.MobileNetV3Small(
        input_shape=(size, size, 3), include_top=False, weights="imagenet" if weights == "imagenet" else None
    )
    if weights not in (None, "imagenet"):
        load_weights(body, str(weights))
    for layer in body.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9  # its own, 0.999, is for a million photographs: here it would never leave the start
    return body


def load_weights(model: keras.Model, path: str | Path) -> None:
    """Load a `.h5` file of weights into a network of the same architecture.

    Raises:
        TrainingError: the file is missing or damaged, or has other layers; the message names the first.
    """
    path = Path(path)
    if not path.is_file():
        raise TrainingError(
            f"There is no file of weights {path}. Name a .weights.h5 file, or start from random weights."
        )
    try:
        with warnings.catch_warnings():
            # Keras only warns where the file lacks a layer, and goes on with random weights.
            warnings.simplefilter("error", UserWarning)
            model.load_weights(path)
    except Exception as error:
        # Keras and h5py raise whatever the damaged place breaks.
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise TrainingError(f"{path} does not fit the network {model.name}: {reason}") from error


def _check(size: int, classes: int, *, least: int = 16) -> None:
    if size < least or classes < 2:
        raise ValueError(f"A network needs photographs of {least} px and 2 classes at least; got {size} and {classes}.")
