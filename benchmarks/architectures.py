"""Do architectures that won elsewhere win here, with a few hundred clips?

    python -m benchmarks.architectures [--run outputs/fingerspelling] [--test asq,gsg,sgg,swl | --each] [--seeds 1,2,3]

It needs the features of the run (`asl run params/fingerspelling.yaml`; notebook 03 is enough). Each model is trained
once with each seed on all signers but those of `--test` (with `--each`, on all but one, every signer in turn), by the
method of the course's own networks (`Method.own`) and with no choice among settings: no clip is needed for validation,
and the held-out signers are asked once. What was trained before is not trained again. The networks that are published
for large data sets are made small (`SMALL`); `--published` trains them as they are.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from asl_lib._util.paths import project_folder
from asl_lib.evaluation.metrics import difference
from asl_lib.evaluation.results import TEXT, collect_results, pooled_rate, summarise
from asl_lib.evaluation.splits import make_split
from asl_lib.features.sets import ENCODING, ClipSet
from asl_lib.training.method import Method
from benchmarks.new_signers import read_clips

SMALL: dict[str, dict[str, Any]] = {
    "conv_transformer": {"units": 96, "stages": 1, "dropout": 0.5},
    "spoter": {"blocks": 2, "feed_forward": 256},
    "sl_gcn": {"widths": (32, 64)},
}
"""Sizes for a few hundred clips; all else as published."""
MODELS = (*SMALL, "attention_tcn", "description_mlp", "trees", "ridge_mirrored")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default="outputs/fingerspelling", help="folder of the run")
    parser.add_argument("--test", default="asq,gsg,sgg,swl", help="signers that are held out together")
    parser.add_argument("--each", action="store_true", help="hold every signer out, one at a time")
    parser.add_argument("--models", default=",".join(MODELS), help="names of models")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--published", action="store_true", help="networks of published size")
    options = parser.parse_args()
    folder = project_folder() / options.run
    clips = ClipSet.load(folder)
    clips = clips.with_encoding(**{name: getattr(Method.own(clips.recipe).recipe, name) for name in ENCODING})
    tests = [[signer] for signer in sorted(set(clips.signer.tolist()))] if options.each else [options.test.split(",")]
    results = folder.with_name(f"{folder.name}_architectures{'_published' * options.published}")
    results /= "held_out_each" if options.each else f"held_out_{'+'.join(tests[0])}"
    for seed, name, signers in product(map(int, options.seeds.split(",")), options.models.split(","), tests):
        split = make_split(clips.table(), how="signer", seed=42, test_signers=signers).without_validation()
        sizes = {} if options.published else dict(SMALL.get(name, {}))
        sizes |= {"epochs": options.epochs} if name == "description_mlp" else {}
        path = results / name / f"{f'{signers[0]}.' * options.each}seed_{seed}"
        settings: dict[str, Any] = {"seed": seed, "epochs": options.epochs, "folder": path}
        read = read_clips(name, clips, split, clips, split.test, options=sizes, **settings)
        print(f"{name}, seed {seed}: {'+'.join(signers)} {read.accuracy}", flush=True)
    table = summarise(collect_results(results)).set_index("model")
    print(table[["mean_accuracy", "low", "high", "seeds", "seed_low", "seed_high", "parameters"]].to_string())
    answers = {name: predictions(results, name) for name in table.index}
    for name in table.index:
        apart = f"; more than trees: {difference(answers['trees'], answers[name])}" if "trees" in answers else ""
        print(f"{name}: {pooled_rate(results, name)}{apart if name != 'trees' else ''}")


def predictions(results: Path, name: str) -> pd.DataFrame:
    """Return the predictions of all seeds of a model, as `difference` takes them."""
    paths = sorted(results.glob(f"{name}/*/predictions.csv"))
    tables = [pd.read_csv(path, keep_default_na=False, dtype=TEXT) for path in paths]
    return pd.concat([table.assign(seed=path.parent.name) for table, path in zip(tables, paths, strict=True)])


if __name__ == "__main__":
    main()
