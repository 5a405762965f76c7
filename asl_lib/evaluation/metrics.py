"""Accuracy with its interval, by signer and by gloss; comparison, ensembles and calibration of models."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from asl_lib._util.files import atomic_write, read_json, write_json
from asl_lib.features.sets import ClipSet

VERSIONED = ("asl_lib", "keras", "mediapipe", "numpy", "scikit-learn", "tensorflow")
"""Packages whose versions are saved with the results."""


@dataclass(frozen=True)
class Rate:
    """A share of successes with its 95 % interval (Wilson 1927).

    The interval assumes n independent clips. Clips of one signer resemble each other, so the spread between
    signers is larger.
    """

    hits: int
    n: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share, from 0 to 1."""
        return self.hits / self.n

    def __str__(self) -> str:
        return f"{self.value:.1%} (n = {self.n}, 95 % interval {self.low:.0%} to {self.high:.0%})"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


def rate(hits: int, n: int) -> Rate:
    """Return hits / n with its 95 % Wilson interval.

    Raises:
        ValueError: n < 1, or hits is not between 0 and n.
    """
    from scipy.stats import binomtest

    if n < 1 or not 0 <= hits <= n:
        raise ValueError(f"hits must be between 0 and n, and n at least 1; got {hits} of {n}.")
    interval = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    return Rate(int(hits), int(n), float(interval.low), float(interval.high))


FEWEST_SIGNERS = 5
"""Smallest number of signers with a bootstrap interval. Of fewer, the range is given instead."""


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
    draws = np.random.default_rng(seed).choice(values, (10_000, len(values))).mean(axis=1)
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
        return rate(int((self.table["rank"] <= k).sum()), len(self.table))

    def per_signer(self) -> dict[str, Rate]:
        """Return each signer's accuracy, by name."""
        return {signer: rate(counts["hits"], counts["n"]) for signer, counts in self.counts().items()}

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
        the packages that computed the numbers: another version may round differently.

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
        accuracy = self.accuracy
        values = {
            **training,
            **entries,
            "accuracy": accuracy.value,
            "interval": [accuracy.low, accuracy.high],
            "n": accuracy.n,
            "top5_accuracy": self.top(5).value,
            "macro_f1": self.macro_f1,
            "classes": len(self.glosses),
            "signers": self.counts(),
            "versions": {"python": platform.python_version(), **{name: version(name) for name in VERSIONED}},
        }
        write_json(folder / "metrics.json", values)


def mcnemar(first: Evaluation, second: Evaluation) -> tuple[int, int, float]:
    """Compare two models on the same clips with the exact test of McNemar (1947).

    The test assumes independent clips. Clips of one signer resemble each other, so the p-value is too small: compare
    the signers one by one as well.

    Returns:
        The number of clips that only `first` has right, the number that only `second` has right, and the p-value.

    Raises:
        ValueError: the two have no clip in common.
    """
    from scipy.stats import binomtest

    ranks = first.table[["clip_id", "rank"]].merge(second.table[["clip_id", "rank"]], on="clip_id")
    if ranks.empty:
        raise ValueError("Both evaluations must be of the same clips; they have none in common.")
    first_right, second_right = ranks["rank_x"] == 1, ranks["rank_y"] == 1
    only_first, only_second = int((first_right & ~second_right).sum()), int((second_right & ~first_right).sum())
    differ = only_first + only_second
    return only_first, only_second, float(binomtest(only_first, differ, 0.5).pvalue) if differ else 1.0


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
        One row per interval with clips: probability (their mean), accuracy, low, high (95 % Wilson interval), n.
    """
    probability = evaluation.table["probability"].to_numpy(float)
    right = (evaluation.table["rank"] == 1).to_numpy()
    bin_index = np.minimum((probability * bins).astype(int), bins - 1)
    rows = []
    for index in np.unique(bin_index):
        in_bin = bin_index == index
        share = rate(int(right[in_bin].sum()), int(in_bin.sum()))
        rows.append((probability[in_bin].mean(), share.value, share.low, share.high, share.n))
    return pd.DataFrame(rows, columns=["probability", "accuracy", "low", "high", "n"])


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
    logits = np.log(np.maximum(probabilities, 1e-12)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
