"""Train, validation and test: by signer, and never with the same signer or clip on two sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

LARGEST_SHARE = 0.5
"""With more, a gloss could be left without a clip to learn from."""


class SplitError(ValueError):
    """A split that cannot be made from these clips."""


class LeakError(ValueError):
    """A split in which something stands on two sides."""


@dataclass(frozen=True)
class Split:
    """Row numbers of the clips on each side: three int arrays that share nothing."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def sides(self) -> dict[str, np.ndarray]:
        return {"train": self.train, "validation": self.validation, "test": self.test}


def make_split(
    clips: pd.DataFrame,
    *,
    how: str = "signer",
    test_signers: Sequence[str] = (),
    validation_signers: Sequence[str] = (),
    validation_share: float = 0.0,
    seed: int = 42,
) -> Split:
    """Split clips as the parameter `split` says.

    Args:
        clips: the clips table, or any with the columns clip_id, gloss, signer and, for "official", split.
        how: "signer" holds `test_signers` out; "official" takes the data set's own sides; "random" shuffles the
            clips, so that all signers are known: the signer-dependent number to put beside the other.
        test_signers, validation_signers: for "signer", see `split_by_signer`.
        validation_share: for "signer" and "official": this share of the clips that are not in the test validates,
            instead of a signer or the official side. All signers but those of the test are then learned from: the
            protocol of papers on data sets with three signers.
        seed: for "random" and `validation_share`.

    Raises:
        SplitError: the split cannot be made from these clips, or there is no such way.
        LeakError: a clip stands on two sides.
    """
    if how == "signer":
        return split_by_signer(
            clips,
            test_signers=test_signers,
            validation_signers=validation_signers,
            validation_share=validation_share,
            seed=seed,
        )
    if how == "official":
        return split_official(clips, validation_share=validation_share, seed=seed)
    if how == "random":
        return split_at_random(clips, seed=seed)
    raise SplitError(f"split must be signer, official or random; got {how!r}.")


def split_official(clips: pd.DataFrame, *, validation_share: float = 0.0, seed: int = 42) -> Split:
    """Split clips as their publishers did.

    Some official splits share no signer (ASL Citizen, AUTSL), others do (WLASL): `is_signer_independent` tells, and
    says which numbers may be compared. No clip may stand on two sides in any of them.

    Args:
        clips: the clips table, or any with the columns clip_id, gloss, signer and split.
        validation_share: above 0, this share of all clips outside the official test validates, and the others train.
            Some data sets (KArSL) have no official validation side.
        seed: which clips these are.

    Raises:
        SplitError: a side is empty: the data set has no official split, or its files are incomplete.
    """
    side = clips["split"].to_numpy(str)
    split = Split(*(np.flatnonzero(side == name) for name in ("train", "validation", "test")))
    if validation_share and len(split.train):
        rest = np.sort(np.concatenate([split.train, split.validation]))
        split = Split(*_take_share(clips, rest, share=validation_share, seed=seed), split.test)
    empty = [name for name, rows in split.sides().items() if not len(rows)]
    if empty:
        raise SplitError(
            f"No clip is on the official side '{empty[0]}'. Use split='signer' with test_signers, or get the files "
            "that are missing; where only validation is, validation_share=0.1 takes it from the training clips."
        )
    check_split(clips, train=split.train, validation=split.validation, test=split.test, by=("clip_id", "content"))
    return split


def is_signer_independent(clips: pd.DataFrame, split: Split) -> bool:
    """Say whether no test signer is among the others."""
    signer = clips["signer"].to_numpy(str)
    return not set(signer[split.test]) & set(signer[np.concatenate([split.train, split.validation])])


def signer_folds(signers: Sequence[str], folds: int) -> list[list[str]]:
    """Return groups of signers to hold out in turn: grouped k-fold, for data sets with many signers.

    Every signer is in one group; groups differ in size by one at most.

    Raises:
        SplitError: there are fewer than 2 folds, or fewer signers than folds.
    """
    names = sorted(set(signers))
    if not 2 <= folds <= len(names):
        raise SplitError(f"folds must be between 2 and the {len(names)} signers; got {folds}.")
    return [names[number::folds] for number in range(folds)]


