"""A trained network as one `.tflite` file, for phones and browsers: LiteRT, formerly TensorFlow Lite."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from asl_lib._util.console import quiet_native_stderr
from asl_lib._util.files import atomic_write
from asl_lib.training.fit import glosses_of

if TYPE_CHECKING:
    import keras


class ExportError(ValueError):
    """A network that cannot be exported, or a file that is no exported one."""


def export_tflite(model: keras.Model, path: str | Path) -> Path:
    """Write a model as a `.tflite` file that takes one clip and gives the probabilities of the glosses.

    Args:
        model: any network of the course; of one that also names groups, the glosses are exported.
        path: the file to write.

    Returns:
        The path. The file's input is (1, frames, features) float32, as the model's recipe encodes a clip: keep
        `recipe.json` beside it.

    Raises:
        ExportError: a layer of the network has no counterpart in LiteRT.
    """
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
        raise ExportError(f"'{model.name}' cannot be exported to LiteRT: {str(error).splitlines()[0]}") from error
    with atomic_write(path) as tmp:
        tmp.write_bytes(content)
    return path


def predict_tflite(path: str | Path, X: np.ndarray) -> np.ndarray:
    """Return (n, classes) probabilities from an exported model: what a phone would compute.

    Args:
        path: a file that `export_tflite` wrote.
        X: (n, frames, features) as the model's recipe encodes clips.

    Raises:
        ExportError: the file is missing or no model, or the clips do not fit it.
    """
    import tensorflow as tf

    try:
        with quiet_native_stderr(), warnings.catch_warnings():
            # TensorFlow 2.19, which the course is pinned to, announces that 2.20 moves this class to another package.
            warnings.filterwarnings("ignore", message=r"\s*Warning: tf.lite.Interpreter is deprecated")
            interpreter = tf.lite.Interpreter(str(path))
            interpreter.allocate_tensors()
    except (ValueError, OSError) as error:
        raise ExportError(f"{path} is not an exported model: {error}") from error
    given, taken = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    if tuple(given["shape"][1:]) != X.shape[1:]:
        raise ExportError(f"{path} takes clips of {tuple(given['shape'][1:])}; got {X.shape[1:]}. Use its recipe.")
    rows = []
    for clip in X.astype(np.float32):
        interpreter.set_tensor(given["index"], clip[None])
        interpreter.invoke()
        rows.append(interpreter.get_tensor(taken["index"])[0])
    return np.stack(rows)
