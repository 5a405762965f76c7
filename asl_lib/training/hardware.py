"""Hardware options of training: full or half precision, one GPU or several."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from asl_lib.models.errors import TrainingError


@contextmanager
def hardware(*, precision: str = "float32", gpus: int = 0) -> Iterator[None]:
    """Build and train networks inside this block with the given precision, on the given number of GPUs.

    Several GPUs each get a part of every batch and keep the same weights (`tf.distribute.MirroredStrategy`).

    >>> with hardware(precision="mixed_float16", gpus=4):
    ...     model = build_i3d(classes=100)
    ...     fit_i3d(model, clips, ...)

    Args:
        precision: "float32"; "mixed_float16" or "mixed_bfloat16" compute in half precision and keep the weights whole,
            which needs less memory and, on a recent GPU, less time. (A processor only gets slower.)
        gpus: number of GPUs that share the work; 0 and 1 leave the choice to TensorFlow.

    Raises:
        TrainingError: there are fewer GPUs.
    """
    import keras
    import tensorflow as tf

    devices = [device.name for device in tf.config.list_logical_devices("GPU")][:gpus] if gpus > 1 else []
    if gpus > 1 and len(devices) < gpus:
        raise TrainingError(f"gpus must be at most the number of GPUs, {len(devices)}; got {gpus}.")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        with tf.distribute.MirroredStrategy(devices).scope() if devices else nullcontext():
            yield
    finally:
        keras.config.set_dtype_policy(before)