def split_by_signer(
    clips: pd.DataFrame,
    *,
    test_signers: Sequence[str],
    validation_signers: Sequence[str] = (),
    validation_share: float = 0.0,
    seed: int = 42,
) -> Split:
    """Hold signers out: the only split that tells how a model does with a person it has never seen.

    Args:
        clips: the clips table, or any with the columns clip_id, gloss and signer.
        test_signers: who is held out for the test.
        validation_signers: who decides when training stops. None given: the signer who follows the first
            test signer in the alphabet, so that a run over all signers uses each of them once. The test
            signers never decide anything.
        validation_share: above 0, nobody is held out for validation: this share of the other signers' clips decides,
            of each gloss and signer the same, and these signers stand in training and in validation. They know when
            they have learned *their* signers, not new ones; the test is as honest as before.
        seed: which clips these are.

    Raises:
        SplitError: a signer does not exist, or nobody is left to train on.
    """
    signers = sorted(set(clips["signer"]))
    for name in (*test_signers, *validation_signers):
        if name not in signers:
            raise SplitError(f"There is no signer '{name}' to hold out. The clips have: {', '.join(signers)}.")
    if not test_signers:
        raise SplitError(f"test_signers must name at least one of {', '.join(signers)}; got none.")
    if validation_share:
        if validation_signers:
            raise SplitError(
                f"Either validation_signers or validation_share, not both; got {', '.join(validation_signers)} and "
                f"{validation_share:g}."
            )
        tested = np.isin(clips["signer"].to_numpy(), list(test_signers))
        test, rest = np.flatnonzero(tested), np.flatnonzero(~tested)
        if not len(rest):
            raise SplitError(f"With {', '.join(test_signers)} held out for the test nobody is left to train on.")
        check_split(clips, train=rest, test=test)
        return Split(*_take_share(clips, rest, share=validation_share, seed=seed), test)
    if not validation_signers:
        first = signers.index(test_signers[0])
        others = [name for name in signers[first + 1 :] + signers[:first] if name not in test_signers]
        validation_signers = others[:1]
    left = [name for name in signers if name not in {*test_signers, *validation_signers}]
    if not left or not validation_signers:
        raise SplitError(
            f"With {', '.join((*test_signers, *validation_signers))} held out for test and validation nobody is left "
            f"to train on: the clips have {len(signers)} signers. Hold fewer out, record at least 3 signers, or "
            "let a share of the training clips validate: validation_share=0.2."
        )
    signer = clips["signer"].to_numpy()
    split = Split(*(np.flatnonzero(np.isin(signer, names)) for names in (left, validation_signers, test_signers)))
    check_split(clips, train=split.train, validation=split.validation, test=split.test)
    return split


def split_at_random(clips: pd.DataFrame, *, seed: int, test_size: float = 0.2, validation_size: float = 0.2) -> Split:
    """Split clips at random, with the same share of each gloss on every side.

    This is the split of the usual notebook. The same signers stand on all sides, so its accuracy says
    how well a model knows *these* people: here it is the wrong answer that the course starts from.

    Raises:
        SplitError: a gloss has too few clips for three sides.
    """
    from sklearn.model_selection import train_test_split

    rows, gloss = np.arange(len(clips)), clips["gloss"].to_numpy()
    try:
        rest, test = train_test_split(rows, test_size=test_size, random_state=seed, stratify=gloss)
        share = validation_size / (1 - test_size)
        train, validation = train_test_split(rest, test_size=share, random_state=seed, stratify=gloss[rest])
    except ValueError as error:
        raise SplitError(f"These {len(clips)} clips cannot be split at random: {error}") from error
    return Split(np.sort(train), np.sort(validation), np.sort(test))


def _take_share(clips: pd.DataFrame, rows: np.ndarray, *, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows left and a share of them, both sorted.

    Of each gloss, and within it of each signer, the same share as nearly as whole clips allow. A gloss always keeps
    a clip to learn from.
    """
    if not 0 < share <= LARGEST_SHARE:
        raise SplitError(f"validation_share must be above 0 and at most {LARGEST_SHARE}; got {share:g}.")
    table = clips.iloc[rows][["gloss", "signer"]].astype(str).assign(row=rows)
    table = table[table.groupby("gloss")["row"].transform("size") > 1]
    rng = np.random.default_rng(seed)
    in_order = table.iloc[rng.permutation(len(table))].sort_values(["gloss", "signer"])["row"].to_numpy()
    # Like marks on a ruler, `share` apart: a clip is taken where a whole number lies before the next mark.
    marks = np.floor(np.arange(len(in_order) + 1) * share + rng.random())
    taken = np.sort(in_order[np.diff(marks) > 0])
    if not len(taken):
        raise SplitError(
            f"A share of {share:g} of these {len(rows)} clips is none. Take a larger one, or let a signer validate."
        )
    return np.setdiff1d(rows, taken), taken


def check_split(
    clips: pd.DataFrame, *, train: Sequence[int] | np.ndarray, test: Sequence[int] | np.ndarray,
    validation: Sequence[int] | np.ndarray = (), by: Sequence[str] = ("signer", "clip_id", "content"),
) -> None:  # fmt: skip
    """Raise where something stands on two sides of a split.

    Args:
        clips: a table with columns named in `by`.
        train, test, validation: row numbers.
        by: columns whose values may stand on one side only; those that the table lacks are not looked at. A copy
            of a clip, augmented or not, keeps its clip_id, so it counts as that clip; `content`, which
            `FeatureSet.clips` adds, finds the same recording under two names.

    Raises:
        LeakError: a value stands on two sides; the sentence names it and them.
    """
    sides = {"train": train, "validation": validation, "test": test}
    for column in (name for name in by if name in clips.columns):
        values = clips[column].to_numpy()
        for (one, rows), (other, other_rows) in combinations(sides.items(), 2):
            both = set(values[np.asarray(rows, int)]) & set(values[np.asarray(other_rows, int)])
            if both:
                names = ", ".join(map(str, sorted(both)[:5])) + (" …" if len(both) > 5 else "")
                raise LeakError(
                    f"No {column} may be in both {one} and {other}; {len(both)} are: {names}. "
                    "A model that has seen them is not tested on anything new: split by signer."
                )
