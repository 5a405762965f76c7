"""MobileNetV3-small (Howard et al. 2019) as the backbone of two networks: for a photograph, and for a video.

Pictures go in as they are, from 0 to 255: the backbone scales them itself.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asl_lib.models.cnn import check_picture
from asl_lib.models.errors import TrainingError
from asl_lib.models.registry import register

if TYPE_CHECKING:
    import keras

BACKBONE, HEAD = "frame_features", "lstm_head"
"""Names of the two layers of `build_mobilenet_lstm`."""


@register("transfer_cnn", input="photographs")
def build_transfer_cnn(*, size: int = 96, classes: int, weights: str | Path | None = None) -> keras.Model:
    """Return MobileNetV3-small with a new top: transfer from a million photographs of other things.

    Args:
        size: side of the photographs in px, at least 32.
        classes: number of classes, at least 2.
        weights: "imagenet" to download Keras's; a `.weights.h5` file of the network without its top; None starts from
            random weights, which is then no transfer at all.

    Raises:
        ValueError: a size is too small.
        TrainingError: the file of weights is missing, or of another architecture.
    """
    import keras

    backbone = build_mobilenet(size=size, classes=classes, weights=weights)
    photograph = keras.Input((size, size, 3))
    features = keras.layers.GlobalAveragePooling2D()(backbone(photograph))
    outputs = keras.layers.Dense(classes, activation="softmax")(keras.layers.Dropout(0.3)(features))
    return keras.Model(photograph, outputs, name="transfer_cnn")


@register("mobilenet_lstm", input="video")
def build_mobilenet_lstm(
    *,
    frames: int = 40,
    size: int = 112,
    classes: int,
    weights: str | Path | None = None,
    units: int = 64,
    dropout: float = 0.3,
) -> keras.Model:
    """Return MobileNetV3-small, frozen, on every frame, and an LSTM on the 576 features of each.

    The usual first network for videos (LRCN; Donahue et al. 2015). The backbone is not trained, so its features can be
    computed once (`training.videos.frame_features`), and only the head is trained (`training.videos.fit_lstm`).

    Args:
        frames: frames of a clip, at least 2.
        size: their side in px, at least 32.
        classes: number of classes, at least 2.
        weights: as for `build_transfer_cnn`; with None the backbone keeps random weights, whose features are random
            mixtures of colours and edges.
        units: units of the LSTM.
        dropout: share of the numbers that are dropped before the softmax.

    Raises:
        ValueError: a size is too small.
        TrainingError: the file of weights is missing, or of another architecture.
    """
    import keras

    if frames < 2:
        raise ValueError(f"A network for clips needs 2 frames of 32 px at least; got {frames} of {size} px.")
    body = build_mobilenet(size=size, classes=classes, weights=weights)
    pooled = keras.layers.GlobalAveragePooling2D()(body.output)
    backbone = keras.Model(body.input, pooled, name="mobilenet")
    backbone.trainable = False
    features = keras.Input((frames, pooled.shape[-1]))
    # Some of the features are a thousand times as large as others; without this the LSTM would learn from those alone.
    x = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-9)(features)
    x = keras.layers.LSTM(units)(x)
    x = keras.layers.Dropout(dropout)(x)
    head = keras.Model(features, keras.layers.Dense(classes, activation="softmax", dtype="float32")(x), name=HEAD)
    clip = keras.Input((frames, size, size, 3))
    return keras.Model(clip, head(keras.layers.TimeDistributed(backbone, name=BACKBONE)(clip)), name="mobilenet_lstm")


def predict_at_once(model: keras.Model, clips: Any) -> Any:
    """Return what the network of `build_mobilenet_lstm` returns, with the frames of all clips as one batch.

    `TimeDistributed` repeats the backbone's graph for every frame, which takes ten seconds to compile.

    Args:
        model: the network.
        clips: (n, frames, size, size, 3).
    """
    from keras import ops

    features = model.get_layer(BACKBONE).layer(ops.reshape(clips, (-1, *clips.shape[2:])), training=False)
    return model.get_layer(HEAD)(ops.reshape(features, (-1, clips.shape[1], features.shape[-1])), training=False)


def build_mobilenet(*, size: int, classes: int = 2, weights: str | Path | None = None) -> keras.Model:
    """Return MobileNetV3-small without its top, from (N, size, size, 3).

    Args:
        size: side of the pictures in px, at least 32.
        classes: number of classes of the network around it, checked here.
        weights: as for `build_transfer_cnn`.
    """
    import keras

    check_picture(size, classes, least=32)
    body = keras.applications.MobileNetV3Small(
        input_shape=(size, size, 3), include_top=False, weights="imagenet" if weights == "imagenet" else None
    )
    if weights not in (None, "imagenet"):
        load_weights(body, str(weights))
    for layer in body.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9  # its own, 0.999, is for a million photographs: a small data set has too few steps
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
            # Keras only warns where the file lacks a layer, and leaves its weights random.
            warnings.simplefilter("error", UserWarning)
            model.load_weights(path)
    except Exception as error:
        # Keras and h5py raise whatever the damaged place breaks.
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise TrainingError(f"{path} does not fit the network {model.name}: {reason}") from error
