"""Hardware options of training: full or half precision, one GPU or several."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from asl_lib.models.errors import TrainingError


@contextmanager
def hardware(*, precision: str = "float32", gpus: int = 0) -> Iterator[None]:
    """Build and train networks inside this block with the given precision, on the given number of GPUs.

    Several GPUs each get a part of every batch and keep the same weights: with Keras on TensorFlow by
    `tf.distribute.MirroredStrategy`, on JAX by `keras.distribution.DataParallel`.

    >>> with hardware(precision="mixed_float16", gpus=4):
    ...     model = build_i3d(classes=100)
    ...     fit_i3d(model, clips, ...)

    Args:
        precision: "float32"; "mixed_float16" or "mixed_bfloat16" compute in half precision and keep the weights whole,
            which needs less memory and, on a recent GPU, less time. (A processor only gets slower.)
        gpus: number of GPUs that share the work; 0 and 1 leave the choice to TensorFlow or JAX.

    Raises:
        TrainingError: there are fewer GPUs.
    """
    import keras

    before = keras.config.dtype_policy()
    with _shared(gpus) if gpus > 1 else nullcontext():
        keras.config.set_dtype_policy(precision)
        try:
            yield
        finally:
            keras.config.set_dtype_policy(before)


def _shared(gpus: int) -> AbstractContextManager[Any]:
    """Return the block in which so many GPUs share the work."""
    import keras

    if keras.backend.backend() == "jax":
        try:
            devices = keras.distribution.list_devices("gpu")[:gpus]
        except RuntimeError:  # JAX knows none
            devices = []
    else:
        import tensorflow as tf

        devices = [device.name for device in tf.config.list_logical_devices("GPU")][:gpus]
    if len(devices) < gpus:
        raise TrainingError(f"gpus must be at most the number of GPUs, {len(devices)}; got {gpus}.")
    if keras.backend.backend() == "jax":
        return keras.distribution.DataParallel(devices=devices).scope()
    return tf.distribute.MirroredStrategy(devices).scope()
