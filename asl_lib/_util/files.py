"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import json
import lzma
import math
import os
import time
import tokenize
import uuid
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

LARGEST_RATIO = 100
"""Unpacked bytes for one byte of a file. Videos reach 1.1, tables of text 10, landmarks 3 to 10."""
UNSUSPICIOUS_BYTES = 10 << 20
"""Below this the ratio does not matter: no disk is filled by it."""
ABANDONED_AFTER_S = 24 * 3600
HARMLESS_BYTES = 256 << 20
"""Below this the ratio does not matter: every machine that runs the course has that much memory."""
NPZ_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, tokenize.TokenError, EOFError, KeyError, MemoryError,
              NotImplementedError, OverflowError, RuntimeError, SyntaxError, TypeError)  # fmt: skip
"""What zipfile and NumPy raise where a file is damaged, besides ValueError."""


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, and rename it to `path` when the block ends well.

    A block that raises, is killed, or runs out of disk leaves no file under the final name, so a file that
    exists is a file that is complete.

    >>> with atomic_write("results/table.csv") as tmp:
    ...     table.to_csv(tmp)
    """
    path = Path(path)
    tmp = _beside(path)
    try:
        yield tmp
        os.replace(tmp, path)
    finally:
        tmp.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    """Return a temporary path beside `path`, whose folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The extension stays last because some writers choose their format by it. The name is unique, not a
    # process number: processes on several machines may write to one folder.
    return path.with_name(f".{path.stem}.{uuid.uuid4().hex[:12]}.part{path.suffix}")


def try_to_write(path: str | Path) -> None:
    """Check that a file can be written under a name, before the work for it is done.

    Raises:
        OSError: it cannot.
    """
    if Path(path).is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    tmp = _beside(Path(path))
    tmp.touch()
    tmp.unlink()


def is_same_file(one: str | Path, other: str | Path) -> bool:
    """Return whether two paths lead to one file, through links, too."""
    # An address is no path, and may be too long for one: `os.path` says no, where `Path` raises.
    return os.path.isfile(one) and os.path.isfile(other) and os.path.samefile(one, other)


def remove_abandoned(folder: str | Path) -> None:
    """Remove temporary files in `folder` that are more than a day old: their processes were killed."""
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
    """Return the content of a JSON file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON, or is nested too deeply for Python's parser.
    """
    try:
        return json.loads(Path(path).read_bytes())
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def file_stamp(path: str | Path) -> list[int]:
    """Return size and modification time (ns) of a file, which tell its versions apart; [0, 0] if there is none.

    Of a folder: the sum over its files, and the latest.
    """
    try:
        files = [entry.stat() for entry in os.scandir(path)] if os.path.isdir(path) else []
        about = [os.stat(path), *files]
    except OSError:
        return [0, 0]
    return [sum(one.st_size for one in files or about), max(one.st_mtime_ns for one in about)]


def read_npz(path: str | Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return some arrays of an `.npz` file; the others are not looked at.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no `.npz`, is damaged, lacks an array, holds pickled objects, or unpacks to far more than
            its size.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            _check_npz(archive, names, limit=max(HARMLESS_BYTES, LARGEST_RATIO * path.stat().st_size))
        with np.load(path, allow_pickle=False) as arrays:
            return {name: np.asarray(arrays[name]) for name in names}
    except NPZ_DAMAGE as error:
        raise ValueError(f"it is damaged: {str(error)[:200] or type(error).__name__}") from error


def _check_npz(archive: zipfile.ZipFile, names: Sequence[str], *, limit: int) -> None:
    """Raise ValueError if arrays of an `.npz` file are missing, or larger than `limit` bytes together.

    NumPy allocates the size that a header claims before it reads a byte.
    """
    formats: Any = np.lib.format
    read_header = {(1, 0): formats.read_array_header_1_0, (2, 0): formats.read_array_header_2_0}
    for name in names:
        if f"{name}.npy" not in archive.namelist():
            raise ValueError(f"it has no array '{name}'")
        with archive.open(f"{name}.npy") as member:
            shape, _, dtype = read_header[formats.read_magic(member)](member)
        claimed, unpacked = math.prod(shape) * dtype.itemsize, archive.getinfo(f"{name}.npy").file_size
        limit -= unpacked
        if min(shape, default=0) < 0 or limit < 0 or (claimed > unpacked and not dtype.hasobject):
            raise ValueError(f"an array of shape {shape} is more than the file can hold")


def write_npy_header(file: Any, shape: tuple[int, ...], *, dtype: str = "<f4") -> None:
    """Write the header of a `.npy` file for values that are written piece by piece.

    NumPy leaves room in it for the first axis to grow, which lets it be written again.
    """
    write_header: Any = np.lib.format.write_array_header_1_0
    write_header(file, {"descr": dtype, "fortran_order": False, "shape": shape})


def largest_unpacked(archive: str | Path) -> int:
    """Return how many bytes an archive may unpack to before it is taken for a decompression bomb."""
    return max(UNSUSPICIOUS_BYTES, LARGEST_RATIO * os.stat(archive).st_size)
