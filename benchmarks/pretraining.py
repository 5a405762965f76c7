"""Whether a network reads new signers better when it starts from a sign embedding, by the number of training clips.

    python -m benchmarks.pretraining params/demo.yaml --clips 1 4 14
    python -m benchmarks.pretraining params/isl_words.yaml --signers A C --clips 1 5 30

It needs the landmarks of the data set and the embedding of `asl pretrain`. The held-out signers are those of the
parameter file; with `--signers`, each of these in turn, and the words are those that all of them sign. Some clips of
each sign, drawn at random from the other signers', train `attention_lstm` by the method of the course's own networks,
always for `--steps` steps: once from random weights, and once from those of the embedding's first network, which was
trained on pseudo-signs. The same clips are also given to the embedding as examples, without a training.

Trainings are kept in `outputs/<run>_pretraining`, and a later call continues after the last finished one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from asl_lib.course.params import check_parameters, read_yaml
from asl_lib.evaluation.metrics import Rate, difference, rate
from asl_lib.evaluation.splits import Split
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.features.sets import ClipSet
from asl_lib.models.embedding import SignEmbedding
from asl_lib.training.pretrain import load_embedding
from benchmarks.new_signers import read_clips
from benchmarks.one_example import ask, load_clips, parts

STARTS = ("random weights", "the embedding's weights", "no training: examples in the embedding")


def drawn(clips: ClipSet[FeatureRecipe], rows: np.ndarray, count: int, *, seed: int) -> np.ndarray:
    """Return `count` of the rows of each sign, or all where there are fewer."""
    rng = np.random.default_rng(seed)
    of_signs = [rng.permutation(rows[clips.y[rows] == sign])[:count] for sign in np.unique(clips.y[rows])]
    return np.sort(np.concatenate(of_signs))


def tested(
    clips: ClipSet[FeatureRecipe],
    held_out: list[str],
    embedding: SignEmbedding,
    *,
    count: int,
    seed: int,
    steps: int,
    folder: Path,
) -> dict[str, pd.DataFrame]:
    """Return for each of `STARTS` a table of the test clips: clip_id, signer, gloss, rank."""
    new = np.isin(clips.signer, held_out)
    train, test = drawn(clips, np.flatnonzero(~new), count, seed=seed), np.flatnonzero(new)
    split = Split(train, train[:0], test)
    epochs = -(-steps // -(-len(train) // 32))
    found: dict[str, pd.DataFrame] = {}
    for name, start in (("random", None), (embedding.fingerprint, embedding.transfer)):
        place = folder / f"{'+'.join(held_out)}.clips_{count}.steps_{steps}.seed_{seed}.{name}"
        evaluation = read_clips(
            embedding.network, clips, split, clips, test, seed=seed, epochs=epochs, folder=place, start=start
        )
        found[STARTS[len(found)]] = evaluation.table
    return found | {STARTS[2]: ask(parts(embedding, clips.values)["embedding"], clips, [(train, test)])}


def shown(share: Rate, *, sign: str = "") -> str:
    low, high = (f"{100 * bound:{sign}.0f}" for bound in (share.low, share.high))
    return f"{100 * share.value:{sign}.1f} ({low} to {high})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("params", help="parameter file of the data set")
    parser.add_argument("--signers", nargs="+", default=[], help="hold out each of these in turn, and use no others")
    parser.add_argument("--clips", nargs="+", type=int, default=[1, 4, 14], help="training clips of each sign")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], help="of the draws and the trainings")
    parser.add_argument("--steps", type=int, default=150, help="steps of each training (default: 150)")
    options = parser.parse_args()
    params = check_parameters(read_yaml(options.params))
    clips, embedding = load_clips(options.params, options.signers), load_embedding()
    folder = params.run_dir.with_name(f"{params.run}_pretraining") / embedding.network
    groups = [[signer] for signer in options.signers] or [params.test_signers]
    print("| clips of each sign | start | accuracy, % | seeds | points more than random weights | n |")
    print("|---|---|---|---|---|---|")
    for count in options.clips:
        found: dict[str, list[pd.DataFrame]] = {name: [] for name in STARTS}
        for seed in options.seeds:
            of_seed = [
                tested(clips, group, embedding, count=count, seed=seed, steps=options.steps, folder=folder)
                for group in groups
            ]
            for name in STARTS:
                found[name].append(pd.concat([one[name] for one in of_seed], ignore_index=True).assign(seed=seed))
        tables = {name: pd.concat(by_seed, ignore_index=True) for name, by_seed in found.items()}
        for name, table in tables.items():
            share = rate((table["rank"] == 1).to_numpy(), table)
            seeds = [100 * float((one["rank"] == 1).mean()) for one in found[name]]
            gain = "" if name == STARTS[0] else shown(difference(tables[STARTS[0]], table), sign="+")
            print(
                f"| {count} | {name} | {shown(share)} | {min(seeds):.1f} to {max(seeds):.1f} | {gain} | {share.size} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
