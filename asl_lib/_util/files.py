"""Files that are either whole or not there."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

LARGEST_RATIO = 100
"""Unpacked bytes for one byte of archive. Videos reach 1.1, tables of text 10."""
UNSUSPICIOUS_BYTES = 10 << 20
"""Below this the ratio does not matter: no disk is filled by it."""
ABANDONED_AFTER_S = 24 * 3600


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, and rename it to `path` when the block ends well.

    A block that raises, is killed, or runs out of disk leaves no file under the final name, so a file that
    exists is a file that is complete.

    >>> with atomic_write("results/table.csv") as tmp:
    ...     table.to_csv(tmp)
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The extension stays last because some writers choose their format by it. The name is nobody else's:
    # processes on several machines may write to one folder, and their numbers may be the same.
    tmp = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:12]}.part{path.suffix}")
    try:
        yield tmp
        os.replace(tmp, path)
    finally:
        tmp.unlink(missing_ok=True)


def remove_abandoned(folder: str | Path) -> None:
    """Remove the tmp files that processes killed more than a day ago left in `folder`."""
    for path in Path(folder).glob(".*.part*"):
        try:
            if time.time() - path.stat().st_mtime > ABANDONED_AFTER_S:
                path.unlink()
        except FileNotFoundError:
            continue  # another process was faster


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    with atomic_write(path) as tmp:
        tmp.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Return what a JSON file says.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON, or one that is nested so deeply that no program of ours wrote it.
    """
    try:
        return json.loads(Path(path).read_bytes())
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def file_stamp(path: str | Path) -> list[int]:
    """Return size and time of a file, by which a later version of it is known: [0, 0] for one that is not there."""
    try:
        about = os.stat(path)
    except OSError:
        return [0, 0]
    return [about.st_size, about.st_mtime_ns]


def write_npy_header(file: Any, shape: tuple[int, ...], *, dtype: str = "<f4") -> None:
    """Write the header of a `.npy` file, of float32 unless told otherwise, for values that are written piece by piece.

    NumPy leaves room in it for the first axis to grow, so that it can be written again.
    """
    write_header: Any = np.lib.format.write_array_header_1_0
    write_header(file, {"descr": dtype, "fortran_order": False, "shape": shape})


def largest_unpacked(archive: str | Path) -> int:
    """Return how many bytes an archive may unpack to before it is taken for a decompression bomb."""
    return max(UNSUSPICIOUS_BYTES, LARGEST_RATIO * os.stat(archive).st_size)
