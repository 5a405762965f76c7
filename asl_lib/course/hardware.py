"""What networks are trained with: whole or half precision, one device or several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class HardwareError(RuntimeError):
    """More devices were asked for than there are."""


@contextmanager
def hardware(*, precision: str = "float32", gpus: int = 0, devices: Sequence[str] = ()) -> Iterator[None]:
    """Build and train networks inside this block with the given precision, on the given devices.

    Several devices each get a part of every batch and keep the same weights (`tf.distribute.MirroredStrategy`).

    >>> with hardware(precision="mixed_float16", gpus=4):
    ...     model = build_i3d(classes=100)
    ...     fit_i3d(model, clips, ...)

    Args:
        precision: "float32"; "mixed_float16" or "mixed_bfloat16" compute in half precision and keep the weights whole,
            which takes half the memory and, on a recent GPU, less time. (A processor only gets slower.)
        gpus: how many GPUs to share the work among; 0 and 1 leave the choice to TensorFlow.
        devices: names of the devices instead, such as "/gpu:2".

    Raises:
        HardwareError: there are fewer GPUs.
    """
    import keras
    import tensorflow as tf

    if gpus > 1 and not devices:
        devices = [device.name for device in tf.config.list_logical_devices("GPU")][:gpus]
        if len(devices) < gpus:
            raise HardwareError(f"gpus must be at most the number of GPUs, {len(devices)}; got {gpus}.")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        if devices:
            with tf.distribute.MirroredStrategy(list(devices)).scope():
                yield
        else:
            yield
    finally:
        keras.config.set_dtype_policy(before)
