"""A table with what files of landmarks lack: the signer, the frame rate and the size of the picture."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from asl_lib._util.files import file_stamp
from asl_lib.data.dataset import read_list
from asl_lib.data.errors import DatasetError

TABLE = "signers.csv"
NUMBERS = ("fps", "width", "height")
LARGEST = 1e5
MOST_GAPS = 2
"""Most numbers per frame: with larger gaps, the numbers do not count frames."""
DEPTH = 4
"""How many folders above a clip its table may be."""


def table_of(path: Path) -> Path | None:
    """Return the nearest table above a clip's file or folder."""
    return next((folder / TABLE for folder in list(path.parents)[:DEPTH] if (folder / TABLE).is_file()), None)


def table_entries(path: Path) -> dict[str, str]:
    """Return the entries of the nearest table for a clip: those of signer, fps, width and height that it has.

    Each line's `path` is the path of a clip relative to the table, or a pattern of paths: `*`, `?` and `[0-9]` stand
    for any characters, one character and one digit. Later lines have precedence; an empty cell says nothing.

    Raises:
        DatasetError: the table cannot be read, or fps, width or height is not a number.
    """
    table, known = table_of(path), dict[str, str]()
    if table is not None:
        place = path.relative_to(table.parent).as_posix()
        for line in _lines(table, *file_stamp(table)):
            if line["path"] == place or fnmatchcase(place, line["path"]):
                known |= {name: text for name, text in line.items() if text}
        known.pop("path", None)
    return known


def rate_and_size(path: Path, *, assumed: tuple[float, int, int]) -> tuple[float, int, int]:
    """Return frames per second, width and height (px) of a clip; `assumed` where the nearest table has no entry."""
    known = table_entries(path)
    fps, width, height = (float(known.get(name, value)) for name, value in zip(NUMBERS, assumed, strict=True))
    return fps, max(1, round(width)), max(1, round(height))


@lru_cache(maxsize=8)
def _lines(table: Path, *stamp: int) -> list[dict[str, str]]:
    """Return the lines of a table, read again when its stamp is another one."""
    lines = [
        {name: text.strip() for name, text in line.items()} for line in read_list(table, ["path"]).to_dict("records")
    ]
    for number, line in enumerate(lines, start=2):
        for name in NUMBERS:
            text = line.get(name, "")
            digits = text.replace(".", "", 1)
            if text and not (digits.isascii() and digits.isdigit() and 0 < float(text) <= LARGEST):
                raise DatasetError(f"{table}, line {number}: '{name}' must be a number above 0; got '{text[:100]}'.")
    return lines


def frame_numbers(names: Iterable[str]) -> dict[int, str]:
    """Return number -> name of the frames of one clip, in order of the numbers: 0, 1, 2, 10 and not 0, 1, 10, 2.

    Raises:
        ValueError: there is no name, one has no number, two have the same, or the gaps are too large.
    """
    numbers: dict[int, str] = {}
    for name in names:
        digits = re.findall(r"[0-9]+", Path(name).stem)
        if not digits or numbers.setdefault(int(digits[-1]), name) != name:
            raise ValueError(f"frames must have different numbers as names, like 0.npy and 1.npy; got {name}")
    if not numbers:
        raise ValueError("it holds no frame")
    first, last = min(numbers), max(numbers)
    if last - first >= MOST_GAPS * len(numbers):
        raise ValueError(f"its {len(numbers)} frames are numbered {first} to {last}: number them one by one")
    return dict(sorted(numbers.items()))


def missing_frames(names: Iterable[str]) -> list[int]:
    """Return the numbers between the first and the last frame of a clip that no frame has; none if names are wrong."""
    try:
        numbers = frame_numbers(names)
    except ValueError:
        return []
    return [number for number in range(min(numbers), max(numbers)) if number not in numbers]
