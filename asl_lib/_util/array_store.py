"""Many arrays of one shape in one file: filled in parallel, stopped at any moment, never read twice from its source."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from asl_lib._util.arrays import map_npy
from asl_lib._util.files import write_npy_header

STORE_VERSION = 1


class StoredRows:
    """Some rows of an array that is mapped from a file, in an order of their own: only what is asked for is read."""

    def __init__(self, values: np.ndarray, rows: np.ndarray) -> None:
        self._values, self._rows = values, rows
        self.shape = (len(rows), *values.shape[1:])
        self.dtype = values.dtype

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> np.ndarray:
        """Return one array, or a copy of several: `index` is a number, a slice or an array of numbers."""
        return np.asarray(self._values[self._rows[index]])


class ArrayStore:
    """A `.npy` file of arrays, one a clip, and a journal beside it that says which clip is in which row.

    A row is written first and entered into the journal when it is whole, so a process that is killed loses only the
    rows in work. Rows are never overwritten: a clip that has changed gets a new one, and who still reads the old one
    is not disturbed. (To get the space of old rows back, delete both files.)

    Args:
        path: the `.npy` file; the journal has the same name with `.jsonl`.
        shape: of one array.
        dtype: NumPy's short name of the type, such as "|u1".
    """

    def __init__(self, path: str | Path, *, shape: Sequence[int], dtype: str = "|u1") -> None:
        self.path, self.shape, self.dtype = Path(path), tuple(shape), dtype
        self.journal = self.path.with_suffix(".jsonl")

    def fill(
        self,
        stamps: Mapping[str, Any],
        make: Callable[[dict[str, int]], Iterable[tuple[str, str, bool]]],
    ) -> StoredRows:
        """Return the arrays of some clips, after making those that are missing or have changed.

        Processes that want the same file wait for each other.

        Args:
            stamps: clip_id -> what its array was made from, as JSON can tell it; an array with another stamp is made
                again.
            make: is given the row of each clip to make, writes the rows with `write_row`, and yields for each, in any
                order: clip_id; "", or the reason why there is none; and whether to try again next time.

        Raises:
            OSError: the folder cannot be written.
        """
        with self._locked():
            entries = self._read_journal()
            stale = [id for id, stamp in stamps.items() if entries.get(id, {"stamp": None})["stamp"] != stamp]
            if stale:
                first = 1 + max((entry["row"] for entry in entries.values()), default=-1)
                rows = {clip_id: first + number for number, clip_id in enumerate(stale)}
                self._make_room(first + len(stale))
                with self.journal.open("a", encoding="utf-8") as journal:
                    for clip_id, reason, again in make(rows):
                        row = -1 if reason else rows[clip_id]
                        stamp = None if again else stamps[clip_id]
                        entry = {"clip_id": clip_id, "stamp": stamp, "row": row, "reason": reason}
                        journal.write(json.dumps(entry) + "\n")
                        journal.flush()
        return self.read(stamps)

    def read(self, clip_ids: Iterable[str]) -> StoredRows:
        """Return the arrays of those clips that have one, in the order asked for."""
        entries = self._read_journal()
        rows = [entries[clip_id]["row"] for clip_id in clip_ids if clip_id in entries]
        rows = [row for row in rows if row >= 0]
        if not rows:
            return StoredRows(np.empty((0, *self.shape), self.dtype), np.empty(0, int))
        return StoredRows(map_npy(self.path), np.array(rows))

    def reasons(self, clip_ids: Iterable[str]) -> dict[str, str]:
        """Return why some of these clips have no array."""
        entries = self._read_journal()
        return {id: entries[id]["reason"] for id in clip_ids if id in entries and entries[id]["reason"]}

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock

        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_suffix(".lock")):
            yield

    def _read_journal(self) -> dict[str, dict[str, Any]]:
        """Return the last entry of each clip; none where the file is missing, of another form, or shorter than told."""
        try:
            values = map_npy(self.path)
            if values.dtype != np.dtype(self.dtype):
                return {}
            lines = self.journal.read_text(encoding="utf-8").split("\n")
            about = json.loads(lines[0])
        except (OSError, ValueError, EOFError):
            return {}
        if about != self._about() or values.shape[1:] != self.shape:
            return {}
        entries = {}
        for line in lines[1:-1]:  # what follows the last line's end was being written when the process was killed
            try:
                entry = json.loads(line)
                if -1 <= entry["row"] < len(values) and {"stamp", "reason"} <= entry.keys():
                    entries[entry["clip_id"]] = entry
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
        return entries

    def _make_room(self, rows: int) -> None:
        """Let the file hold so many rows; the system gives it disk space as rows are written."""
        if not self._read_journal() and not self._is_begun():
            self.path.unlink(missing_ok=True)
            self.path.touch()
            self.journal.write_text(json.dumps(self._about()) + "\n", encoding="utf-8")
        elif not self.journal.read_bytes().endswith(b"\n"):
            with self.journal.open("a", encoding="utf-8") as journal:
                journal.write("\n")  # ends the half line of a killed process
        with self.path.open("r+b") as file:
            write_npy_header(file, (rows, *self.shape), dtype=self.dtype)
            file.truncate(file.tell() + rows * self._bytes())

    def _is_begun(self) -> bool:
        """Say whether both files are there and of this form, if without entries."""
        try:
            head = self.journal.read_text(encoding="utf-8").split("\n", 1)[0]
            return bool(json.loads(head) == self._about()) and self.path.is_file()
        except (OSError, ValueError):
            return False

    def _about(self) -> dict[str, Any]:
        return {"version": STORE_VERSION, "shape": list(self.shape), "dtype": self.dtype}

    def _bytes(self) -> int:
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


def write_row(path: str | Path, row: int, values: np.ndarray) -> None:
    """Write one array into a row of the store's file; processes may write different rows at the same time.

    Writing, not mapping: on a full disk this is an error that can be told, and not the end of the process.
    """
    formats: Any = np.lib.format
    with open(path, "r+b") as file:
        formats.read_magic(file)
        shape, _, dtype = formats.read_array_header_1_0(file)
        if values.shape != shape[1:]:
            raise ValueError(f"An array of {path} must have shape {shape[1:]}; got {values.shape}.")
        content = np.ascontiguousarray(values, dtype)
        file.seek(row * content.nbytes, 1)
        file.write(content.tobytes())
