"""How well models, alone and together, read signers that they have not seen: with several seeds.

    python -m benchmarks.new_signers params/isl_words.yaml [--models trees attention_tcn] [--seeds 1 2 3]

It needs the features of the run (notebook 03). Each model is trained by the method of the course's own networks
(`Method.own`), without a choice among settings, and tested as `--test` says:

    new      every signer is held out in turn (default)
    known    clips are shuffled: training and test have the same signers
    others   trained on all signers of the run, tested on the data set's subset "others" (fingerspelling)

Trainings are kept in `outputs/<run>_new_signers`, and a later call continues after the last finished one. An ensemble,
such as `trees+attention_tcn`, is the mean of the probabilities of models with the same seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from asl_lib.course.params import Params, check_parameters, read_yaml
from asl_lib.data.registry import get_dataset
from asl_lib.evaluation.metrics import Evaluation, average, evaluate, rate
from asl_lib.evaluation.splits import Split, make_split
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.features.sets import ENCODING, ClipSet, load_features
from asl_lib.landmarks.store import load_landmarks
from asl_lib.models.registry import build
from asl_lib.training.fit import fit, set_seeds
from asl_lib.training.method import Method
from asl_lib.training.saved import predict


def read_clips(
    name: str,
    clips: ClipSet[FeatureRecipe],
    split: Split | None,
    tested: ClipSet[FeatureRecipe],
    rows: np.ndarray,
    *,
    seed: int,
    epochs: int,
    folder: Path,
    options: Mapping[str, Any] | None = None,
    start: Callable[[Any], None] | None = None,
) -> Evaluation:
    """Return how a model reads the `rows` of `tested`, trained on a split of `clips` (None for all), if not before.

    The `options` are the builder's. `start` is called with the untrained model, to give it other weights.
    """
    if (folder / "metrics.json").is_file():
        with np.load(folder / "probabilities.npz") as saved:
            return evaluate(saved["probabilities"], tested, rows)
    print(f"  {folder.parent.name}/{folder.name}", flush=True)
    set_seeds(seed)
    method = Method.own(clips.recipe)
    settings: dict[str, Any] = {"epochs": epochs, "learning_rate": 2.0e-3, "monitor": "none", "seed": seed}
    settings |= {"augmentation": method.augmentation, **method.settings}
    model = build(name, clips.recipe, seed=seed, **(options or {}))
    if start is not None:
        start(model)
    fit(model, clips, split, folder=folder, name=name, **settings)
    evaluation = evaluate(predict(model, tested, rows), tested, rows)
    evaluation.save(folder)
    return evaluation


def held_out(name: str, clips: ClipSet[FeatureRecipe], params: Params) -> Evaluation:
    """Return how a model reads the clips that `params` hold out."""
    split = make_split(clips.table(), how=params.split, test_signers=params.test_signers, seed=params.seed)
    settings: dict[str, Any] = {"seed": params.seed, "epochs": params.own_epochs, "folder": params.model_dir(name)}
    return read_clips(name, clips, split.without_validation(), clips, split.test, **settings)


def joined(parts: list[Evaluation]) -> Evaluation:
    """Return the evaluations of several signers as one."""
    probabilities = np.concatenate([part.probabilities for part in parts if part.probabilities is not None])
    return Evaluation(pd.concat([part.table for part in parts], ignore_index=True), parts[0].glosses, probabilities)


def other_clips(params: Params, recipe: FeatureRecipe) -> ClipSet[FeatureRecipe]:
    """Return the clips of the subset "others"."""
    data, folder = get_dataset(params.dataset), params.dataset_dir
    table = data.find_clips(data.source_dir(folder), "others")
    landmarks = load_landmarks(data, folder, table, recipe.tracked_parts, tracker=recipe.tracker)
    others = load_features(table, replace(recipe, glosses=()), landmarks=landmarks)
    if others.recipe != recipe:
        raise SystemExit(f"The others must show the same signs; they show {', '.join(others.recipe.glosses)}.")
    return others


def described(name: str, by_seed: list[Evaluation]) -> str:
    """Return a row: the mean over seeds with its interval, the range of the seeds, and the mean of every signer."""
    table = pd.concat([evaluation.table for evaluation in by_seed], ignore_index=True)
    right = (table["rank"] == 1).to_numpy()
    share, seeds = rate(right, table), [evaluation.accuracy.value for evaluation in by_seed]
    people = table.assign(right=right).groupby("signer")["right"].mean()
    return (
        f"{name:30s} {share.value:.1%} ({share.low:.0%} to {share.high:.0%}), n = {share.size}; "
        f"seeds {min(seeds):.1%} to {max(seeds):.1%}; mean over signers {people.mean():.1%}: "
        + ", ".join(f"{signer} {value:.0%}" for signer, value in people.items())
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("params", help="parameter file of the run")
    parser.add_argument("--test", choices=["new", "known", "others"], default="new")
    parser.add_argument("--models", nargs="+", default=["trees", "description_mlp", "attention_tcn"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    options = parser.parse_args()
    values = read_yaml(options.params)
    first = check_parameters(values)
    clips = ClipSet.load(first.run_dir)
    clips = clips.with_encoding(**{name: getattr(Method.own(clips.recipe).recipe, name) for name in ENCODING})
    others = other_clips(first, clips.recipe) if options.test == "others" else None

    def tested(name: str, seed: int) -> Evaluation:
        params = check_parameters({**values, "seed": seed, "split": "signer", "run": f"{first.run}_new_signers"})
        if others is not None:
            settings: dict[str, Any] = {"seed": seed, "epochs": params.own_epochs}
            settings["folder"] = params.run_dir / name / f"others.seed_{seed}"
            return read_clips(name, clips, None, others, np.arange(len(others)), **settings)
        if options.test == "known":
            return held_out(name, clips, params.model_copy(update={"split": "random"}))
        signers = sorted(set(clips.signer.tolist()))
        return joined(
            [held_out(name, clips, params.model_copy(update={"test_signers": [signer]})) for signer in signers]
        )

    read = {}
    for name in options.models:
        read[name] = [tested(name, seed) for seed in options.seeds]
        print(described(name, read[name]), flush=True)
    for size in range(2, len(read) + 1):
        for names in combinations(read, size):
            together = [average(parts) for parts in zip(*(read[name] for name in names), strict=True)]
            print(described("+".join(names), together), flush=True)


if __name__ == "__main__":
    main()
