"""Arrays of clips, kept on disk: made once, in parallel, stopped at any moment, read without being copied."""

from __future__ import annotations

import contextlib
import json
import mmap
import re
import time
import tokenize
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
from filelock import FileLock

from asl_lib._util.files import ABANDONED_AFTER_S, atomic_write, write_npy_header

CACHE_VERSION = 2
POLL_S = 0.005
Entry = dict[str, Any]
"""A line of the journal: clip_id, stamp, rows ([first, stop]) and about (other facts of the clip)."""


class ArrayCache:
    """Arrays of one row shape, some rows a clip, in one `.npy` file with a journal of whose rows are where.

    A clip's rows are written first and entered into the journal when they are whole: a process that is killed loses
    only the clips in work. Rows are never overwritten: a clip that has changed gets new ones, and readers of the
    old ones are not disturbed. The journal names its file of values, whose name is never used twice: values and
    journal of different origin cannot meet.

    Args:
        path: the journal, `<name>.jsonl`; its values are in `<name>-<12 hex digits>.npy` beside it.
        shape: of one row.
        dtype: NumPy's short name of the type, such as "|u1".
    """

    def __init__(self, path: str | Path, *, shape: Sequence[int], dtype: str = "|u1") -> None:
        self.path, self.shape, self.dtype = Path(path), tuple(shape), np.dtype(dtype).str

    def fill(
        self,
        stamps: Mapping[str, Any],
        make: Callable[[list[str]], Iterable[tuple[str, Sequence[int] | None, Mapping[str, Any]]]],
    ) -> CachedArrays:
        """Return the arrays of some clips, after making those that are missing or have changed.

        Processes that want to fill the same file wait for each other.

        Args:
            stamps: clip_id -> a JSON value that changes with the source of its array; an array with another stamp is
                made again.
            make: called with the clips to make; writes each array with `append`, and yields, in any order: clip_id;
                the rows, as `append` returns them, or None where there is no array; and a JSON object of other facts,
                where there is no array a "reason", and "retry" if the next call should try again.

        Raises:
            OSError: the folder cannot be written.
        """
        values, entries = self._read()
        if self._stale(entries, stamps):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock")):
                values, entries = self._read()  # another process may have been faster
                if stale := self._stale(entries, stamps):
                    in_use = sum(entry["rows"][1] - entry["rows"][0] for entry in entries.values())
                    if not entries or len(values) > 2 * in_use:
                        self._begin(values, entries)
                    with self.path.open("a", encoding="utf-8") as journal:
                        journal.write("\n")  # ends the half line of a killed process
                        for clip_id, rows, about in make(stale):
                            stamp = None if about.get("retry") else stamps[clip_id]
                            entry = {"clip_id": clip_id, "stamp": stamp, "rows": list(rows or (0, 0)), "about": about}
                            journal.write(json.dumps(entry) + "\n")
                            journal.flush()
                    values, entries = self._read()
        return CachedArrays(values, {clip_id: entries[clip_id] for clip_id in stamps if clip_id in entries})

    def append(self, rows: np.ndarray) -> tuple[int, int]:
        """Write the rows of one clip behind the others, and return the first and the one to stop before.

        For the function that `fill` calls, in any of its processes. Written and not mapped: on a full disk this is an
        error, and not the end of the process.
        """
        if rows.shape[1:] != self.shape:
            raise ValueError(f"A row of {self.path} must have shape {self.shape}; got {rows.shape[1:]}.")
        one_at_a_time = FileLock(self.path.with_suffix(".rows.lock"), poll_interval=POLL_S)
        with one_at_a_time, self._values_path().open("r+b") as file:
            formats: Any = np.lib.format
            formats.read_magic(file)
            first = formats.read_array_header_1_0(file)[0][0]
            file.seek(first * self._row_bytes(), 1)
            file.write(np.ascontiguousarray(rows, self.dtype).tobytes())
            file.flush()  # before the header, which counts whole rows only
            self._write_header(file, first + len(rows))
        return first, first + len(rows)

    def _begin(self, values: np.ndarray, entries: Mapping[str, Entry]) -> None:
        """Start a new file of values, with the arrays that are still in use, and then the journal that names it."""
        target = self.path.with_name(f"{self.path.stem}-{uuid.uuid4().hex[:12]}.npy")
        lines, count = [{**self._form(), "file": target.name}], 0
        with target.open("wb") as file:
            self._write_header(file, 0)
            for clip_id, entry in entries.items():
                rows = values[slice(*entry["rows"])]
                file.write(rows.tobytes())
                lines.append({**entry, "clip_id": clip_id, "rows": [count, count + len(rows)]})
                count += len(rows)
            self._write_header(file, count)
        with atomic_write(self.path) as tmp:
            tmp.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        self._remove_unused()

    def _read(self) -> tuple[np.ndarray, dict[str, Entry]]:
        """Return all rows, mapped, and the last entry of each clip; none if a file is missing, damaged or foreign."""
        try:
            lines = self.path.read_text(encoding="utf-8").split("\n")
            values = map_npy(self._values_path(lines[0]))
            if values.dtype.str != self.dtype or values.shape[1:] != self.shape:
                raise ValueError("the values are of another form")
        except (OSError, ValueError):
            return np.empty((0, *self.shape), self.dtype), {}
        entries: dict[str, Entry] = {}
        for line in lines[1:]:
            # A line that cannot be read was being written when the process was killed.
            with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
                entry = json.loads(line)
                first, stop = entry["rows"]
                if 0 <= first <= stop <= len(values) and "stamp" in entry and isinstance(entry["about"], dict):
                    entries[entry["clip_id"]] = entry
        return values, entries

    @staticmethod
    def _stale(entries: Mapping[str, Entry], stamps: Mapping[str, Any]) -> list[str]:
        known = {clip_id: entry["stamp"] for clip_id, entry in entries.items()}
        return [clip_id for clip_id, stamp in stamps.items() if known.get(clip_id) != stamp]

    def _values_path(self, head: str = "") -> Path:
        """Return the file of values that the journal names in its first line, `head`.

        Raises:
            ValueError: the journal is damaged, or of another form.
        """
        if not head:
            with self.path.open(encoding="utf-8") as journal:
                head = journal.readline()
        about = json.loads(head)
        name = about.pop("file", "") if isinstance(about, dict) else ""
        if about != self._form() or not re.fullmatch(re.escape(self.path.stem) + r"-[0-9a-f]{12}\.npy", str(name)):
            raise ValueError(f"{self.path} is the journal of another cache")
        return self.path.with_name(name)

    def _form(self) -> dict[str, Any]:
        return {"version": CACHE_VERSION, "shape": list(self.shape), "dtype": self.dtype}

    def _row_bytes(self) -> int:
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize

    def _write_header(self, file: IO[bytes], rows: int) -> None:
        file.seek(0)
        write_npy_header(file, (rows, *self.shape), dtype=self.dtype)

    def _remove_unused(self) -> None:
        """Remove values that no journal in the folder names: those just replaced, and those of killed processes."""
        named, ours = set(), re.escape(self.path.stem)
        for journal in self.path.parent.glob("*.jsonl"):
            with contextlib.suppress(OSError, ValueError, AttributeError), journal.open(encoding="utf-8") as file:
                named.add(json.loads(file.readline()).get("file"))
        for path in self.path.parent.glob("*.npy"):
            # Windows does not remove a file that is open: the next call will.
            with contextlib.suppress(OSError):
                old = time.time() - path.stat().st_mtime > ABANDONED_AFTER_S
                # In version 1 the name had no digits.
                pattern = r".*-[0-9a-f]{12}" if old else rf"{ours}(-[0-9a-f]{{12}})?"
                if path.name not in named and re.fullmatch(pattern, path.stem):
                    path.unlink()


