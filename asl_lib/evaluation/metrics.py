"""Accuracy with its interval, by signer and by gloss; comparison, ensembles and calibration of models."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax

from asl_lib._util.console import counted
from asl_lib._util.files import atomic_write, read_json, write_json
from asl_lib.features.sets import ClipSet

VERSIONED = ("ai-edge-litert", "asl_lib", "jax", "keras", "numpy", "scikit-learn", "tensorflow")
"""Packages whose versions are saved with the results, where they are installed."""
FEWEST_SIGNERS = 5
"""Smallest number of signers over which there is a bootstrap interval."""
DRAWS = 10_000
"""Draws of a bootstrap."""


def describe_size(clips: int, cells: int, signers: int) -> str:
    """Return the size of a test, "72 clips, 24 cells"; the last unit is the one that an interval is over."""
    units = {"clip": clips, "cell": cells}
    if signers >= FEWEST_SIGNERS:
        units["signer"] = signers
    return ", ".join(counted(count, unit) for unit, count in units.items())


@dataclass(frozen=True)
class Rate:
    """A share of right clips, or a difference of two, with its 95 % interval: see `rate` and `difference`.

    Attributes:
        hits, n: number of right clips, or its mean over seeds, and of all.
        cells: number of cells: pairs of a signer and a sign, whose repetitions resemble each other.
        signers: number of signers.
        low, high: the interval, from 0 to 1.
    """

    hits: float
    n: int
    cells: int
    signers: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share, from 0 to 1."""
        return self.hits / self.n

    @property
    def size(self) -> str:
        """The size of the test, as `describe_size` writes it."""
        return describe_size(self.n, self.cells, self.signers)

    def __str__(self) -> str:
        return f"{self.value:.1%} (n = {self.size}, 95 % interval {self.low:.0%} to {self.high:.0%})"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


def rate(right: np.ndarray, clips: pd.DataFrame, *, seed: int = 42) -> Rate:
    """Return the share of right clips with its 95 % interval, from a cluster bootstrap (Field and Welsh 2007).

    The repetitions of one sign by one signer, a *cell*, resemble each other and are often right or wrong together.
    Whole cells are therefore drawn with replacement, not clips; the interval is that of the same signers with other
    signs. With at least 5 signers whole signers are drawn, because another test would have other signers. Percentile
    method, 10,000 draws. Where all that is drawn has the same share, every draw is the same: the interval is then that
    of Wilson (1927) for as many independent clips as there are cells. With few cells the interval is rough; one over
    clips would be too narrow, because repetitions are not independent.

    Args:
        right: (n,) whether each clip is right.
        clips: the n clips, with the columns signer and gloss. With a column clip_id, a clip may occur more than once,
            as predicted with several seeds: it is counted once, and its share is the mean.
        seed: seed of the draws.

    Raises:
        ValueError: there is no clip, or the lengths differ.
    """
    if not len(clips) or len(right) != len(clips):
        raise ValueError(f"right and clips must have the same length, at least 1; got {len(right)} and {len(clips)}.")
    table = pd.DataFrame({"signer": clips["signer"].to_numpy(), "gloss": clips["gloss"].to_numpy(), "right": right})
    cells, signers = (table.groupby(by)["right"].agg(["sum", "size"]) for by in (["signer", "gloss"], "signer"))
    units = signers if len(signers) >= FEWEST_SIGNERS else cells
    hits, rows = int(cells["sum"].sum()), len(table)
    n = clips["clip_id"].nunique() if "clip_id" in clips else rows
    share = hits / rows
    # Units with the same counts are alike, so it is enough to draw how many of each kind there are.
    (kind_hits, kind_n), count = np.unique(units.astype(int).to_numpy().T, axis=1, return_counts=True)
    if (kind_hits * rows == kind_n * hits).all():
        low, high = _wilson(share, len(cells))
    else:
        drawn = np.random.default_rng(seed).multinomial(len(units), count / len(units), size=DRAWS)
        low, high = np.percentile(drawn @ kind_hits / (drawn @ kind_n), [2.5, 97.5])
    mean_hits = hits if n == rows else share * n
    return Rate(mean_hits, n, len(cells), len(signers), min(float(low), share), max(float(high), share))


