"""The clips table: one row per recorded sign, with the same columns for every data set."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import pandas as pd

from asl_lib._util.files import atomic_write
from asl_lib.data.errors import DatasetError
from asl_lib.data.names import LONGEST_NAME_BYTES, clean_name, in_two_cases, is_plain_name, unique_ids

COLUMNS = ("clip_id", "path", "gloss", "signer", "split", "start", "end", "box")
REQUIRED = ("clip_id", "path", "gloss", "signer")
DEFAULTS: dict[str, object] = {"split": "", "start": 0, "end": -1, "box": ""}
SPLITS = ("", "train", "validation", "test")
LAST_FRAME = 1e9

Clip = Mapping[str, Any] | pd.Series
"""One row of the clips table, by column. Prefer dicts: access to a pandas row takes 30 times as long."""


def make_clips(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Return a checked clips table from rows.

    Args:
        rows: one dict per clip with clip_id, path (relative to the data set's folder), gloss, signer and optionally
            split (the data set's official one: "train", "validation" or "test"), start (first frame), end (the frame
            after the last; -1 for the end of the video) and box ("left top right bottom" in px).

    Raises:
        DatasetError: a path leaves the folder, or the table is invalid, as in `check_clips`.
    """
    for row in rows:
        path = str(row.get("path", ""))
        windows = PureWindowsPath(path)
        if windows.drive or windows.root or ".." in windows.parts or "\0" in path:
            raise DatasetError(f"A clip's path must stay in its data set's folder; got {path[:200]!r}. Fix the list.")
    table = pd.DataFrame([{**DEFAULTS, **row} for row in rows])
    if {"clip_id", "path"} <= set(table.columns):
        ids = table["clip_id"].astype(object).where(table["clip_id"].notna(), "").astype(str)
        table["clip_id"] = unique_ids(ids.tolist(), table["path"].astype(str).tolist())
    return check_clips(table, source="The clips table")


def write_clips(table: pd.DataFrame, path: str | Path) -> None:
    """Check a clips table and write it as CSV, whole or not at all."""
    with atomic_write(path) as tmp:
        check_clips(table, source=str(path)).to_csv(tmp, index=False, lineterminator="\n")


def read_clips(path: str | Path) -> pd.DataFrame:
    """Read and check a clips table.

    Raises:
        DatasetError: the file is missing or is not a CSV table, or the table is invalid, as in `check_clips`.
    """
    path = Path(path)
    if not path.is_file():
        raise DatasetError(f"There is no clips table {path}. Run notebook 01 first.")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except (ValueError, OverflowError) as error:  # pandas's own errors are ValueErrors
        raise DatasetError(f"{path} is not a CSV table: {error}. Run notebook 01 again, or fix the file.") from error
    return check_clips(table, source=str(path))


def check_clips(table: pd.DataFrame, *, source: str) -> pd.DataFrame:
    """Return a copy of `table` with all columns, in order and of the right types.

    Raises:
        DatasetError: there is no row, a column is missing, a value is empty or invalid, or two clips have the same id.
    """
    for column in REQUIRED:
        if column not in table.columns:
            raise DatasetError(
                f"{source} has no column '{column}' (found: {', '.join(map(str, table.columns)) or 'none'}). "
                "A clips table needs clip_id, path, gloss and signer; see docs/datasets/README.md."
            )
    if table.empty:
        raise DatasetError(f"{source} must hold at least one clip; it has none.")
    clips = table.copy().reset_index(drop=True)
    for column, default in DEFAULTS.items():
        if column not in clips.columns:
            clips[column] = default
    for column in (*REQUIRED, "split", "box"):
        clips[column] = clips[column].astype(object).where(clips[column].notna(), "").astype(str)
    for column in ("gloss", "signer"):
        clips[column] = clips[column].map({name: clean_name(name) for name in clips[column].unique()})
    for column in REQUIRED:
        if (empty := clips.index[clips[column].str.strip() == ""]).size:
            raise DatasetError(f"{source}, line {empty[0] + 2}: '{column}' must not be empty.")
    if (duplicate := clips["clip_id"][clips["clip_id"].duplicated()]).size:
        raise DatasetError(f"{source} must give every clip its own clip_id; '{duplicate.iloc[0]}' occurs twice.")
    for column in ("clip_id", "signer"):
        for name in clips[column].unique():
            if not is_plain_name(name):
                raise DatasetError(
                    f"{source}: '{column}' becomes part of a file's name, so it must not hold '/', '\\' or a control "
                    f"character, begin with '.', or be longer than {LONGEST_NAME_BYTES} bytes; got {name[:200]!r}."
                )
    if (unknown := clips["split"][~clips["split"].isin(SPLITS)]).size:
        raise DatasetError(f"{source}: split must be empty, train, validation or test; got '{unknown.iloc[0]}'.")
    for column in ("start", "end"):
        numbers = pd.to_numeric(clips[column], errors="coerce").astype(float)
        if (bad := clips[column][~(numbers.abs() <= LAST_FRAME) | (numbers % 1 != 0)]).size:
            raise DatasetError(f"{source}: '{column}' must be a frame number; got '{bad.iloc[0]}'.")
        clips[column] = numbers.astype(int)
    for text in clips["box"][clips["box"] != ""].unique():
        parse_box(text, source=source)
    return clips[list(COLUMNS)]


