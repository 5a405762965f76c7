"""A trained network as one `.tflite` file, for phones and browsers: LiteRT, formerly TensorFlow Lite."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from asl_lib._util.console import quiet_native_stderr
from asl_lib._util.files import atomic_write
from asl_lib.models.errors import TrainingError
from asl_lib.models.point_model import PointModel
from asl_lib.training.saved import glosses_of

if TYPE_CHECKING:
    import keras


def export_tflite(model: keras.Model | PointModel, path: str | Path) -> Path:
    """Write a model as a `.tflite` file that takes one clip and gives the probabilities of the glosses.

    Args:
        model: any network of the course; of one that also names groups, the glosses are exported.
        path: the file to write.

    Returns:
        The path. The file's input is (1, *recipe.shape) float32, as the model's recipe encodes a clip, photograph or
        video: keep `recipe.json` beside it.

    Raises:
        TrainingError: LiteRT has no counterpart of a layer, or the model is no network.
    """
    if isinstance(model, PointModel):
        raise TrainingError(
            f"'{model.name}' cannot be exported to LiteRT: it is no network. Export one, such as attention_lstm."
        )
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    # One clip at a time: with a batch of unknown size an LSTM's loop has no counterpart in LiteRT.
    clip = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
    glosses = tf.function(lambda clip: glosses_of(model(clip, training=False)))
    path = Path(path)
    try:
        with quiet_native_stderr():
            # The weights become constants: variables would have to be initialised on the phone.
            function = convert_variables_to_constants_v2(glosses.get_concrete_function(clip))
            content = tf.lite.TFLiteConverter.from_concrete_functions([function], model).convert()
    except Exception as error:
        # The converter raises its own, undocumented classes.
        raise TrainingError(f"'{model.name}' cannot be exported to LiteRT: {str(error).splitlines()[0]}") from error
    with atomic_write(path) as tmp:
        tmp.write_bytes(content)
    return path
