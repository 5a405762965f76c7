"""How fast sequences are varied, encoded, learned and recognised, as ratios to the plain way, in one run.

    python -m benchmarks.sequence [--clips 256] [--rounds 5]

All contenders get the same synthetic clips: 30 frames, 75 points (pose and hands), 100 signs. They take turns, and the
best of `--rounds` counts. A ratio above 1 means that asl_lib takes less time.

augmentation    the chain of variations of space, on a batch, against the same sums point by point in Python
features        encoding a batch, against the same numbers landmark by landmark
epoch           one epoch with augmentation and encoding on the fly, against Keras's `fit` on arrays that are ready:
                what the variations cost
latency         one clip through `compile_predictor`, against `model.predict` on a batch of one
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from asl_lib.features.augment import Augmentation, jitter, rotate, scale, shear, shift
from asl_lib.features.handshape import MIDDLE_KNUCKLE
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.features.sets import ClipSet
from asl_lib.models.lstm import build_attention_lstm, build_lstm
from asl_lib.models.tcn import build_attention_tcn, build_tcn
from asl_lib.models.transformer import build_attention_transformer
from asl_lib.training.fit import fit, set_seeds
from asl_lib.training.saved import compile_predictor
from benchmarks.rows import Row, tell

FRAMES, CLASSES = 30, 100


def best(function: Callable[[], object], rounds: int) -> float:
    """Return the shortest of `rounds` runs, in seconds."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def vary_point_by_point(clips: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Rotate, scale, shear, shift and jitter as a tutorial's loop does: one point at a time."""
    varied = clips.copy()
    for clip in varied:
        angle, slant = rng.uniform(-0.2, 0.2), rng.uniform(-0.1, 0.1)
        stretch, offset = rng.uniform(0.85, 1.15, 2), rng.uniform(-0.1, 0.1, 2)
        for frame in clip:
            for point in frame:
                x, y = point
                x, y = x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle)
                x, y = x * stretch[0], y * stretch[1]
                x += slant * y
                point[0] = x + offset[0] + rng.normal(0, 0.01)
                point[1] = y + offset[1] + rng.normal(0, 0.01)
    return varied


def vary_batch(clips: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same five variations on a whole batch."""
    for step in (rotate, scale, shear, shift, jitter):
        clips = step(clips, rng)
    return clips


def encode_landmark_by_landmark(clips: np.ndarray, recipe: FeatureRecipe) -> np.ndarray:
    """What `recipe.encode` computes, in loops."""
    rows = []
    for clip in clips:
        units = {}
        for hand in recipe.hands:
            part = clip[:, recipe.columns(hand)]
            palms = [math.dist(frame[0], frame[MIDDLE_KNUCKLE]) for frame in part if not np.isnan(frame[0, 0])]
            units[hand] = float(np.median(palms)) if palms else 1.0
        for frame in clip:
            values: list[float] = []
            seen = []
            for part in recipe.parts:
                points = frame[recipe.columns(part)]
                seen.append(float(not np.isnan(points[:, 0]).all()))
                for point in points:
                    for axis in range(2):
                        value = point[axis]
                        if part in units:
                            value = (value - points[0][axis]) / units[part]
                        values.append(0.0 if math.isnan(value) else float(value))
            rows.append(values + seen)
    return np.array(rows, np.float32).reshape(len(clips), FRAMES, -1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=256, help="clips in a batch")
    parser.add_argument("--rounds", type=int, default=5, help="how often each contender runs")
    options = parser.parse_args()
    set_seeds(1)
    recipe, rng = FeatureRecipe(), np.random.default_rng(1)
    clips = rng.normal(size=(options.clips, FRAMES, recipe.num_landmarks, 2)).astype(np.float32)
    clips[:, :10, recipe.columns("left_hand")] = np.nan
    few = clips[:4]

    plain = best(lambda: vary_point_by_point(few, np.random.default_rng(1)), options.rounds) / len(few)
    ours = best(lambda: vary_batch(clips, np.random.default_rng(1)), options.rounds) / len(clips)
    tell(Row("augmentation", f"five variations of {options.clips} clips", "a loop over points", plain / ours))

    np.testing.assert_allclose(encode_landmark_by_landmark(few, recipe), recipe.encode(few), rtol=1e-3, atol=1e-4)
    plain = best(lambda: encode_landmark_by_landmark(few, recipe), options.rounds) / len(few)
    ours = best(lambda: recipe.encode(clips), options.rounds) / len(clips)
    tell(Row("features", f"encoding {options.clips} clips", "a loop over landmarks", plain / ours))

    y, X = rng.integers(0, CLASSES, len(clips)), recipe.encode(clips)
    names = np.arange(len(clips)).astype(str)
    named = replace(recipe, glosses=tuple(map(str, range(CLASSES))))
    learned = ClipSet(named, clips, y, names, names, names)
    for build in (build_lstm, build_tcn, build_attention_lstm, build_attention_tcn, build_attention_transformer):
        name = build.__name__.removeprefix("build_")
        model = build(frames=FRAMES, features=recipe.num_features, classes=CLASSES)
        with tempfile.TemporaryDirectory() as folder:
            training = fit(
                model, learned, folder=folder, monitor="none", epochs=options.rounds + 1,
                augmentation=Augmentation(recipe),
            )  # fmt: skip
        ours = training.history["seconds"].iloc[1:].min()
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(X, y, verbose=0)
        plain = best(lambda model=model: model.fit(X, y, verbose=0), options.rounds)  # type: ignore[misc]
        compiled = compile_predictor(model, recipe)
        model.predict(X[:1], verbose=0)
        slow = best(lambda model=model: model.predict(X[:1], verbose=0), 20)  # type: ignore[misc]
        fast = best(lambda compiled=compiled: compiled(clips[0]), 100)  # type: ignore[misc]
        tell(Row("epoch", f"{name}, varied and encoded on the fly", "fit on arrays that are ready", plain / ours))
        tell(Row("latency", f"{name}, one clip", "model.predict", slow / fast))


if __name__ == "__main__":
    main()
