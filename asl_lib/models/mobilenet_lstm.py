"""A network for photographs looks at every frame, and an LSTM at what it saw: the simplest network for videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from asl_lib.models.cnn import build_mobilenet

if TYPE_CHECKING:
    import keras

BACKBONE, HEAD = "frame_features", "lstm_head"


def build_mobilenet_lstm(
    *,
    frames: int = 40,
    size: int = 112,
    classes: int,
    weights: str | Path | None = None,
    units: int = 64,
    dropout: float = 0.3,
) -> keras.Model:
    """Return MobileNetV3-small (Howard et al. 2019), frozen, on every frame, and an LSTM on the 576 numbers of each.

    Such a pair is the usual first answer to videos (LRCN; Donahue et al. 2015). Frames go in as they are, from 0 to
    255. The eye does not learn, so what it sees can be computed once (`video_training.frame_features`), and only the
    head is trained (`video_training.fit_lstm`).

    Args:
        frames: frames of a clip, at least 2.
        size: their side in px, at least 32.
        classes: number of classes, at least 2.
        weights: "imagenet" to download Keras's; a `.weights.h5` file of the network without its top; None leaves the
            eye with random weights: it then sees colours and edges by chance.
        units: size of the LSTM's memory.
        dropout: share of what is dropped before the softmax.

    Raises:
        ValueError: a size that no network can be built for.
        TrainingError: the file is missing, or of another architecture.
    """
    import keras

    if frames < 2 or size < 32 or classes < 2:
        raise ValueError(
            f"A network for clips needs 2 frames of 32 px and 2 classes at least; got {frames} frames of {size} px and "
            f"{classes} classes."
        )
    body = build_mobilenet(size=size, weights=weights)
    pooled = keras.layers.GlobalAveragePooling2D()(body.output)
    eye = keras.Model(body.input, pooled, name="mobilenet")
    eye.trainable = False
    seen = keras.Input((frames, pooled.shape[-1]))
    # Some of the numbers are a thousand times as large as others; without this the LSTM would see only those.
    x = keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-9)(seen)
    x = keras.layers.LSTM(units)(x)
    x = keras.layers.Dropout(dropout)(x)
    head = keras.Model(seen, keras.layers.Dense(classes, activation="softmax", dtype="float32")(x), name=HEAD)
    clip = keras.Input((frames, size, size, 3))
    return keras.Model(clip, head(keras.layers.TimeDistributed(eye, name=BACKBONE)(clip)), name="mobilenet_lstm")
