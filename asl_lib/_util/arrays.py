"""Arrays from files that nobody has checked: numbers and text, and no more of them than there are."""

from __future__ import annotations

import lzma
import math
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

HARMLESS_BYTES = 256 << 20
"""Below this the ratio does not matter: any machine that runs the course has so much memory."""
LARGEST_RATIO = 100
"""Bytes of an array for one byte of file. Landmarks reach 3, with every hand missing 10."""
CHUNK_BYTES = 1 << 20


def read_npz(path: str | Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Return some arrays of an `.npz` file; the others are not looked at.

    NumPy makes room for whatever a header claims before it reads a byte, and raises a dozen classes of errors.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no `.npz`, is damaged, lacks an array, holds pickled objects, or claims more than it can hold.
    """
    path = Path(path)
    limit = max(HARMLESS_BYTES, LARGEST_RATIO * path.stat().st_size)
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for name in names:
                if f"{name}.npy" not in archive.namelist():
                    raise ValueError(f"it has no array '{name}'")
                with archive.open(f"{name}.npy") as member:
                    arrays[name] = _read_array(member, limit - sum(array.nbytes for array in arrays.values()))
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, MemoryError) as error:
        raise ValueError(f"it is damaged: {str(error)[:200] or type(error).__name__}") from error
    return arrays


def map_npy(path: str | Path) -> np.ndarray:
    """Return the array of a `.npy` file, mapped: only what is used is read.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no `.npy`, is damaged, or shorter than it says.
    """
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (EOFError, SyntaxError, TypeError, OverflowError, tokenize.TokenError, MemoryError) as error:
        raise ValueError(f"its header is damaged: {error}") from error


def _read_array(member: IO[bytes], limit: int) -> np.ndarray:
    formats: Any = np.lib.format
    version = formats.read_magic(member)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an array is of version {version}")
    read_header = formats.read_array_header_1_0 if version == (1, 0) else formats.read_array_header_2_0
    try:
        shape, by_column, dtype = read_header(member)
    except (TypeError, SyntaxError, OverflowError, tokenize.TokenError) as error:
        raise ValueError(f"an array has no usable header: {error}") from error
    if dtype.hasobject:
        raise ValueError("it holds pickled objects, which could run a program")
    count = math.prod(shape)
    if min(shape, default=0) < 0 or count * dtype.itemsize > limit:
        raise ValueError(f"an array of shape {shape} is more than the file can hold")
    array = np.empty(count, dtype)
    room = array.view(np.uint8) if array.nbytes else np.empty(0, np.uint8)
    at = 0
    while chunk := member.read(CHUNK_BYTES):  # to the end, where the check sum is compared
        if at + len(chunk) > len(room):
            raise ValueError("an array is longer than its header says")
        room[at : at + len(chunk)] = np.frombuffer(chunk, np.uint8)
        at += len(chunk)
    if at < len(room):
        raise ValueError(f"an array ends after {at:,} of {len(room):,} bytes")
    return array.reshape(shape, order="F" if by_column else "C")