class CachedArrays(Mapping[str, np.ndarray]):
    """The arrays of the clips that were asked for, in that order: `arrays[clip_id]`, mapped from the file.

    Attributes:
        about: clip_id -> the other facts of each clip that has an array.
        reasons: clip_id -> why the clip has no array, for the others.
    """

    def __init__(self, values: np.ndarray, entries: Mapping[str, Entry]) -> None:
        self._values = values
        self.reasons = {id: entry["about"]["reason"] for id, entry in entries.items() if "reason" in entry["about"]}
        self.about = {id: entry["about"] for id, entry in entries.items() if id not in self.reasons}
        self._rows = {id: slice(*entries[id]["rows"]) for id in self.about}

    def __getitem__(self, clip_id: str) -> np.ndarray:
        return self._values[self._rows[clip_id]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self) -> Any:
        """Return the rows of all clips one after the other: mapped where they lie so, else `Rows` that look like it."""
        rows = list(self._rows.values())
        if all(one.stop == other.start for one, other in pairwise(rows)):
            return self._values[rows[0].start : rows[-1].stop] if rows else self._values[:0]
        return Rows(self._values, np.concatenate([np.arange(one.start, one.stop) for one in rows]))

    def release(self) -> None:
        """Release the memory that reading has taken; values are mapped again when they are used."""
        mapped = getattr(self._values, "_mmap", None)
        # Windows has no such advice, and takes the memory back by itself when it needs it.
        if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)


class Rows:
    """Some rows of a mapped array, in any order: an index reads those rows only."""

    def __init__(self, values: np.ndarray, rows: np.ndarray) -> None:
        self._values, self._rows = values, rows
        self.shape = (len(rows), *values.shape[1:])
        self.dtype = values.dtype

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> np.ndarray:
        """Return one row, or a copy of several: `index` is a number, a slice or an array of numbers."""
        return np.asarray(self._values[self._rows[index]])


def map_npy(path: str | Path) -> np.ndarray:
    """Return the array of a `.npy` file, mapped: only what is used is read.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no `.npy`, is damaged, or shorter than its header says.
    """
    try:
        return np.asanyarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (EOFError, SyntaxError, TypeError, OverflowError, tokenize.TokenError, MemoryError) as error:
        raise ValueError(f"its header is damaged: {error}") from error
