"""What recognisers do with movements that are none of their signs: open-set recognition.

    python -m benchmarks.open_set [--seeds 1 2 3] [--only table streams words]

It needs the features and landmarks of the demo (notebooks 01 to 03), the embedding of `asl pretrain`, for real letters
and words in the streams the shared data (`ASL_SHARED_DATA`, or `../shared/data` beside the checkout), and for the part
`words` the clips that `scripts/real_words.py` lays out. A third of the demo's signs is left out in turn; a network
learns the others from the training signers, and the held-out signers sign both, and everyday gestures
(`benchmarks.gestures`). Three parts:

table    how well a score tells known signs from all else: area under the ROC curve (AUROC), and the share of unknown
         movements that is named where 90 % of the known signs are accepted. The scores:
         probability   the network's largest
         energy        logsumexp of its logits (Liu et al. 2020)
         neighbour     cosine of the nearest training clip in the network's last layer but one
         no sign       1 - probability of a further class, trained with pseudo-signs and the gestures for tuning
         described     the vocabulary of the training clips, in the description part of the embedding alone
         vocabulary    the same in the whole embedding, with its networks
         expected      the same, for each sign times the network's probability of it: what `asl live` does
streams  the live recogniser at its defaults, with and without the vocabulary: known signs that get their word, false
         words a minute, on the same clips and on real letters, real words of other vocabularies, rest and walking
words    real words without a training: one person teaches half of the words that two people share, with 1, 3 or 5 clips
         each, and the other signs all of them; in the whole embedding, and in its description alone

The words of asl_webcams are in `words` only: the demo has most of them, so in the streams they may be named rightly.

Minimal pairs, unknown signs that differ from a known one in one parameter only, are counted apart. Nothing is chosen by
these clips: thresholds come from the training signers' clips. Trainings are kept in `outputs/demo_open_set`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from asl_lib._util.files import atomic_write
from asl_lib.course.params import Params, check_parameters, read_yaml
from asl_lib.data.clips import read_clips
from asl_lib.data.dataset import shared_folder
from asl_lib.data.demo import load_signers, perform
from asl_lib.data.demo.lexicon import Sign, Signer, minimal_pairs
from asl_lib.data.demo.pseudo import random_sign, random_signer
from asl_lib.data.names import safe_name
from asl_lib.data.registry import get_dataset
from asl_lib.evaluation.metrics import Rate, rate
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.features.sets import ClipSet
from asl_lib.landmarks.landmarks import Landmarks
from asl_lib.landmarks.pose_file import read_pose
from asl_lib.landmarks.simulated import simulate_landmarks
from asl_lib.landmarks.store import load_landmarks
from asl_lib.live.networks import Classifier
from asl_lib.live.recogniser import LiveSettings, SignRecogniser
from asl_lib.live.vocabulary import NAMED_BACKGROUND, OpenClassifier, Vocabulary
from asl_lib.models.embedding import SignEmbedding
from asl_lib.models.registry import build
from asl_lib.training.fit import fit, set_seeds
from asl_lib.training.method import Method
from asl_lib.training.pretrain import load_embedding
from asl_lib.training.saved import load_model
from benchmarks.gestures import HELD_OUT, TUNING
from benchmarks.one_example import load_clips

ROOT = Path(__file__).resolve().parent.parent
SPLITS = 3
NETWORK = "attention_lstm"
ACCEPTED = 0.9
NONE = "(no sign)"
NEGATIVES = 300
PAUSE_S = 0.5
PARTS = ("table", "streams", "words")


@dataclass(frozen=True)
class Clips:
    """Clips of one kind: their landmarks, and a table with clip_id, gloss and signer."""

    landmarks: list[Landmarks]
    table: pd.DataFrame

    def __len__(self) -> int:
        return len(self.landmarks)

    def where(self, chosen: Any) -> Clips:
        """Return some of the clips."""
        rows = np.flatnonzero(np.asarray(chosen))
        return Clips([self.landmarks[row] for row in rows], self.table.iloc[rows].reset_index(drop=True))

    def points(self, recipe: FeatureRecipe) -> np.ndarray:
        """Return (n, frames, L, C) points."""
        return np.stack([recipe.points(one) for one in self.landmarks])


def collected(clips: Sequence[tuple[str, str, Landmarks]]) -> Clips:
    """Return clips of (gloss, signer, landmarks)."""
    table = pd.DataFrame([(gloss, signer) for gloss, signer, _ in clips], columns=["gloss", "signer"])
    table["clip_id"] = [f"{signer}-{gloss}-{number}" for number, (gloss, signer, _) in enumerate(clips)]
    return Clips([landmarks for _, _, landmarks in clips], table)


def performed(signs: Sequence[Sign], signers: Sequence[Signer], *, repetitions: int = 2, seed: int = 5) -> Clips:
    """Return signs or gestures as joints, with the errors of the tracker."""
    clips = []
    for sign in signs:
        for signer in signers:
            for repetition in range(repetitions):
                one = perform(sign, signer, repetition=repetition, seed=seed)
                landmarks = simulate_landmarks(one, np.random.default_rng((*one.seed, 1)))
                clips.append((sign.gloss, signer.name, landmarks))
    return collected(clips)


def demo_clips(params: Params, recipe: FeatureRecipe) -> Clips:
    """Return the demo's clips, rendered and tracked."""
    data, folder = get_dataset(params.dataset), params.dataset_dir
    table = read_clips(folder / "clips.csv")
    store = load_landmarks(data, folder, table, recipe.tracked_parts, tracker=recipe.tracker)
    table = table[[clip_id in store for clip_id in table["clip_id"]]]
    return Clips([store[clip_id] for clip_id in table["clip_id"]], table[["clip_id", "gloss", "signer"]])


