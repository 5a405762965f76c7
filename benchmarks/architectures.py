"""Do architectures that won elsewhere win here, with a few hundred clips? And which part of it is the learner?

    python -m benchmarks.architectures [--run outputs/fingerspelling] [--test asq,gsg,sgg,swl] [--seeds 1,2,3]

It needs the features of the run (`asl run params/fingerspelling.yaml`; notebook 03 is enough). Each model is trained
once with each seed on all signers but those of `--test`, with the settings of the course's own networks
(`asl_lib/course/model.ipynb`) and no choice among them: no clip is needed for validation, and the held-out signers are
asked once. What was trained before is not trained again. The networks that are published for large data sets are made
small (`SMALL`); `--published` trains them as they are.
"""

from __future__ import annotations

import argparse
from typing import Any

from asl_lib._util.paths import project_folder
from asl_lib.evaluation.metrics import evaluate
from asl_lib.evaluation.results import collect_results, pooled_rate, summarise
from asl_lib.evaluation.splits import make_split
from asl_lib.features.augment import Augmentation
from asl_lib.features.sets import ClipSet
from asl_lib.models.registry import build
from asl_lib.training.fit import fit, set_seeds
from asl_lib.training.saved import predict

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
    parser.add_argument("--models", default=",".join(MODELS), help="names of models")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--published", action="store_true", help="networks of published size")
    options = parser.parse_args()
    folder = project_folder() / options.run
    plain = ClipSet.load(folder)
    richer = plain.with_encoding(handshape=True, velocities=True)
    split = make_split(plain.table(), how="signer", seed=42, test_signers=options.test.split(",")).without_validation()
    results = folder.with_name(folder.name + "_architectures")
    for seed in map(int, options.seeds.split(",")):
        for name in options.models.split(","):
            place = results / name / f"held_out_{options.test.replace(',', '+')}.seed_{seed}"
            if (place / "metrics.json").is_file():
                continue
            set_seeds(seed)
            clips = plain if name.startswith("ridge") else richer
            sizes = {} if options.published else SMALL.get(name, {})
            sizes |= {"epochs": options.epochs} if name == "description_mlp" else {}
            model = build(name, clips.recipe, seed=seed, **sizes)
            share = 0.0 if clips.recipe.mirror_left_handed else 0.5
            training = fit(
                model,
                clips,
                split,
                folder=place,
                name=name,
                epochs=options.epochs,
                monitor="none",
                learning_rate=2.0e-3,
                schedule="cosine",
                weight_decay=1.0e-2,
                label_smoothing=0.1,
                augmentation=Augmentation(clips.recipe, body=0.02, frames=0.05, mirrored=share),
                seed=seed,
                checkpoint_s=10,
            )
            evaluation = evaluate(predict(model, clips, split.test, mirrored=True), clips, split.test)
            evaluation.save(place)
            print(f"{name}, seed {seed}: {evaluation.accuracy}, {training}", flush=True)
    table = summarise(collect_results(results)).set_index("model")
    print(table[["mean_accuracy", "low", "high", "seeds", "seed_low", "seed_high", "parameters"]].to_string())
    for name in table.index:
        print(f"{name}: {pooled_rate(results, name)}")


if __name__ == "__main__":
    main()
