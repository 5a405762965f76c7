"""A table with what files of landmarks lack: the signer, the frame rate and the size of the picture."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from pathlib import Path

from asl_lib._util.files import file_stamp
from asl_lib.data.dataset import check_columns, read_list
from asl_lib.data.errors import DatasetError

TABLE = "signers.csv"
NUMBERS = ("fps", "width", "height")
COLUMNS = ("path", "signer", *NUMBERS)
LARGEST = 1e5
MOST_GAPS = 2
"""Most numbers per frame: with larger gaps, the numbers do not count frames."""
DEPTH = 4
"""How many folders above a clip its table may be."""


@dataclass(frozen=True)
class Line:
    """A line of a table.

    Attributes:
        number: its number in the file, whose first line is 1.
        path: the path or pattern of paths as it is written.
        matcher: matches the normal form of the paths of its clips.
        entries: signer, fps, width and height, as far as it has them.
    """

    number: int
    path: str
    matcher: re.Pattern[str]
    entries: dict[str, str]


def table_of(path: Path) -> Path | None:
    """Return the nearest table above a clip's file or folder."""
    return next((folder / TABLE for folder in list(path.parents)[:DEPTH] if (folder / TABLE).is_file()), None)


def table_entries(path: Path) -> dict[str, str]:
    """Return the entries of the nearest table for a clip: those of signer, fps, width and height that it has.

    Each line's `path` is the path of a clip relative to the table, or a pattern of paths: `*`, `?` and `[0-9]` stand
    for any characters, one character and one digit. The path of a folder stands for all clips in it. Upper and lower
    case differ; both kinds of slashes, and both forms of a letter with an accent, are the same. Later lines have
    precedence; an empty cell says nothing.

    Raises:
        DatasetError: the table cannot be read, or fps, width or height is not a number.
    """
    table, known = table_of(path), dict[str, str]()
    if table is not None:
        place = _normal(path.relative_to(table.parent).as_posix())
        for line in _read(table, *file_stamp(table))[0]:
            if line.matcher.match(place):
                known |= line.entries
    return known


def table_notes(table: Path, clips: Iterable[Path]) -> list[str]:
    """Return sentences about the parts of a table without any effect: its unknown columns, and lines without a clip.

    Args:
        table: the table.
        clips: the paths of the clips for which it is the nearest table.

    Raises:
        DatasetError: as `table_entries`.
    """
    lines, unknown = _read(table, *file_stamp(table))
    places = [_normal(path.relative_to(table.parent).as_posix()) for path in clips]
    unused = [line for line in lines if not any(map(line.matcher.match, places))]
    notes = []
    if unknown:
        notes.append(
            f"{table} has columns that nothing reads: {', '.join(unknown)}. Its columns may be {', '.join(COLUMNS)}."
        )
    if unused:
        named = ", ".join(f"line {line.number} '{line.path[:100]}'" for line in unused)
        notes.append(
            f"{table} has lines that match no clip: {named}. Correct them, or their clips keep another line's signer: "
            "paths begin at the table's folder, and upper and lower case must be those of the folders."
        )
    return notes


def rate_and_size(path: Path, *, assumed: tuple[float, int, int]) -> tuple[float, int, int]:
    """Return frames per second, width and height (px) of a clip; `assumed` where the nearest table has no entry."""
    known = table_entries(path)
    fps, width, height = (float(known.get(name, value)) for name, value in zip(NUMBERS, assumed, strict=True))
    return fps, max(1, round(width)), max(1, round(height))


@lru_cache(maxsize=8)
def _read(table: Path, *stamp: int) -> tuple[list[Line], list[str]]:
    """Return the lines of a table and its unknown columns that have values, read again when its stamp is another."""
    cells = read_list(table, []).map(str.strip)
    written = [str(name).strip() for name in cells.columns]
    cells.columns = [name.casefold() for name in written]
    check_columns(cells, ["path"], table)
    if twice := cells.columns[cells.columns.duplicated()].tolist():
        raise DatasetError(f"{table} has two columns '{twice[0]}'. Keep one of them.")
    unknown = [name for name in written if name.casefold() not in COLUMNS and cells[name.casefold()].astype(bool).any()]
    with table.open(encoding="utf-8-sig", newline="") as file:
        # pandas skips empty lines, so that its rows do not count lines.
        numbers = [number for number, text in enumerate(file, start=1) if text.strip(" \t\r\n")][1:]
    lines = []
    for number, row in zip(numbers, cells.to_dict("records"), strict=False):  # a line break in a cell makes more lines
        for name in NUMBERS:
            text = row.get(name, "")
            digits = text.replace(".", "", 1)
            if text and not (digits.isascii() and digits.isdigit() and 0 < float(text) <= LARGEST):
                raise DatasetError(f"{table}, line {number}: '{name}' must be a number above 0; got '{text[:100]}'.")
        entries = {name: row[name] for name in COLUMNS[1:] if row.get(name)}
        lines.append(Line(number, row["path"], _matcher(row["path"]), entries))
    return lines, unknown


def _matcher(path: str) -> re.Pattern[str]:
    """Return what matches the normal form of a path, of all paths in it, and of those that it is a pattern of."""
    normal = _normal(path)
    pattern = f"{normal}/*" if path.endswith(("/", "\\")) else normal
    return re.compile(rf"(?s:{re.escape(normal)}(/.*)?)\Z|{translate(pattern)}")


def _normal(path: str) -> str:
    """Return a path with composed letters (macOS stores some names decomposed), plain slashes, and without "./"."""
    return posixpath.normpath(unicodedata.normalize("NFC", path).replace("\\", "/"))


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
