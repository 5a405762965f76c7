"""How time and memory grow with the data: 1 x, 4 x and 16 x, up to the size of WLASL-2000.

    python -m benchmarks.growth [--clips 21000] [--frames 60] [--videos 64]

Clips of `--frames` frames and 75 points (pose and hands) are written as a store of landmarks, then read, prepared
(notebook 03) and trained on for one epoch (a model notebook); `--videos` rendered clips are extracted (notebook 02).
Each step runs at a sixteenth of the size, at a quarter and at all of it, in a process of its own, whose time without
its start and whose peak of memory are read at its end. A step that grows in proportion to its data takes 4.0 x.
"""

from __future__ import annotations

import argparse
import itertools
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from asl_lib.data.registry import get_dataset
from asl_lib.landmarks.landmarks import Landmarks
from asl_lib.landmarks.store import LandmarkStore
from benchmarks.extraction import gather
from benchmarks.rows import Row, tell

SIGNS = 2000
SHARES = (16, 4, 1)
POSE_AND_HANDS = ("pose", "left_hand", "right_hand")


def make_store(folder: Path, *, clips: int, frames: int) -> None:
    """Write the landmarks of all clips into one store, as `load_landmarks` keeps them."""
    from asl_lib.landmarks.landmarks import PARTS
    from asl_lib.landmarks.store import load_landmarks

    parts, points = POSE_AND_HANDS, sum(PARTS[part] for part in POSE_AND_HANDS)
    rng = np.random.default_rng(1)

    def read(path: Path) -> Landmarks:
        values = rng.random((frames, points, 4), np.float32)
        return Landmarks(values[..., :3], values[..., 3], parts, 25.0, 640, 480)

    load_landmarks(get_dataset("recordings"), folder, make_table(clips), parts, read=read)


def make_table(clips: int) -> pd.DataFrame:
    names = [f"clip{number:06d}" for number in range(clips)]
    glosses = [f"sign{number % SIGNS:04d}" for number in range(clips)]
    signers = [f"signer{number // 20 % 100}" for number in range(clips)]
    return pd.DataFrame({"clip_id": names, "path": names, "gloss": glosses, "signer": signers, "split": ""})


def stored(folder: Path, clips: int) -> LandmarkStore:
    """Open the store that `make_store` wrote."""
    from asl_lib.landmarks.store import load_landmarks

    def read(path: Path) -> Landmarks:
        raise AssertionError("The store holds all clips already.")

    return load_landmarks(get_dataset("recordings"), folder, make_table(clips), POSE_AND_HANDS, read=read)


def nothing(folder: Path, *, clips: int, frames: int) -> None:
    """What every step has in memory before it begins."""


def extract(folder: Path, *, clips: int, frames: int) -> None:
    """What notebook 02 does, in one process."""
    from asl_lib.data.clips import make_clips
    from asl_lib.landmarks.extract import extract_clips

    names = sorted(path.name for path in (folder / "videos").glob("*.mp4"))[:clips]
    rows = [
        {"clip_id": Path(name).stem, "path": f"videos/{name}", "gloss": "BENCHMARK", "signer": "all"} for name in names
    ]
    done = extract_clips(get_dataset("recordings"), folder, make_clips(rows), POSE_AND_HANDS, workers=1)
    assert done.done == len(names), done.failures.to_string()


def read(folder: Path, *, clips: int, frames: int) -> None:
    """Read all landmarks from the store and use every value once."""
    float(stored(folder, clips).arrays()[0].sum())


def prepare(folder: Path, *, clips: int, frames: int) -> None:
    """What notebook 03 does."""
    from asl_lib.features.recipe import FeatureRecipe
    from asl_lib.features.sets import load_features

    recipe = FeatureRecipe(frames=frames)
    table, found = make_table(clips), stored(folder, clips)
    load_features(table, recipe, landmarks=found).save(folder)


def train(folder: Path, *, clips: int, frames: int) -> None:
    """What a model notebook does, for one epoch."""
    from asl_lib.evaluation.splits import make_split
    from asl_lib.features.augment import Augmentation
    from asl_lib.features.sets import ClipSet
    from asl_lib.models.tcn import build_attention_tcn
    from asl_lib.training.fit import fit, set_seeds

    set_seeds(1)
    features = ClipSet.load(folder)
    recipe, split = features.recipe, make_split(features.table(), test_signers=["signer0"])
    model = build_attention_tcn(frames=frames, features=recipe.num_features, classes=len(features.glosses))
    split = replace(split, validation=split.validation[:0])
    augmentation = Augmentation(recipe)
    fit(model, features, split, folder=folder / "model", epochs=1, monitor="none", augmentation=augmentation)


STEPS = {"nothing": nothing, "extract": extract, "read": read, "prepare": prepare, "train": train}
ABOUT = {
    "extract": "extracting landmarks from videos, one process",
    "read": "reading landmarks from the store",
    "prepare": "making features",
    "train": "one epoch of training",
}


def run_step(step: str, folder: Path, *, clips: int, frames: int) -> tuple[float, float]:
    """Return the seconds and the peak of memory in MB of one step in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.growth", "--step", step, "--folder", str(folder)]
    command += ["--clips", str(clips), "--frames", str(frames)]
    environment = {**os.environ, "ASL_PROGRESS": "off"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    seconds, peak_kb = done.stdout.split()[-2:]
    return float(seconds), float(peak_kb) / 1e3


def report(steps: Sequence[str], sizes: Sequence[int], make: Callable[[Path, int], None], *, frames: int) -> None:
    """Print how each step grows over the sizes; each size gets a folder of its own, filled by `make`."""
    found: dict[str, list[tuple[float, float]]] = {step: [] for step in steps}
    for clips in sizes:
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), clips)
            for step in steps:
                found[step].append(run_step(step, Path(folder), clips=clips, frames=frames))
    for step, measured in found.items():
        times = [seconds for seconds, _ in measured]
        peaks = ", ".join(f"{peak:,.0f}" for _, peak in measured)
        growth = " and ".join(f"{later / earlier:.1f} x" for earlier, later in itertools.pairwise(times))
        shown = ", ".join(f"{seconds:.2f}" for seconds in times)
        fact = f"{shown} s: {growth} the time for 4 x the clips; memory at most {peaks} MB"
        tell(Row("growth", f"{ABOUT[step]}, {' / '.join(f'{size:,}' for size in sizes)} clips", fact=fact))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=21_000)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--videos", type=int, default=64)
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        import tensorflow  # noqa: F401

        import asl_lib.training.fit  # noqa: F401

        started = time.perf_counter()
        STEPS[options.step](Path(options.folder), clips=options.clips, frames=options.frames)
        print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # s, kB on Linux
        return
    once = options.clips * options.frames * 75 * 2 * 4 / 1e6
    _, empty = run_step("nothing", Path(), clips=0, frames=0)
    what = f"x and y of the points of {options.clips:,} clips of {options.frames} frames"
    tell(Row("growth", what, fact=f"{once:,.0f} MB; a process with nothing but TensorFlow loaded has {empty:,.0f} MB"))

    def render(folder: Path, clips: int) -> None:
        gather(folder / "videos", folder / "none", clips=clips, repeat=0)

    videos = [max(1, options.videos // share) for share in SHARES]
    report(["extract"], videos, render, frames=options.frames)
    report(
        ["read", "prepare", "train"],
        [max(1, options.clips // share) for share in SHARES],
        lambda folder, clips: make_store(folder, clips=clips, frames=options.frames),
        frames=options.frames,
    )


if __name__ == "__main__":
    main()
