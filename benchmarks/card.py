"""What training costs on a graphics card: networks of published size, clips of WLASL-2000's number and shape.

    python -m benchmarks.card [--models lstm,spoter] [--batches 32,256] [--file rows.jsonl] [--quick]

It computes with Keras on JAX: `pip install "jax[cuda13]"`, or as your driver wants it. It needs no data: the numbers in
the clips are random; their shape is that of params/wlasl2000.yaml, with 2,000 glosses. Each network is a process of its
own, one after the other, because JAX tells the highest use of a card's memory since the start of a process. A row is
printed, and added to `--file`, as soon as it is known:

step        one step of Keras's `fit` on arrays that are ready: the median of several passes after the first
epoch       as many steps as 21,083 clips take, as published; of videos (I3D) likewise
first step  with its compilation
memory      highest use of the card's memory, trials of the compiler included

`--varied` times what `asl_lib`'s `fit` does on the processor before each step: it varies and encodes the clips. Where
that takes longer than the step, the card waits. `--shared` computes under `keras.distribution.DataParallel` on all
cards, of which there may be one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np

from asl_lib.features.recipe import FeatureRecipe, VideoRecipe
from asl_lib.features.sets import ClipSet
from asl_lib.models.registry import build, find_model
from asl_lib.training.batches import training_batches
from asl_lib.training.fit import set_seeds
from asl_lib.training.hardware import hardware
from asl_lib.training.method import Method

CLIPS, GLOSSES = 21_083, 2_000
PUBLISHED = ("transformer", "lstm", "tcn", "hierarchical")
"""Networks that the course trains on points alone; the others have joint angles and velocities, too."""
MODELS = (*PUBLISHED, "spoter", "conv_transformer", "sl_gcn", "attention_lstm", "attention_tcn",
          "attention_transformer", "attention_hierarchical")  # fmt: skip
PASS = {"landmarks": 8_192, "video": 64}
"""Clips of one pass that is timed."""
ENOUGH_S = 4.0


def method_of(name: str) -> Method:
    recipe = FeatureRecipe(glosses=tuple(f"sign{number:04d}" for number in range(GLOSSES)))
    return Method.published(recipe) if name in PUBLISHED else Method.own(recipe)


def start(name: str) -> Any:
    """Return a network of published size."""
    set_seeds(1)
    recipe: Any = method_of(name).recipe
    if find_model(name).input == "video":
        recipe = VideoRecipe(size=224, frames=64, glosses=recipe.glosses)
    return build(name, recipe)


def time_steps(name: str, *, batch: int, clips: int) -> dict[str, Any]:
    """Return what the steps of a network cost, on random clips that are encoded already."""
    import keras

    model, rng, took = start(name), np.random.default_rng(1), []
    steps = max(1, min(clips, PASS[find_model(name).input]) // batch)
    X = rng.standard_normal((steps * batch, *model.input_shape[1:]), np.float32)
    y: Any = rng.integers(0, GLOSSES, len(X))
    loss: Any = "sparse_categorical_crossentropy"
    if isinstance(model.compute_output_shape(model.input_shape), dict):
        y, loss = {"gloss": y, "group": y % 4}, dict.fromkeys(("gloss", "group"), loss)
    model.compile(keras.optimizers.AdamW(1.0e-4), loss)

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.began = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            took.append(time.perf_counter() - self.began)
            model.stop_training = len(took) > 3 and sum(took[1:]) > ENOUGH_S

    began = time.perf_counter()
    model.train_on_batch(X[:batch], keras.tree.map_structure(lambda values: values[:batch], y))
    first = time.perf_counter() - began
    model.fit(X, y, batch_size=batch, epochs=20, shuffle=False, verbose=0, callbacks=[Clock()])
    step = statistics.median(took[1:]) / steps
    values = {"parameters": model.count_params(), "step_ms": round(1000 * step, 3), "passes": len(took) - 1}
    return values | {"epoch_s": round(step * -(-CLIPS // batch), 2), "first_step_s": round(first, 1)}


def time_batches(name: str, *, batch: int, clips: int) -> dict[str, Any]:
    """Return how long the processor takes to vary and encode a batch, with the course's method."""
    method, rng = method_of(name), np.random.default_rng(1)
    recipe, clips = method.recipe, batch * max(1, min(clips, 2_048) // batch)
    values, names = rng.standard_normal((clips, *recipe.values_shape), np.float32), np.arange(clips).astype(str)
    learned = ClipSet(recipe, values, np.arange(clips) % GLOSSES, names, names, np.full(clips, ""))
    batches = training_batches(
        learned, np.arange(clips), batch_size=batch, seed=1, augmentation=method.augmentation, mixup=method["mixup"]
    )
    took = []
    for number in range(len(batches)):
        began = time.perf_counter()
        batches[number]
        took.append(time.perf_counter() - began)
    return {"varied_ms": round(1000 * statistics.median(took), 3), "batches": len(took)}


def memory_gb() -> float:
    """Return the highest use of the first card's memory since the start of the process; NaN on a processor."""
    import jax

    told = jax.local_devices()[0].memory_stats() or {}
    return round(told.get("peak_bytes_in_use", float("nan")) / 1e9, 3)


def about() -> dict[str, Any]:
    """Return what computes: devices and versions."""
    import jax
    import keras

    devices = [device.device_kind for device in jax.local_devices()]
    return {"devices": devices, "jax": jax.__version__, "keras": keras.__version__, "python": sys.version.split()[0]}


def child(options: argparse.Namespace) -> None:
    """Measure one network, and print a row a batch size."""
    import keras

    measure = time_batches if options.varied else time_steps
    shared = keras.distribution.DataParallel() if options.shared else None
    for batch in map(int, options.batches.split(",")):
        with hardware(precision=options.precision), shared.scope() if shared else nullcontext():
            row = measure(options.one, batch=batch, clips=options.clips)
        kind = {"model": options.one, "batch": batch, "precision": options.precision, "shared": options.shared}
        print(json.dumps(kind | row | {"memory_gb": memory_gb()}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(MODELS), help="names of networks")
    parser.add_argument("--batches", default="32,256", help="clips in a step, the smallest first")
    parser.add_argument("--clips", type=int, default=CLIPS, help="clips that there are")
    parser.add_argument("--precision", default="float32", help="or mixed_bfloat16")
    parser.add_argument("--varied", action="store_true", help="time the processor's part of a step instead")
    parser.add_argument("--shared", action="store_true", help="under keras.distribution.DataParallel, on all cards")
    parser.add_argument("--file", type=Path, help="file that rows are added to")
    parser.add_argument("--quick", action="store_true", help="256 clips in batches of 32, to see whether it works")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--about", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        child(options)
        return
    if options.about:
        print(json.dumps(about()), flush=True)
        return
    passed = [f"--{name}={getattr(options, name)}" for name in ("batches", "clips", "precision")]
    passed = ["--batches=32", "--clips=256", passed[2]] if options.quick else passed
    passed += [f"--{name}" for name in ("varied", "shared") if getattr(options, name)]
    for one in [["--about"], *([f"--one={name}"] for name in options.models.split(","))]:
        command = [sys.executable, "-m", "benchmarks.card", *one, *passed]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                if options.file:
                    with options.file.open("a", encoding="utf-8") as file:
                        file.write(line)
        if process.returncode:
            print(f"{' '.join(one)} failed", flush=True)


if __name__ == "__main__":
    main()