def parse_box(text: str, *, source: str = "A clip's box") -> tuple[int, int, int, int] | None:
    """Return (left, top, right, bottom) in px from "left top right bottom", or None for an empty text.

    Raises:
        DatasetError: the text has another form, or the box is empty.
    """
    if not text:
        return None
    numbers = text.split()
    if len(numbers) == 4 and all(number.isdecimal() and len(number) <= 9 for number in numbers):
        left, top, right, bottom = map(int, numbers)
        if left < right and top < bottom:
            return left, top, right, bottom
    raise DatasetError(f"{source}: box must be empty or four numbers, 'left top right bottom' in px; got '{text}'.")


def sample_clips(table: pd.DataFrame, *, per_sign: int, seed: int) -> pd.DataFrame:
    """Return at most `per_sign` clips of each sign, drawn without replacement; all of them for 0.

    The parts of an official split keep their shares.
    """
    if not per_sign:
        return table
    rng = np.random.default_rng(seed)
    chosen: list[int] = []
    for _, sign in table.groupby("gloss", sort=True):
        # Each shuffled clip is placed by its rank within its part of the split: the first ones keep the shares.
        order = sign.iloc[rng.permutation(len(sign))]
        rank = order.groupby("split").cumcount() / order.groupby("split")["split"].transform("size")
        chosen += order.index[np.argsort(rank.to_numpy(), kind="stable")][:per_sign].tolist()
    return table.loc[sorted(chosen)].reset_index(drop=True)


def select_clips(
    table: pd.DataFrame, *, signs: list[str] | None = None, signers: list[str] | None = None
) -> pd.DataFrame:
    """Return the clips of these signs and signers; an empty or missing list selects all.

    Raises:
        DatasetError: a sign or signer is not in the table (the message lists those that are), or no clip is left.
    """
    chosen = table
    for column, wanted in (("gloss", signs), ("signer", signers)):
        present, names = set(table[column]), [clean_name(name) for name in wanted or []]
        for name in names:
            if name not in present:
                raise DatasetError(f"There is no {column} '{name}' in the clips table. It has: {_first(present)}.")
        if names:
            chosen = chosen[chosen[column].isin(names)]
    if chosen.empty:
        raise DatasetError("No clip is left: none of the chosen signers signs one of the chosen signs.")
    return chosen.reset_index(drop=True)


def similar_names(table: pd.DataFrame) -> list[str]:
    """Return a sentence about the glosses, and one about the signers, that differ only in upper and lower case."""
    names = {"glosses": in_two_cases(table["gloss"].unique()), "signers": in_two_cases(table["signer"].unique())}
    return [
        f"These {what} differ only in upper and lower case: {_first(found)}. They count as different, and "
        "clips of one person or sign would be on both sides of a split: rename the folders if they are the same."
        for what, found in names.items()
        if found
    ]


def missing_files(table: pd.DataFrame, folder: str | Path) -> pd.DataFrame:
    """Return the rows whose file does not exist under `folder`."""
    folder = Path(folder)
    return table[[not (folder / path).exists() for path in table["path"]]].reset_index(drop=True)


def _first(names: Collection[str], *, most: int = 40) -> str:
    shown = sorted(names)[:most]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")
