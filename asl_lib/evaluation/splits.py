"""Splits into training, validation and test clips: by signer, official or random, each checked for leaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

LARGEST_SHARE = 0.5
"""Largest `validation_share`. With more, a gloss could be left without a training clip."""


@dataclass(frozen=True)
class Split:
    """Row numbers of the training, validation and test clips: three disjoint int arrays.

    Attributes:
        train, validation, test: the row numbers.
        settings: how the split was made, for `training.json`: split, test_signers and validation_share of `make_split`.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    settings: dict[str, Any] = field(default_factory=dict, kw_only=True)

    def without_validation(self) -> Split:
        """Return the split in which the validation clips train as well, for a fixed number of epochs."""
        settings = {name: value for name, value in self.settings.items() if name != "validation_share"}
        return Split(np.concatenate([self.train, self.validation]), self.validation[:0], self.test, settings=settings)

    def sides(self) -> dict[str, np.ndarray]:
        """Return the three arrays by name."""
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
    """Split clips by the protocol `how`.

    Args:
        clips: the clips table, or any with the columns clip_id, gloss, signer and, for "official", split.
        how: "signer" holds `test_signers` out; "official" uses the split published with the data set; "random" shuffles
            the clips, so that all signers are known (signer-dependent).
        test_signers, validation_signers: for "signer", see `split_by_signer`.
        validation_share: for "signer" and "official": share of the clips outside the test that is used for validation,
            instead of a signer or the official side. All signers outside the test are then training signers, as in
            papers on data sets with three signers.
        seed: for "random" and `validation_share`.

    Raises:
        ValueError: the split cannot be made from these clips, `how` is unknown, or a clip is on two sides.
    """
    if how == "signer":
        split = split_by_signer(
            clips,
            test_signers=test_signers,
            validation_signers=validation_signers,
            validation_share=validation_share,
            seed=seed,
        )
    elif how == "official":
        split = split_official(clips, validation_share=validation_share, seed=seed)
    elif how == "random":
        split = split_at_random(clips, seed=seed)
    else:
        raise ValueError(f"split must be signer, official or random; got {how!r}.")
    settings = {"split": how, "test_signers": list(test_signers), "validation_share": validation_share}
    return replace(split, settings=settings)


def split_official(clips: pd.DataFrame, *, validation_share: float = 0.0, seed: int = 42) -> Split:
    """Return the split published with the data set.

    Some official splits share no signer (ASL Citizen, AUTSL), others do (WLASL): compare numbers only with numbers of
    the same kind. No clip may be on two sides.

    Args:
        clips: the clips table, or any with the columns clip_id, gloss, signer and split.
        validation_share: above 0, this share of all clips outside the official test is used for validation and the
            others for training. Some data sets (KArSL) have no official validation side.
        seed: chooses the clips of `validation_share`.

    Raises:
        ValueError: a side is empty because the data set has no official split or its files are incomplete, or a clip
            is on two sides.
    """
    side = clips["split"].to_numpy(str)
    split = Split(*(np.flatnonzero(side == name) for name in ("train", "validation", "test")))
    if validation_share and len(split.train):
        rest = np.sort(np.concatenate([split.train, split.validation]))
        split = Split(*_take_share(clips, rest, share=validation_share, seed=seed), split.test)
    empty = [name for name, rows in split.sides().items() if not len(rows)]
    if empty:
        raise ValueError(
            f"No clip is on the official side '{empty[0]}'. Use split='signer' with test_signers, or get the missing "
            "files. If only the validation side is missing, validation_share=0.1 takes it from the training clips."
        )
    check_split(clips, train=split.train, validation=split.validation, test=split.test, by=("clip_id", "content"))
    return split


def signer_folds(signers: Sequence[str], folds: int) -> list[list[str]]:
    """Return groups of signers to hold out in turn (grouped k-fold cross-validation).

    Every signer is in one group; the sizes of the groups differ by at most one.

    Raises:
        ValueError: `folds` is below 2 or above the number of signers.
    """
    names = sorted(set(signers))
    if not 2 <= folds <= len(names):
        raise ValueError(f"folds must be between 2 and the {len(names)} signers; got {folds}.")
    return [names[number::folds] for number in range(folds)]