def negatives(signers: int = 60) -> Clips:
    """Return pseudo-signs and the gestures for tuning, by random signers: what is no sign, for training."""
    rng = np.random.default_rng(17)
    people = [random_signer(rng, f"random{number}") for number in range(signers)]
    movements = [random_sign(rng, f"pseudo{number}") for number in range(NEGATIVES)]
    movements += [gesture for gesture in TUNING for _ in range(NEGATIVES // len(TUNING) // 2)]
    clips = []
    for number, movement in enumerate(movements):
        one = perform(movement, people[rng.integers(signers)], repetition=number, seed=17)
        clips.append((NONE, one.signer.name, simulate_landmarks(one, rng)))
    return collected(clips)


@cache
def real_clips(*, most: int = 3) -> dict[str, Clips]:
    """Return a third of the real letters, and words of Indian Sign Language: at most `most` of a word by one signer."""
    holds = {"fingerspelling": "index.csv", "isl_words": "landmarks.npz"}
    folders = {name: shared_folder(ROOT / "data" / name, holds=entry) for name, entry in holds.items()}
    if not all((folders[name] / entry).exists() for name, entry in holds.items()):
        print("The shared data are not here: real letters and words are left out.")
        return {}
    paths = sorted(folders["fingerspelling"].rglob("*.pose"))[::3]
    found = {"real letters": [(path.stem, path.parent.name, read_pose(path)) for path in paths]}
    isl = np.load(folders["isl_words"] / "landmarks.npz")
    frames = np.concatenate([isl[part].astype(np.float32) for part in ("pose", "left_hand", "right_hand")], axis=2)
    labels = pd.DataFrame({"gloss": isl["gloss"], "signer": isl["signer"]})
    rows = np.flatnonzero(labels.groupby(["gloss", "signer"]).cumcount() < most)
    found["real words, isl_words"] = [(*labels.iloc[row], tutorial_landmarks(frames[row])) for row in rows]
    return {name: collected(clips) for name, clips in found.items()}


def tutorial_landmarks(values: np.ndarray) -> Landmarks:
    """Return (T, 258) numbers as the usual tutorial saves them, 0 where undetected, as landmarks."""
    pose, hands = values[:, :132].reshape(-1, 33, 4)[..., :3], values[:, 132:].reshape(-1, 42, 3)
    points = np.concatenate([pose, hands], axis=1)
    points[(points == 0).all(axis=-1)] = np.nan
    seen = (~np.isnan(points[..., 0])).astype(np.float32)
    return Landmarks(points, seen, ("pose", "left_hand", "right_hand"), 25.0, 640, 480)


def idle_clips(quiet: Clips, *, seconds: float = 20.0, seed: int = 3) -> Clips:
    """Return people at rest, and people who walk into the picture and out of it, arms swinging."""
    rng = np.random.default_rng(seed)
    clips = []
    for landmarks, signer in zip(quiet.landmarks, quiet.table["signer"], strict=True):
        time = np.arange(round(25 * seconds)) / 25
        still = np.repeat(landmarks.points[:1], len(time), axis=0)
        still[..., :2] += rng.normal(0, 0.003, still[..., :2].shape)
        clips.append(("rest", signer, with_points(landmarks, still)))
        walking = still.copy()
        walking[..., 0] += (0.9 * np.cos(np.pi * time / 4))[:, None]
        for wrist, elbow, phase in ((15, 13, 0), (16, 14, np.pi)):
            swing = np.sin(2 * np.pi * 1.8 * time + phase)
            walking[:, wrist, 0] += 0.04 * swing
            walking[:, wrist, 1] -= 0.05 * np.abs(swing)
            walking[:, elbow, 0] += 0.02 * swing
        outside = (walking[..., 0] < 0) | (walking[..., 0] > 1)
        walking[outside] = np.nan
        walking[outside[:, [11, 12]].any(axis=1)] = np.nan
        clips.append(("walking", signer, with_points(landmarks, walking)))
    return collected(clips)


def with_points(landmarks: Landmarks, points: np.ndarray) -> Landmarks:
    """Return landmarks of the same picture with other points."""
    seen = (~np.isnan(points[..., 0])).astype(np.float32)
    return Landmarks(points, seen, landmarks.parts, landmarks.fps, landmarks.width, landmarks.height)


@dataclass(frozen=True)
class Setting:
    """One choice of unknown signs.

    Attributes:
        number: which of the choices.
        train, known: clips of known signs, by training and by held-out signers.
        strangers: kind -> clips that are none of the known signs.
    """

    number: int
    train: Clips
    known: Clips
    strangers: dict[str, Clips]


def settings_of(demo: Clips, held_out: Sequence[str], gestures: Clips) -> list[Setting]:
    """Return each choice of unknown signs: a third of the glosses, every third in alphabetical order."""
    glosses = sorted(set(demo.table["gloss"]))
    new = demo.table["signer"].isin(held_out)
    found = []
    for number in range(SPLITS):
        unknown = set(glosses[number::SPLITS])
        paired = {
            gloss
            for *pair, _ in minimal_pairs()
            for gloss, other in (pair, pair[::-1])
            if gloss in unknown and other not in unknown
        }
        of = demo.table["gloss"].isin
        strangers = {
            "unknown signs": demo.where(new & of(unknown - paired)),
            "unknown signs, minimal pairs": demo.where(new & of(paired)),
            "gestures": gestures,
        }
        found.append(Setting(number, demo.where(~new & ~of(unknown)), demo.where(new & ~of(unknown)), strangers))
    return found


def trained(setting: Setting, recipe: FeatureRecipe, params: Params, *, seed: int, others: Clips | None) -> Path:
    """Return the folder of a network trained on the known signs, and on `others` as a class of their own."""
    folder = params.run_dir / f"{NETWORK}{'_none' if others else ''}" / f"without_{setting.number}.seed_{seed}"
    if (folder / "recipe.json").is_file():
        return folder
    print(f"  {folder.parent.name}/{folder.name}", flush=True)
    parts = [setting.train, *([others] if others else [])]
    table = pd.concat([part.table for part in parts], ignore_index=True)
    glosses, y = np.unique(table["gloss"].to_numpy(str), return_inverse=True)
    values = np.concatenate([part.points(recipe) for part in parts])
    signer, clip_id = (table[column].to_numpy(str) for column in ("signer", "clip_id"))
    clips = ClipSet(replace(recipe, glosses=tuple(glosses)), values, y, signer, clip_id, np.full(len(y), ""))
    method = Method.own(clips.recipe)
    set_seeds(seed)
    options: dict[str, Any] = {"epochs": params.own_epochs, "learning_rate": 2.0e-3, "monitor": "none", "seed": seed}
    fit(
        build(NETWORK, clips.recipe, seed=seed), clips, None, folder=folder, name=NETWORK,
        **options, augmentation=method.augmentation, **method.settings,
    )  # fmt: skip
    return folder


def scores_of(
    setting: Setting, recipe: FeatureRecipe, embedding: SignEmbedding, params: Params, *, seed: int, others: Clips
) -> dict[str, Callable[[Clips], np.ndarray]]:
    """Return name -> score: the larger, the more a clip is one of the known signs."""
    import keras

    folder = trained(setting, recipe, params, seed=seed, others=None)
    model, own = load_model(folder, FeatureRecipe)
    last = model.layers[-1]
    network = keras.Model(model.input, last.input)
    weights, bias = last.get_weights()
    rejecting, with_none = load_model(trained(setting, recipe, params, seed=seed, others=others), FeatureRecipe)

    def deep(clips: Clips) -> np.ndarray:
        """Return (views, n, units) of the last layer but one."""
        return np.stack([network.predict(own.encode(v), verbose=0) for v in own.views(clips.points(own))])

    def logits(clips: Clips) -> np.ndarray:
        return deep(clips) @ weights + bias

    def probability(clips: Clips) -> np.ndarray:
        values = np.exp(logits(clips))
        return (values / values.sum(axis=-1, keepdims=True)).mean(axis=0).max(axis=-1)

    def energy(clips: Clips) -> np.ndarray:
        return np.log(np.exp(logits(clips)).sum(axis=-1)).mean(axis=0)

    nearest = unit_rows(deep(setting.train)[0])

    def neighbour(clips: Clips) -> np.ndarray:
        return (unit_rows(deep(clips)) @ nearest.T).max(axis=-1).max(axis=0)

    def no_sign(clips: Clips) -> np.ndarray:
        views = with_none.views(clips.points(with_none))
        answers = np.mean([rejecting.predict(with_none.encode(view), verbose=0) for view in views], axis=0)
        return 1 - answers[:, with_none.glosses.index(NONE)]

    known = vocabulary_of(setting.train, embedding)

    def expected(clips: Clips) -> np.ndarray:
        values = np.exp(logits(clips))
        answers = (values / values.sum(axis=-1, keepdims=True)).mean(axis=0)
        return (answers * known.above(clips.points(embedding.recipe))).sum(axis=1)

    scores: dict[str, Callable[[Clips], np.ndarray]] = {"probability": probability, "energy": energy}
    scores |= {"neighbour": neighbour, "no sign": no_sign}
    scores["described"] = partial(nearness, vocabulary_of(setting.train, described_only(embedding)))
    return scores | {"vocabulary": partial(nearness, known), "expected": expected}


def described_only(embedding: SignEmbedding) -> SignEmbedding:
    """Return the whitened description of an embedding, without its networks."""
    alone = SignEmbedding(embedding.recipe, network=embedding.network, networks=[], whitening=embedding.whitening)
    alone.centre = embedding.centre[-alone.size :]
    # The background is needed only for thresholds of a single signer's clips, which are not looked at here.
    alone.background = np.eye(alone.size, dtype=np.float32)
    return alone


def vocabulary_of(clips: Clips, embedding: SignEmbedding) -> Vocabulary:
    """Return the vocabulary of labelled clips."""
    vocabulary = Vocabulary(embedding)
    for (gloss, signer), rows in clips.table.groupby(["gloss", "signer"]).indices.items():
        points = np.stack([embedding.recipe.points(clips.landmarks[row]) for row in rows])
        vocabulary.add(gloss, points, signer=signer)
    return vocabulary


def nearness(vocabulary: Vocabulary, clips: Clips) -> np.ndarray:
    """Return (n,): how far a clip is above the threshold of the sign that is nearest by that measure."""
    thresholds = np.array([*vocabulary.thresholds.values()])
    points = clips.points(vocabulary.embedding.recipe)
    return (vocabulary.similarities(points) - thresholds).max(axis=1)


def report_table(
    settings: list[Setting], recipe: FeatureRecipe, embedding: SignEmbedding, params: Params, seeds: Sequence[int]
) -> None:
    from sklearn.metrics import roc_auc_score

    others = negatives()
    found = []
    for setting in settings:
        for seed in seeds:
            for name, score in scores_of(setting, recipe, embedding, params, seed=seed, others=others).items():
                known = score(setting.known)
                least = np.quantile(known, 1 - ACCEPTED)
                for kind, clips in setting.strangers.items():
                    values = score(clips)
                    area = roc_auc_score(np.repeat([1, 0], [len(known), len(clips)]), np.append(known, values))
                    found.append((name, kind, seed, area, clips.table.assign(named=values >= least)))
    table = pd.DataFrame(found, columns=["score", "kind", "seed", "area", "clips"])
    print(f"\nShare named where {ACCEPTED:.0%} of the known signs are accepted, and area under the ROC curve")
    print("| score | kind | AUROC | seeds | named (interval) | n |\n|---|---|---|---|---|---|")
    for (name, kind), rows in table.groupby(["score", "kind"], sort=False):
        clips = pd.concat(rows["clips"].tolist(), ignore_index=True)
        named = rate(clips["named"].to_numpy(), clips)
        by_seed = rows.groupby("seed")["area"].mean()
        seeds_text = f"{by_seed.min():.3f} to {by_seed.max():.3f}"
        print(f"| {name} | {kind} | {rows['area'].mean():.3f} | {seeds_text} | {shown(named)} | {named.size} |")


def shown(share: Rate) -> str:
    return f"{100 * share.value:.1f} % ({100 * share.low:.0f} to {100 * share.high:.0f})"


def words_of(classifier: Any, landmarks: Landmarks) -> tuple[list[str], float]:
    """Return the words of a clip in the live recogniser at its defaults, and the clip's seconds with a pause."""
    recogniser = SignRecogniser(classifier, settings=LiveSettings(fps=landmarks.fps))
    values = np.concatenate([landmarks.points, landmarks.confidence[..., None]], axis=-1).astype(np.float32)
    size = (landmarks.width, landmarks.height)
    words = [
        recogniser.process_landmarks(one, float(time_s), size=size).committed
        for one, time_s in zip(values, landmarks.times, strict=True)
    ]
    words.append(recogniser.finish().committed)
    return [word for word in words if word], float(landmarks.times[-1] - landmarks.times[0]) + PAUSE_S


def heard(
    setting: Setting, recipe: FeatureRecipe, embedding: SignEmbedding, params: Params, *, seed: int
) -> pd.DataFrame:
    """Return for each clip what two recognisers say: one row a clip and recogniser, kept in files."""
    folder = params.run_dir / "streams" / f"without_{setting.number}.seed_{seed}.{embedding.fingerprint}"
    quiet = setting.known.where(~setting.known.table["signer"].duplicated())
    kinds = {"known signs": setting.known, **setting.strangers, **real_clips(), "rest and walking": idle_clips(quiet)}
    model = Classifier.load(trained(setting, recipe, params, seed=seed, others=None), FeatureRecipe)
    refusing = OpenClassifier(Vocabulary(embedding), model=model, known=vocabulary_of(setting.train, embedding))
    tables = []
    for name, classifier in (("without refusal", model), ("asl live", refusing)):
        for kind, clips in kinds.items():
            path = folder / f"{safe_name(name)}.{safe_name(kind)}.csv"
            if not path.is_file():
                found = []
                for landmarks, row in zip(clips.landmarks, clips.table.to_dict("records"), strict=True):
                    words, seconds = words_of(classifier, landmarks)
                    right = kind == "known signs" and row["gloss"] in words
                    about = {"recogniser": name, "kind": kind, **row, "right": right, "named": bool(words)}
                    found.append({**about, "wrong": len(words) - right, "seconds": seconds})
                with atomic_write(path) as tmp:
                    pd.DataFrame(found).to_csv(tmp, index=False)
            tables.append(pd.read_csv(path, keep_default_na=False))
    return pd.concat(tables, ignore_index=True)


def report_streams(
    settings: list[Setting], recipe: FeatureRecipe, embedding: SignEmbedding, params: Params, seeds: Sequence[int]
) -> None:
    found = [
        heard(setting, recipe, embedding, params, seed=seed).assign(seed=seed) for setting in settings for seed in seeds
    ]
    table = pd.concat(found, ignore_index=True)
    print("\nIn the stream, at the defaults")
    print("| recogniser | kind | named (known signs: right) | seeds | n | false words a minute |")
    print("|---|---|---|---|---|---|")
    for (name, kind), rows in table.groupby(["recogniser", "kind"], sort=False):
        column = "right" if kind == "known signs" else "named"
        by_seed = 100 * rows.groupby("seed")[column].mean()
        share = rate(rows[column].to_numpy(), rows)
        false = 60 * rows["wrong"].sum() / rows["seconds"].sum()
        seeds_text = f"{by_seed.min():.1f} to {by_seed.max():.1f} %"
        print(f"| {name} | {kind} | {shown(share)} | {seeds_text} | {share.size} | {false:.1f} |")


def report_words(embedding: SignEmbedding, *, draws: int = 10) -> None:
    """One person teaches half of the words that two people share; the other person's words are known or untaught."""
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    print("\nReal words, taught by one person and asked of another, at the default threshold")
    print("| words | clips a word | space | AUROC | known: right | known: another word | untaught: named | n |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in ("isl_words", "asl_webcams"):
        clips = load_clips(str(ROOT / "params" / f"{kind}.yaml"))
        table = clips.table()
        pairs = pairs_of(table)
        for space in ("whole", "described"):
            alone = described_only(embedding)
            vectors = (embedding if space == "whole" else alone).embed(clips.values)
            background = embedding.background
            if space == "described":
                background = unit_rows(background[:, -alone.size :])
            for count in (1, 3, 5):
                found, areas = [], []
                for teacher, student, words in pairs:
                    for _ in range(draws):
                        chosen = rng.permutation(words)[: (len(words) + 1) // 2]
                        rows = [
                            row for word in chosen for row in rng.permutation(rows_of(table, teacher, [word]))[:count]
                        ]
                        signs, asked = table["gloss"].to_numpy()[rows], rows_of(table, student, words)
                        similar = vectors[asked] @ vectors[rows].T
                        least = np.quantile((background @ vectors[rows].T).max(axis=1), 1 - NAMED_BACKGROUND)
                        answer = table.iloc[asked].assign(
                            known=np.isin(table["gloss"].to_numpy()[asked], chosen),
                            nearest=signs[similar.argmax(axis=1)],
                            named=similar.max(axis=1) >= least,
                        )
                        areas.append(roc_auc_score(answer["known"], similar.max(axis=1)))
                        found.append(answer)
                answers = pd.concat(found, ignore_index=True)
                right = answers["named"] & (answers["nearest"] == answers["gloss"])
                known, new = answers[answers["known"]], answers[~answers["known"]]
                shares = [rate(right[known.index].to_numpy(), known)]
                shares.append(rate((known["named"] & ~right[known.index]).to_numpy(), known))
                shares.append(rate(new["named"].to_numpy(), new))
                cells = " | ".join(map(shown, shares))
                print(f"| {kind} | {count} | {space} | {np.mean(areas):.3f} | {cells} | {shares[0].size} |", flush=True)


def pairs_of(table: pd.DataFrame) -> list[tuple[str, str, list[str]]]:
    """Return (teacher, student, words) of all ordered pairs of people who share at least two words."""
    words = table.groupby("signer")["gloss"].agg(set)
    return [
        (teacher, student, sorted(words[teacher] & words[student]))
        for teacher in words.index
        for student in words.index
        if teacher != student and len(words[teacher] & words[student]) > 1
    ]


def rows_of(table: pd.DataFrame, signer: str, words: Sequence[str]) -> np.ndarray:
    return np.flatnonzero((table["signer"] == signer) & table["gloss"].isin(words))


def unit_rows(values: np.ndarray) -> np.ndarray:
    return np.asarray(values / np.linalg.norm(values, axis=-1, keepdims=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--params", default="params/demo.yaml", help="parameter file of the run")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], help="of the networks")
    parser.add_argument("--only", nargs="+", default=[*PARTS], choices=PARTS)
    options = parser.parse_args()
    values = read_yaml(options.params)
    params = check_parameters(values)
    embedding = load_embedding()
    if "words" in options.only:
        report_words(embedding)
    if options.only == ["words"]:
        return
    own = check_parameters({**values, "run": f"{params.run}_open_set"})
    recipe = Method.own(ClipSet.load(params.run_dir).recipe).recipe
    people = [signer for name, signer in load_signers().items() if name in params.test_signers]
    gestures = performed(HELD_OUT, people)
    settings = settings_of(demo_clips(params, recipe), params.test_signers, gestures)
    if "table" in options.only:
        report_table(settings, recipe, embedding, own, options.seeds)
    if "streams" in options.only:
        report_streams(settings, recipe, embedding, own, options.seeds)


if __name__ == "__main__":
    main()
