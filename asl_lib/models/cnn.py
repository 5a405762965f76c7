"""Networks for the handshape in a photograph: a published CNN, and the course's own.

Photographs go in as they are, (N, size, size, 3) from 0 to 255: each network scales them itself, the same way in
training and in use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asl_lib.models.registry import register

if TYPE_CHECKING:
    import keras


@register("alphabet_cnn", input="photographs")
def build_alphabet_cnn(*, size: int = 224, channels: int = 3, classes: int) -> keras.Model:
    """Return the plain CNN of a public notebook on ASL Alphabet, with its sizes: 277,949 parameters for 29 classes.

    Convolutions of 16 (5 x 5), 32 (5 x 5), 64 (3 x 3) and 128 (5 x 5), each with ReLU and max pooling by 2, global
    average pooling, Dense 256 and softmax. As published it is trained with Adam at 1e-3 for 10 epochs on 224 px.

    Args:
        size: side of the photographs in px, at least 16.
        channels: 3 for RGB.
        classes: number of classes, at least 2.

    Raises:
        ValueError: a size is too small.
    """
    import keras

    check_picture(size, classes, least=16)
    layers: list[keras.Layer] = [keras.Input((size, size, channels)), keras.layers.Rescaling(1 / 255)]
    for filters, kernel in ((16, 5), (32, 5), (64, 3), (128, 5)):
        layers += [keras.layers.Conv2D(filters, kernel, padding="same", activation="relu"), keras.layers.MaxPooling2D()]
    layers += [
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(256, activation="relu"),
        keras.layers.Dense(classes, activation="softmax"),
    ]
    return keras.Sequential(layers, name="alphabet_cnn")


@register("letter_cnn", input="photographs")
def build_letter_cnn(*, size: int = 96, classes: int, filters: int = 32, dropout: float = 0.3) -> keras.Model:
    """Return the course's own CNN: four blocks with batch normalisation, for variations and a cosine schedule.

    Args:
        size: side of the photographs in px, at least 16.
        classes: number of classes, at least 2.
        filters: of the first block; each next block has twice as many, the last as many as the third.
        dropout: share of the numbers that are dropped before the softmax.

    Raises:
        ValueError: a size is too small.
    """
    import keras

    check_picture(size, classes, least=16)
    layers: list[keras.Layer] = [keras.Input((size, size, 3)), keras.layers.Rescaling(1 / 127.5, offset=-1)]
    for block, width in enumerate((filters, 2 * filters, 4 * filters, 4 * filters)):
        for step in range(1 if block == 0 else 2):
            # The first convolution moves two pixels at a time: fingers are wider than that, and it saves time.
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


def check_picture(size: int, classes: int, *, least: int) -> None:
    """Raise where no network for pictures can be built.

    Raises:
        ValueError: the pictures are below `least` px, or there are fewer than 2 classes.
    """
    if size < least or classes < 2:
        raise ValueError(f"A network needs pictures of {least} px and 2 classes at least; got {size} and {classes}.")