def split_by_signer(
    clips: pd.DataFrame,
    *,
    test_signers: Sequence[str],
    validation_signers: Sequence[str] = (),
    validation_share: float = 0.0,
    seed: int = 42,
) -> Split:
    """Hold signers out for the test: only this split measures accuracy on a person whom the model has never seen.

    Args:
        clips: the clips table, or any with the columns clip_id, gloss and signer.
        test_signers: signers held out for the test.
        validation_signers: signers whose clips decide when training stops. Default: the signer without whom the others
            still show most signs, and who shows most of these; where all sign the same, the signer after the
            first test signer in the alphabet, so that a run over all signers uses each of them once. Test signers
            never influence training.
        validation_share: above 0, no signer is held out for validation. Instead this share of the other signers' clips
            is used, the same share of each gloss and signer. Training then stops by clips of known signers; the test
            stays signer-independent.
        seed: chooses the clips of `validation_share`.

    Raises:
        ValueError: a signer does not exist or is on two sides, or no signer is left for training.
    """
    signers = sorted(set(clips["signer"]))
    for name in (*test_signers, *validation_signers):
        if name not in signers:
            raise ValueError(f"There is no signer '{name}' to hold out. The clips have: {', '.join(signers)}.")
    if not test_signers:
        raise ValueError(f"test_signers must name at least one of {', '.join(signers)}; got none.")
    if validation_share:
        if validation_signers:
            raise ValueError(
                f"Either validation_signers or validation_share, not both; got {', '.join(validation_signers)} and "
                f"{validation_share:g}."
            )
        tested = np.isin(clips["signer"].to_numpy(), list(test_signers))
        test, rest = np.flatnonzero(tested), np.flatnonzero(~tested)
        if not len(rest):
            raise ValueError(f"With {', '.join(test_signers)} held out for the test, no signer is left for training.")
        check_split(clips, train=rest, test=test)
        return Split(*_take_share(clips, rest, share=validation_share, seed=seed), test)
    if not validation_signers:
        first = signers.index(test_signers[0])
        others = [name for name in signers[first + 1 :] + signers[:first] if name not in test_signers]
        validation_signers = [_validation_signer(clips, others)] if others else []
    left = [name for name in signers if name not in {*test_signers, *validation_signers}]
    if not left or not validation_signers:
        raise ValueError(
            f"With {', '.join((*test_signers, *validation_signers))} held out for test and validation, no signer is "
            f"left for training: the clips have {len(signers)} signers. Hold fewer out, record at least 3 signers, or "
            "use a share of the training clips for validation: validation_share=0.2."
        )
    signer = clips["signer"].to_numpy()
    split = Split(*(np.flatnonzero(np.isin(signer, names)) for names in (left, validation_signers, test_signers)))
    check_split(clips, train=split.train, validation=split.validation, test=split.test)
    return split


def _validation_signer(clips: pd.DataFrame, names: list[str]) -> str:
    """Return the validation signer: the others must still show the signs. Of equal signers the first is returned."""
    signs = {name: set(rows) for name, rows in clips[clips["signer"].isin(names)].groupby("signer")["gloss"]}

    def coverage(name: str) -> tuple[int, int]:
        trained = set().union(*(signs[other] for other in names if other != name))
        return len(trained), len(trained & signs[name])

    return max(names, key=coverage)


def split_at_random(clips: pd.DataFrame, *, seed: int) -> Split:
    """Split clips at random, a fifth each for validation and test, with the same share of each gloss on every side.

    The same signers are on all sides, so the accuracy is signer-dependent: it measures how well a model knows *these*
    people. Many published notebooks split this way; notebook 03 shows what is wrong with it.

    Raises:
        ValueError: a gloss has too few clips for three sides.
    """
    from sklearn.model_selection import train_test_split

    rows, gloss = np.arange(len(clips)), clips["gloss"].to_numpy()
    try:
        rest, test = train_test_split(rows, test_size=0.2, random_state=seed, stratify=gloss)
        train, validation = train_test_split(rest, test_size=0.25, random_state=seed, stratify=gloss[rest])
    except ValueError as error:
        raise ValueError(f"These {len(clips)} clips cannot be split at random: {error}") from error
    return Split(np.sort(train), np.sort(validation), np.sort(test))


def _take_share(clips: pd.DataFrame, rows: np.ndarray, *, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the remaining rows and a share of `rows`, both sorted.

    The share is the same for each gloss, and within a gloss for each signer, up to rounding. Every gloss keeps a
    training clip.
    """
    if not 0 < share <= LARGEST_SHARE:
        raise ValueError(f"validation_share must be above 0 and at most {LARGEST_SHARE}; got {share:g}.")
    table = clips.iloc[rows][["gloss", "signer"]].astype(str).assign(row=rows)
    table = table[table.groupby("gloss")["row"].transform("size") > 1]
    rng = np.random.default_rng(seed)
    in_order = table.iloc[rng.permutation(len(table))].sort_values(["gloss", "signer"])["row"].to_numpy()
    # Systematic sampling: a clip is taken where the running sum of shares passes a whole number.
    marks = np.floor(np.arange(len(in_order) + 1) * share + rng.random())
    taken = np.sort(in_order[np.diff(marks) > 0])
    if not len(taken):
        raise ValueError(
            f"A share of {share:g} of these {len(rows)} clips is no clip. Use a larger validation_share, or "
            "validation_signers."
        )
    return np.setdiff1d(rows, taken), taken


def check_split(
    clips: pd.DataFrame, *, train: Sequence[int] | np.ndarray, test: Sequence[int] | np.ndarray,
    validation: Sequence[int] | np.ndarray = (), by: Sequence[str] = ("signer", "clip_id", "content"),
) -> None:  # fmt: skip
    """Check that no signer, clip or recording is on two sides of a split.

    Args:
        clips: a table with columns named in `by`.
        train, test, validation: row numbers.
        by: columns whose values may be on one side only; columns that the table lacks are skipped. A copy of a clip,
            augmented or not, keeps its clip_id and counts as that clip. The column `content` (a hash that the sets of
            features and pictures add) finds the same recording under two names.

    Raises:
        ValueError: a value is on two sides; the message names the value and the sides.
    """
    sides = {"train": train, "validation": validation, "test": test}
    for column in (name for name in by if name in clips.columns):
        values = clips[column].to_numpy()
        for (side, rows), (other_side, other_rows) in combinations(sides.items(), 2):
            both = set(values[np.asarray(rows, int)]) & set(values[np.asarray(other_rows, int)])
            if both:
                names = ", ".join(map(str, sorted(both)[:5])) + (" …" if len(both) > 5 else "")
                raise ValueError(
                    f"No {column} may be in both {side} and {other_side}; {len(both)} are: {names}. "
                    "A model that has seen them is not tested on anything new: split by signer."
                )
