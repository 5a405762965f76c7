"""How well signs are recognised from one example by another signer, with an embedding that never saw a real clip.

    python -m benchmarks.one_example params/isl_words.yaml [--signers A C] [--seeds 42 1 2] [--signs 400]
    python -m benchmarks.one_example --choose

One signer teaches `--examples` clips of each word, drawn at random (`--draws` times); every clip of these words by
everybody else is then given the word of the most similar example. `all`: all clips of all other signers teach.
It needs the landmarks of the data set, but no training on it. An embedding is trained once a seed (`asl pretrain`, kept
in outputs/embedding).

Rivals: the nearest neighbour on the features of the course's own networks, the whitened description alone, one network
alone, and trees trained on the examples of the first draw. Neighbours and trees see each clip both ways round.

`--choose` compares ways to train the networks on pseudo-signs by people that were not trained on, without real clips.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from asl_lib.course.params import check_parameters, read_yaml
from asl_lib.data.clips import read_clips, select_clips
from asl_lib.data.registry import get_dataset
from asl_lib.evaluation.metrics import rate
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.features.sets import ClipSet, load_features
from asl_lib.landmarks.store import load_landmarks
from asl_lib.models.embedding import SignEmbedding
from asl_lib.models.registry import build
from asl_lib.training.pretrain import RECIPE, pretrain, pseudo_clips

Similarity = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From rows that are asked for (q), and rows of examples (e), to similarities (q, e)."""
TOP = (1, 5, 10)
VARIANTS: dict[str, dict[str, Any]] = {
    "attention_lstm, contrastive (the default)": {},
    "attention_lstm, cosine": {"loss": "cosine"},
    "attention_lstm, softmax": {"loss": "softmax"},
    "attention_tcn, contrastive": {"network": "attention_tcn"},
}


def load_clips(path: str, signers: list[str] | None = None) -> ClipSet[FeatureRecipe]:
    """Return the clips of a parameter file, with the recipe of the embeddings; of some signers: the words of all."""
    params = check_parameters(read_yaml(path))
    data, folder = get_dataset(params.dataset), params.dataset_dir
    table = folder / "clips.csv"
    if not table.is_file():
        data.prepare(folder, params.dataset_options())
    clips = select_clips(read_clips(table), signs=params.signs, signers=signers or params.signers)
    if signers:
        clips = clips[clips.groupby("gloss")["signer"].transform("nunique") == len(signers)]
    return load_features(clips, RECIPE, landmarks=load_landmarks(data, folder, clips, RECIPE.tracked_parts))