def _wilson(share: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of Wilson (1927) of a share of n independent trials."""
    square = 1.959964**2 / n
    middle, half = share + square / 2, np.sqrt(square * share * (1 - share) + square**2 / 4)
    return float((middle - half) / (1 + square)), float((middle + half) / (1 + square))


def difference(first: pd.DataFrame, second: pd.DataFrame) -> Rate:
    """Return how much larger the second share of right clips is than the first, with the interval of `rate`.

    The two are compared clip by clip, as in `mcnemar`: what is hard for both does not widen the interval.

    Args:
        first, second: tables of two evaluations of the same clips; of several seeds one after the other, with a column
            seed: those of the same seed are compared.

    Raises:
        ValueError: the two have no clip in common.
    """
    keys = ["clip_id", *({"seed"} & set(first.columns))]
    both = first.merge(second[[*keys, "rank"]], on=keys, suffixes=("", "_second"))
    if both.empty:
        raise ValueError("Both tables must be of the same clips and seeds; they have none in common.")
    both = both.sort_values(keys)
    ahead = (both["rank_second"] == 1).astype(int) - (both["rank"] == 1).astype(int)
    # The other way round, the same draws must give the mirrored interval: of equal shares the first lead decides.
    leads = [ahead.sum(), *ahead]
    sign = next((-1 if lead < 0 else 1 for lead in leads if lead), 1)
    share = rate((sign * ahead).to_numpy(), both)
    low = -share.high if share.low == share.value == 0 else share.low  # of cells without a difference, to either side
    low, high = sorted((sign * low, sign * share.high))
    return Rate(sign * share.hits, share.n, share.cells, share.signers, low, high)


def mean_over_signers(accuracies: Sequence[float], *, seed: int = 42) -> tuple[float, float, float]:
    """Return the mean over held-out signers and its 95 % bootstrap interval over signers.

    Signers are resampled, not clips, because another test would have other signers (percentile method, 10,000
    draws). With fewer than 5 signers, `low` and `high` are their range: of three signers, one draw in 27 is three
    times the lowest, so the percentiles could only be the lowest and the highest.

    Returns:
        Mean, low and high, from 0 to 1.

    Raises:
        ValueError: `accuracies` is empty.
    """
    values = np.asarray(accuracies, float)
    if not len(values):
        raise ValueError("accuracies must hold at least one signer's; got none.")
    if len(values) < FEWEST_SIGNERS:
        return float(values.mean()), float(values.min()), float(values.max())
    draws = np.random.default_rng(seed).choice(values, (DRAWS, len(values))).mean(axis=1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(values.mean()), float(low), float(high)


@dataclass(frozen=True)
class Evaluation:
    """The predictions of a model for n test clips, with the truth.

    Attributes:
        table: one row per clip: clip_id, signer, gloss, predicted, probability (of the prediction), rank (of
            the true gloss, 1 is best).
        glosses: names of the classes.
        probabilities: (n, classes), in the order of the table; None if they were not saved.
    """

    table: pd.DataFrame
    glosses: tuple[str, ...]
    probabilities: np.ndarray | None = None

    @classmethod
    def from_arrays(
        cls,
        probabilities: np.ndarray,
        y: np.ndarray,
        *,
        glosses: Sequence[str] | np.ndarray,
        signers: Sequence[str] | np.ndarray,
        clip_ids: Sequence[str] | np.ndarray,
    ) -> Evaluation:
        """Compare predictions with the truth, for clips that are not in a `ClipSet`.

        Args:
            probabilities: (n, classes) of a model's softmax.
            y: (n,) true classes.
            glosses: names of the classes.
            signers, clip_ids: (n,) signer and clip_id of each clip.

        Raises:
            ValueError: the shapes do not fit each other, or a probability is not a finite number.
        """
        if probabilities.shape != (len(y), len(glosses)) or not len(y):
            raise ValueError(
                f"probabilities must be ({len(y)}, {len(glosses)}), clips by glosses, with at least one clip; "
                f"got {probabilities.shape}."
            )
        if not np.isfinite(probabilities).all():
            raise ValueError("probabilities must be finite; got NaN or infinity. The model or its input is broken.")
        names = np.asarray(glosses, str)
        best = probabilities.argmax(axis=1)
        true = probabilities[np.arange(len(y)), y]
        # Ties count against the model, except for the class that argmax takes.
        rank = np.where(best == y, 1, np.maximum(2, (probabilities >= true[:, None]).sum(axis=1)))
        table = pd.DataFrame(
            {
                "clip_id": np.asarray(clip_ids, str),
                "signer": np.asarray(signers, str),
                "gloss": names[y],
                "predicted": names[best],
                "probability": probabilities.max(axis=1).astype(float),
                "rank": rank,
            }
        )
        return cls(table, tuple(map(str, glosses)), np.asarray(probabilities))

    @property
    def accuracy(self) -> Rate:
        """The share of clips whose most probable gloss is right."""
        return self.top(1)

    def top(self, k: int) -> Rate:
        """Return the top-k accuracy: how often the true gloss is among the k most probable ones."""
        return rate((self.table["rank"] <= k).to_numpy(), self.table)

    def per_signer(self) -> dict[str, Rate]:
        """Return each signer's accuracy, by name."""
        groups = self.table.groupby("signer", sort=True)
        return {str(signer): rate((rows["rank"] == 1).to_numpy(), rows) for signer, rows in groups}

    def counts(self) -> dict[str, dict[str, int]]:
        """Return each signer's hits, top5_hits and n, by name."""
        groups = self.table.groupby("signer", sort=True)["rank"]
        return {
            str(signer): {"hits": int((ranks == 1).sum()), "top5_hits": int((ranks <= 5).sum()), "n": len(ranks)}
            for signer, ranks in groups
        }

    def per_gloss(self) -> pd.DataFrame:
        """Return precision, recall, F1 (from 0 to 1) and n of every gloss, by name."""
        counts = self.confusion().to_numpy()
        hits, true, predicted = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
        shares = {"precision": hits / np.maximum(predicted, 1), "recall": hits / np.maximum(true, 1)}
        shares["f1"] = 2 * hits / np.maximum(true + predicted, 1)
        return pd.DataFrame({**shares, "n": true}, index=pd.Index(self.glosses, name="gloss"))

    @property
    def macro_f1(self) -> float:
        """The mean F1 of the glosses that occur: rare ones count as much as frequent ones."""
        table = self.per_gloss()
        return float(table["f1"][table["n"] > 0].mean())

    def confusion(self) -> pd.DataFrame:
        """Return counts of clips: true gloss (rows) by predicted gloss (columns)."""
        counts = pd.crosstab(self.table["gloss"], self.table["predicted"])
        return counts.reindex(index=self.glosses, columns=self.glosses, fill_value=0)

    def most_confused(self, *, most: int = 10) -> pd.DataFrame:
        """Return the pairs of glosses confused most often, in either direction.

        Args:
            most: largest number of pairs.

        Returns:
            Columns gloss, other_gloss, clips (number confused) and n (number of clips of the two glosses).
        """
        counts = self.confusion().to_numpy()
        both = counts + counts.T
        rows = [
            (self.glosses[i], self.glosses[j], int(both[i, j]), int(counts[i].sum() + counts[j].sum()))
            for i in range(len(both))
            for j in range(i + 1, len(both))
            if both[i, j]
        ]
        rows.sort(key=lambda row: (-row[2], row[0], row[1]))
        return pd.DataFrame(rows[:most], columns=["gloss", "other_gloss", "clips", "n"])

    def save(self, folder: str | Path, **entries: Any) -> None:
        """Write `metrics.json`, `predictions.csv` and `probabilities.npz` into a model's folder.

        `metrics.json` also holds what `fit` wrote to `training.json` in that folder, and the versions of Python and of
        the packages that computed the numbers: another version may round differently. Where `fit` found glosses
        without a training clip, it also holds how many test clips show one, and the accuracy for the others.

        Args:
            folder: the model's folder.
            entries: further entries of `metrics.json`, which replace the training's of the same name.
        """
        folder = Path(folder)
        training = read_json(folder / "training.json") if (folder / "training.json").is_file() else {}
        with atomic_write(folder / "predictions.csv") as tmp:
            self.table.to_csv(tmp, index=False, float_format="%.5f", lineterminator="\n")
        if self.probabilities is not None:
            with atomic_write(folder / "probabilities.npz") as tmp:
                np.savez_compressed(
                    tmp,
                    probabilities=self.probabilities.astype(np.float32),
                    clip_id=self.table["clip_id"].to_numpy(str),
                    glosses=np.array(self.glosses),
                )
        values = {
            **training,
            **entries,
            **_entries(self.accuracy),
            "top5_accuracy": self.top(5).value,
            "macro_f1": self.macro_f1,
            "classes": len(self.glosses),
            "signers": self.counts(),
            "versions": {"python": platform.python_version(), **_versions()},
        }
        if "untrained_glosses" in values:
            covered = self.table[~self.table["gloss"].isin(values["untrained_glosses"])]
            right = (covered["rank"] == 1).to_numpy()
            values["uncovered"] = len(self.table) - len(covered)
            values["covered"] = _entries(rate(right, covered)) if len(covered) else None
        write_json(folder / "metrics.json", values)


def _versions() -> dict[str, str]:
    """Return the versions of the installed packages among `VERSIONED`."""
    found = {}
    for name in VERSIONED:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _entries(share: Rate) -> dict[str, Any]:
    """Return the entries of `metrics.json` about an accuracy."""
    return {"accuracy": share.value, "interval": [share.low, share.high], "n": share.n, "cells": share.cells}


@dataclass(frozen=True)
class PairedTest:
    """Two models compared on the same clips, see `mcnemar`.

    Attributes:
        first_only, second_only: number of clips that only the first, or only the second has right.
        cells: number of cells in which one has more clips right than the other.
        p: the p-value.
    """

    first_only: int
    second_only: int
    cells: int
    p: float

    def __str__(self) -> str:
        clips, cells = counted(self.first_only, "clip"), counted(self.cells, "cell")
        return f"{clips} to {self.second_only:,}, different in {cells}; p = {self.p:.2g}"


def mcnemar(first: Evaluation, second: Evaluation) -> PairedTest:
    """Compare two models on the same clips with McNemar's test (1947), made for clips that come in cells.

    McNemar's test treats every clip that only one model has right as an independent toss of a coin. The repetitions
    of one sign by one signer are not independent, so one coin is tossed for the whole cell: were both models equally
    good, they could change places in it. The p-value is the share of all ways to toss the coins in which the difference
    is at least as large as it is, counted exactly: a permutation test of whole blocks (Winkler et al. 2015). With one
    clip in each cell it is McNemar's exact test. Cells of one signer still share this person's habits: compare the
    signers one by one as well.

    Raises:
        ValueError: the two have no clip in common.
    """
    columns = ["clip_id", "signer", "gloss", "rank"]
    both = first.table[columns].merge(second.table[["clip_id", "rank"]], on="clip_id", suffixes=("", "_second"))
    if both.empty:
        raise ValueError("Both evaluations must be of the same clips; they have none in common.")
    ahead = (both["rank"] == 1).astype(int) - (both["rank_second"] == 1).astype(int)
    leads = ahead.groupby([both["signer"], both["gloss"]]).sum().to_numpy()
    steps = np.abs(leads[leads != 0])
    share = np.ones(1)  # share[k]: of all ways to toss, those in which the first model's leads add up to k
    for step in steps:
        share = (np.pad(share, (step, 0)) + np.pad(share, (0, step))) / 2
    lopsided = np.abs(2 * np.arange(len(share)) - steps.sum()) >= abs(leads.sum())
    return PairedTest(
        int((ahead > 0).sum()), int((ahead < 0).sum()), len(steps), min(1.0, float(share[lopsided].sum()))
    )


def evaluate(probabilities: np.ndarray, clips: ClipSet[Any], rows: np.ndarray | None = None) -> Evaluation:
    """Compare a model's predictions with the truth.

    Args:
        probabilities: (len(rows), classes) as `predict` returns them.
        clips: the clips.
        rows: which of them were predicted; None for all.

    Raises:
        ValueError: the shapes do not fit each other, or a probability is not a finite number.
    """
    rows = np.arange(len(clips)) if rows is None else rows
    return Evaluation.from_arrays(
        probabilities, clips.y[rows], glosses=clips.glosses, signers=clips.signer[rows], clip_ids=clips.clip_id[rows]
    )


def average(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Return the evaluation of an ensemble: the mean of its members' probabilities, clip by clip.

    Args:
        evaluations: of different models on the same glosses; only clips that all of them have in common are used.

    Raises:
        ValueError: `evaluations` is empty, one has no probabilities, or they have different glosses or no clip in
            common.
    """
    if not evaluations or any(member.probabilities is None for member in evaluations):
        raise ValueError("Every member of an ensemble must have its probabilities. Run its notebook again.")
    first = evaluations[0]
    if any(member.glosses != first.glosses for member in evaluations):
        raise ValueError("The members of an ensemble must have the same glosses; these were trained on different ones.")
    rows = [pd.Series(range(len(member.table)), index=member.table["clip_id"]) for member in evaluations]
    shared = [clip for clip in first.table["clip_id"] if all(clip in row.index for row in rows)]
    if not shared:
        raise ValueError("The members of an ensemble must be evaluated on the same clips; they have none in common.")
    stacked = np.stack([m.probabilities[row[shared]] for m, row in zip(evaluations, rows, strict=True)])  # type: ignore[index]
    table = first.table.set_index("clip_id").loc[shared]
    number = {gloss: index for index, gloss in enumerate(first.glosses)}
    return Evaluation.from_arrays(
        stacked.mean(axis=0),
        table["gloss"].map(number).to_numpy(),
        glosses=first.glosses,
        signers=table["signer"].to_numpy(str),
        clip_ids=shared,
    )


def reliability(evaluation: Evaluation, *, bins: int = 5) -> pd.DataFrame:
    """Return the accuracy of predictions by their probability: the data of a reliability diagram.

    Args:
        evaluation: the predictions.
        bins: number of intervals of probability, of equal width.

    Returns:
        One row per interval with clips: probability (their mean), accuracy, low, high (see `rate`), n, cells.
    """
    probability = evaluation.table["probability"].to_numpy(float)
    right = (evaluation.table["rank"] == 1).to_numpy()
    bin_index = np.minimum((probability * bins).astype(int), bins - 1)
    rows = []
    for index in np.unique(bin_index):
        in_bin = bin_index == index
        share = rate(right[in_bin], evaluation.table[in_bin])
        rows.append((probability[in_bin].mean(), share.value, share.low, share.high, share.n, share.cells))
    return pd.DataFrame(rows, columns=["probability", "accuracy", "low", "high", "n", "cells"])


def calibration_error(evaluation: Evaluation, *, bins: int = 5) -> float:
    """Return the expected calibration error (Naeini et al. 2015), the mean distance of probability and accuracy."""
    table = reliability(evaluation, bins=bins)
    return float(np.average((table["probability"] - table["accuracy"]).abs(), weights=table["n"]))


def fit_temperature(probabilities: np.ndarray, y: np.ndarray) -> float:
    """Return the temperature with the lowest cross-entropy on validation clips (Guo et al. 2017).

    A temperature above 1 makes predictions less certain, one below 1 more certain. The ranking of the glosses does not
    change.

    Args:
        probabilities: (n, classes) of the *validation* clips.
        y: (n,) true classes.

    Raises:
        ValueError: there is no clip.
    """
    from scipy.optimize import minimize_scalar

    if not len(y):
        raise ValueError("probabilities must have at least one clip; got none.")

    def loss(log_temperature: float) -> float:
        scaled = apply_temperature(probabilities, float(np.exp(log_temperature)))
        return float(-np.log(np.maximum(scaled[np.arange(len(y)), y], 1e-12)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return (n, classes) probabilities with their logits divided by a temperature; 1 changes nothing."""
    return np.asarray(softmax(np.log(np.maximum(probabilities, 1e-12)) / temperature, axis=1))
