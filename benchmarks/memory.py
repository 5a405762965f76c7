"""How much memory a data set of WLASL-2000's size takes, on synthetic landmarks.

    python -m benchmarks.memory [--clips 21000] [--frames 60]

Clips of `--frames` frames and 75 points (pose and hands) are written as a store of landmarks, then prepared, saved,
loaded again and trained on for one epoch, each step in a process of its own whose peak of memory is read at its end.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

SIGNS = 2000
STEPS = ("nothing", "prepare", "train")


def make_store(folder: Path, *, clips: int, frames: int) -> None:
    """Write the landmarks of all clips into one store, as `load_landmarks` keeps them."""
    from asl_lib.landmark_store import load_landmarks
    from asl_lib.landmarks import PARTS, Landmarks

    parts = ("pose", "left_hand", "right_hand")
    points = sum(PARTS[part] for part in parts)
    rng = np.random.default_rng(1)
    (folder / "clip").touch()

    def read(clip: object) -> Landmarks:
        values = rng.random((frames, points, 4), np.float32)
        return Landmarks(values[..., :3], values[..., 3], parts, 25.0, 640, 480)

    load_landmarks(make_table(clips), read=read, path_of=lambda _: folder / "clip", folder=folder, parts=parts)


def make_table(clips: int) -> pd.DataFrame:
    names = [f"clip{number:06d}" for number in range(clips)]
    glosses = [f"sign{number % SIGNS:04d}" for number in range(clips)]
    signers = [f"signer{number // 20 % 100}" for number in range(clips)]
    return pd.DataFrame({"clip_id": names, "path": names, "gloss": glosses, "signer": signers, "split": ""})


def prepare(folder: Path, *, clips: int, frames: int) -> None:
    """What notebook 03 does."""
    from asl_lib.features import FeatureRecipe
    from asl_lib.featureset import build_features
    from asl_lib.landmark_store import load_landmarks

    recipe = FeatureRecipe(frames=frames)
    table = make_table(clips)

    def read(clip: object) -> object:
        raise AssertionError("The store holds all clips already.")

    found = load_landmarks(
        table, read=read, path_of=lambda _: folder / "clip", folder=folder, parts=recipe.tracked_parts
    )  # type: ignore[arg-type]
    features, _ = build_features(table, landmarks=found, recipe=recipe)
    features.save(folder / "features.npz", recipe=recipe)


def train(folder: Path, *, clips: int, frames: int) -> None:
    """What a model notebook does, for one epoch."""
    from asl_lib.augment import Augmentation
    from asl_lib.features import FeatureRecipe
    from asl_lib.featureset import FeatureSet
    from asl_lib.models import build_attention_tcn
    from asl_lib.splits import make_split
    from asl_lib.training import fit, set_seeds

    set_seeds(1)
    recipe = FeatureRecipe(frames=frames)
    features = FeatureSet.load(folder / "features.npz")
    split = make_split(features.clips(), test_signers=["signer0"])
    model = build_attention_tcn(frames=frames, features=recipe.num_features, classes=len(features.glosses))
    fit(
        model, points=features.points, y=features.y, rows=split.train, validation=None, monitor="none", recipe=recipe,
        folder=folder / "model", epochs=1, augmentation=Augmentation(recipe),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=21_000)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    size = {"clips": options.clips, "frames": options.frames}
    if options.step:
        import asl_lib.training  # noqa: F401

        if options.step == "nothing":
            import tensorflow  # noqa: F401
        else:
            {"prepare": prepare, "train": train}[options.step](Path(options.folder), **size)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # kB on Linux
        return
    once = options.clips * options.frames * 75 * 2 * 4 / 1e6
    print(f"{options.clips:,} clips of {options.frames} frames: x and y of their points are {once:,.0f} MB")
    with tempfile.TemporaryDirectory() as folder:
        make_store(Path(folder), **size)
        for step in STEPS:
            start = time.perf_counter()
            command = [sys.executable, "-m", "benchmarks.memory", "--step", step, "--folder", folder]
            command += ["--clips", str(options.clips), "--frames", str(options.frames)]
            done = subprocess.run(
                command, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, "ASL_PROGRESS": "off"}
            )
            peak = int(done.stdout.split()[-1]) / 1e3
            print(f"{step:8s} {peak:6,.0f} MB at most, {time.perf_counter() - start:4.0f} s", flush=True)


if __name__ == "__main__":
    main()