def lessons(
    clips: ClipSet[FeatureRecipe], *, examples: int, draws: int, seed: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the rows of the examples, and of the clips that are then asked for; `examples` 0: all of all others."""
    rng = np.random.default_rng(seed)
    for one in np.unique(clips.signer):
        own = clips.signer == one
        words = np.unique(clips.y[own])
        if not examples:
            yield np.flatnonzero(~own), np.flatnonzero(own)
        elif len(words) > 1:
            for _ in range(draws):
                of_word = [np.flatnonzero(own & (clips.y == word)) for word in words]
                taught = [rng.choice(rows, min(examples, len(rows)), replace=False) for rows in of_word]
                yield np.concatenate(taught), np.flatnonzero(~own & np.isin(clips.y, words))


def ranks(scores: np.ndarray, taught: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Return (q,) the place of each clip's word among all words, by their most similar example; 1 is best.

    Args:
        scores: (q, e) similarities.
        taught, asked: (e,), (q,) words.
    """
    words = np.unique(taught)
    best = np.stack([scores[:, taught == word].max(axis=1) for word in words], axis=1)  # (q, words)
    true = best[np.arange(len(asked)), np.searchsorted(words, asked)]
    return np.asarray((best >= true[:, None]).sum(axis=1))


def neighbours(values: np.ndarray) -> Similarity:
    """Return the cosine between the features of clips, for the better way round."""
    views = [RECIPE.encode(view).reshape(len(values), -1) for view in RECIPE.views(values)]
    views = [view / np.linalg.norm(view, axis=1, keepdims=True) for view in views]
    return lambda asked, taught: np.max([view[asked] @ views[0][taught].T for view in views], axis=0)


def trees(clips: ClipSet[FeatureRecipe], *, seed: int) -> Similarity:
    """Return the probabilities of trees that are trained on the examples."""

    def similarity(asked: np.ndarray, taught: np.ndarray) -> np.ndarray:
        words, y = np.unique(clips.y[taught], return_inverse=True)
        recipe = replace(clips.recipe, glosses=tuple(clips.glosses[words].tolist()))
        model = build("trees", recipe, seed=seed, trees=200)
        return np.asarray(model.fit(clips.values[taught], y).predict(clips.values[asked]))[:, y]

    return similarity


def parts(embedding: SignEmbedding, values: np.ndarray) -> dict[str, Similarity]:
    """Return the similarities of an embedding, and of its parts alone."""
    vectors = embedding.embed(values)
    pieces = embedding.parts(vectors)
    named = {"embedding": vectors, "description alone": pieces[-1]}
    if embedding.networks:
        named["one network alone"] = pieces[0]
    return {name: lambda asked, taught, v=v: v[asked] @ v[taught].T for name, v in named.items()}  # type: ignore[misc]


def ask(similarity: Similarity, clips: ClipSet[FeatureRecipe], plan: list[Any]) -> pd.DataFrame:
    """Return a row for every clip that was asked for: clip_id, signer, gloss, rank."""
    tables = []
    for taught, asked in plan:
        about = {"clip_id": clips.clip_id[asked], "signer": clips.signer[asked], "gloss": clips.glosses[clips.y[asked]]}
        places = ranks(similarity(asked, taught), clips.y[taught], clips.y[asked])
        tables.append(pd.DataFrame({**about, "rank": places}))
    return pd.concat(tables, ignore_index=True)


def row(name: str, by_seed: list[pd.DataFrame]) -> str:
    """Return a row of the page's table: recall at 1 with its interval and range of seeds, at 5 and at 10, and n."""
    table = pd.concat(by_seed, ignore_index=True)
    first, *others = [rate((table["rank"] <= top).to_numpy(), table) for top in TOP]
    seeds = [100 * float((part["rank"] == 1).mean()) for part in by_seed]
    spread = f"{min(seeds):.1f} to {max(seeds):.1f} %" if len(seeds) > 1 else "one result"
    recall = " | ".join(f"{100 * other.value:.1f} %" for other in others)
    shown = f"{100 * first.value:.1f} % ({100 * first.low:.0f} to {100 * first.high:.0f})"
    return f"| {name} | {shown} | {spread} | {recall} | {first.size} |"


def choose(seeds: list[int], options: dict[str, Any]) -> None:
    """Print how well each variant of the networks recognises pseudo-signs from one example, on new people."""
    clips = pseudo_clips(200, 4, seed=1000)
    # The people of a sign teach and are asked in turn; 200 signs to choose from.
    slots = np.arange(len(clips)).reshape(-1, 4)
    plan = [(slots[:, one], slots[:, other]) for one in range(4) for other in range(4) if one != other]
    print("| variant | one network | seeds | n |\n|---|---|---|---|")
    for name, changes in VARIANTS.items():
        found = []
        for seed in seeds:
            # The default's first network is the same with and without a second.
            values = options | ({"networks": 1, **changes} if changes else {})
            made = parts(pretrain(seed=seed, **values), clips.values)
            found.append(100 * float((ask(made["one network alone"], clips, plan)["rank"] == 1).mean()))
        spread = f"{min(found):.1f} to {max(found):.1f} %"
        print(f"| {name} | {np.mean(found):.1f} % | {spread} | {len(clips)} clips, {len(slots)} signs |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("params", nargs="?", default="", help="parameter file of the data set")
    parser.add_argument("--signers", nargs="+", default=[], help="only these, and the words that all of them sign")
    parser.add_argument("--choose", action="store_true", help="compare variants on pseudo-signs")
    parser.add_argument("--examples", nargs="+", default=["1", "3", "5", "all"], help="default: 1 3 5 all")
    parser.add_argument("--draws", type=int, default=10, help="draws of the examples (default: 10)")
    parser.add_argument("--seeds", nargs="+", type=int, default=[42, 1, 2], help="of the embeddings (default: 42 1 2)")
    parser.add_argument("--signs", nargs="+", type=int, default=[400], help="pseudo-signs (default: 400)")
    parser.add_argument("--networks", type=int, default=2, help="networks of an embedding (default: 2)")
    parser.add_argument("--no-trees", action="store_true", help="leave the trees out, which take minutes")
    options = parser.parse_args()
    if options.choose:
        choose(options.seeds, {"signs": options.signs[0]})
        return
    clips = load_clips(options.params, options.signers)
    fixed: dict[str, list[Similarity]] = {"nearest neighbour on the features": [neighbours(clips.values)]}
    if not options.no_trees:
        fixed["trees"] = [trees(clips, seed=seed) for seed in options.seeds]
    for count in options.signs:
        made = [
            parts(pretrain(signs=count, networks=options.networks, seed=seed), clips.values) for seed in options.seeds
        ]
        for name in made[0]:
            fixed[f"{name}, {count:,} pseudo-signs"] = [one[name] for one in made]
    for examples in options.examples:
        number = 0 if examples == "all" else int(examples)
        plan = list(lessons(clips, examples=number, draws=options.draws, seed=0))
        print(f"\n{options.params}: {examples} examples a word\n")
        print("| method | recall at 1 | seeds | at 5 | at 10 | n |\n|---|---|---|---|---|---|")
        for name, similarities in fixed.items():
            some = plan[:: options.draws] if name == "trees" and number else plan  # one draw: they take long
            print(row(name, [ask(similarity, clips, some) for similarity in similarities]), flush=True)


if __name__ == "__main__":
    main()
