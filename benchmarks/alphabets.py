"""How much eleven alphabets have in common, and what that leaves for a model to learn.

    python -m benchmarks.alphabets [--run outputs/fingerspelling] [--seeds 3]

It needs the features of `asl run params/fingerspelling.yaml` (notebook 03 is enough). For each clip it counts how many
of the other signers have the same letter as the clip of their alphabet that looks most like it (city-block distance of
`describe_clips`, each number divided by its spread), and then how many of these clips the trees of notebook 05 read,
every signer held out in turn. Last, the trees' accuracy with fewer signers to learn from.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
import pandas as pd

from asl_lib._util.paths import project_folder
from asl_lib.evaluation.metrics import Rate, rate
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.features.sets import ClipSet
from asl_lib.models.trees import HandTrees, describe_clips

MOST = 6


def counterparts(described: np.ndarray, y: np.ndarray, signer: np.ndarray) -> np.ndarray:
    """Return (n,) int: how many other signers' nearest clip has the same letter."""
    spread = described / np.maximum(described.std(axis=0), 1e-9)
    count = np.zeros(len(y), int)
    for number, row in enumerate(spread):
        distance = np.abs(spread - row).sum(axis=1)
        for other in sorted(set(signer) - {signer[number]}):
            theirs = np.flatnonzero(signer == other)
            count[number] += y[theirs[distance[theirs].argmin()]] == y[number]
    return count


def held_out(features: ClipSet[FeatureRecipe], *, seed: int, known: int = 0) -> np.ndarray:
    """Return (n,) bool: which clips trees read that have not seen their signer, and only `known` others if given."""
    right = np.zeros(len(features), bool)
    rng = np.random.default_rng(seed)
    names = sorted(set(features.signer))
    for name in names:
        others = [other for other in names if other != name]
        chosen = rng.permutation(others)[:known] if known else others
        rows, test = np.isin(features.signer, chosen), features.signer == name
        trees = HandTrees(features.recipe, classes=len(features.glosses), trees=300 if known else 800, seed=seed)
        trees.fit(features.values[rows], features.y[rows])
        answers = trees.predict(features.values[test]).argmax(axis=1)
        right[test] = answers == features.y[test]
    return right


def over_seeds(runs: list[np.ndarray], clips: pd.DataFrame) -> Rate:
    """Return the share of right clips, the mean over the runs; the interval does not count a run as another clip."""
    return rate(np.concatenate(runs), pd.concat([clips] * len(runs)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="outputs/fingerspelling", help="folder of the run")
    parser.add_argument("--seeds", type=int, default=3, help="how often trees are grown")
    options = parser.parse_args()
    # With two signers to learn from there are half as many letters as clips, which scikit-learn finds worth a word.
    warnings.filterwarnings("ignore", message="The number of unique classes")
    folder = project_folder() / options.run
    features = ClipSet.load(folder)
    agree = counterparts(describe_clips(features.values, features.recipe), features.y, features.signer)
    runs = [held_out(features, seed=42 + seed) for seed in range(options.seeds)]
    print(f"trees, {len(runs)} seeds: {over_seeds(runs, features.table())}")
    for number in range(MOST + 1):
        rows = agree == number if number < MOST else agree >= MOST
        share = over_seeds([run[rows] for run in runs], features.table()[rows]) if rows.any() else "no clip"
        print(f"  {number}{' or more' if number == MOST else '':8s} signers agree: {share}")
    for known in (2, 4, 6, 8, 10):
        curve = [held_out(features, seed=42 + seed, known=known) for seed in range(options.seeds)]
        print(f"  {known:2d} signers to learn from: {over_seeds(curve, features.table())}")


if __name__ == "__main__":
    main()
