"""How long a trained network takes for one clip."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from asl_lib.evaluation.results import FOLDERS


def measure_latencies(run_dir: str | Path, models: Sequence[str], *, repeat: int = 15) -> dict[str, float]:
    """Return ms a clip for each model of a run that left a network; the others are not in the answer.

    The network alone, on this machine: what comes before it (the tracker, or decoding and optical flow) takes its time
    besides.

    Args:
        run_dir: the run's folder.
        models: names of models.
        repeat: how often each is timed; the median counts.
    """
    found = {
        model: next(
            (path for kind in FOLDERS for path in sorted(Path(run_dir).glob(f"{model}/{kind}*/model.keras"))), None
        )
        for model in models
    }
    return {model: measure_latency(path, repeat=repeat) for model, path in found.items() if path is not None}


def measure_latency(path: str | Path, *, repeat: int = 15) -> float:
    """Return the median time, in ms, of a Keras model in a file for one clip, as a compiled call."""
    import keras
    import tcn  # noqa: F401  (registers its layer)
    import tensorflow as tf

    import asl_lib.models.layers  # noqa: F401  (registers the course's)

    model = keras.saving.load_model(path, safe_mode=True, compile=False)
    answer = tf.function(lambda clip: model(clip, training=False))
    clip = tf.constant(np.zeros((1, *model.input_shape[1:]), np.float32))
    answer(clip)  # compiles
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        tf.nest.map_structure(np.asarray, answer(clip))
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)
