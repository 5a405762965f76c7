"""The landmarks of many clips at once, from one file: a thousand clips open in the time of a few `.pose` files."""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from asl_lib._util.arrays import map_npy
from asl_lib._util.files import ABANDONED_AFTER_S, file_stamp, read_json, write_json, write_npy_header
from asl_lib.data.dataset import Dataset
from asl_lib.landmarks.landmarks import PARTS, LandmarkError, Landmarks
from asl_lib.landmarks.parquet import read_parquet
from asl_lib.landmarks.pose_file import read_pose

STORE_VERSION = 1
VALUES = 4
"""x, y, z and confidence of a landmark."""


class LandmarkStore(Mapping[str, Landmarks]):
    """The landmarks of many clips: `store[clip_id]` is one clip, `store.arrays()` are all of them.

    The values are mapped from the file, not read: only what is used takes memory.

    Attributes:
        parts: which parts the landmarks are.
        failures: clip_id and reason of the clips that could not be read.
    """

    def __init__(self, values: np.ndarray, index: Mapping[str, Any], clip_ids: Sequence[str]) -> None:
        self.parts: tuple[str, ...] = tuple(index["parts"])
        self._values = values
        first = np.cumsum([0, *(clip["frames"] for clip in index["clips"])]).tolist()
        self._clips = {
            clip["clip_id"]: (clip, slice(*rows)) for clip, rows in zip(index["clips"], pairwise(first), strict=True)
        }
        self._ids = [clip_id for clip_id in clip_ids if clip_id in self._clips]
        reasons = {clip["clip_id"]: clip["reason"] for clip in index["failed"]}
        bad = [(clip_id, reasons[clip_id]) for clip_id in clip_ids if clip_id in reasons]
        self.failures = pd.DataFrame(bad, columns=["clip_id", "reason"])

    def __getitem__(self, clip_id: str) -> Landmarks:
        about, rows = self._clips[clip_id]
        values = self._values[rows]
        size = about["fps"], about["width"], about["height"]
        return Landmarks(values[..., :3], values[..., 3], self.parts, *size)

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def forget(self) -> None:
        """Give the memory back that reading has taken; values are mapped again when they are asked for."""
        mapped = getattr(self._values, "_mmap", None)
        # Windows has no such advice, and takes the memory back by itself when it needs it.
        if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the frames of all clips one after the other, and where each clip begins.

        Returns:
            (F, L, 4) float32, x, y, z (NaN where not detected) and confidence; and (n + 1,) int, the row
            where each clip begins, with F as the last entry.
        """
        rows = [self._clips[clip_id][1] for clip_id in self._ids]
        first = np.cumsum([0, *(one.stop - one.start for one in rows)])
        if all(one.stop == other.start for one, other in pairwise(rows)) and rows:
            return self._values[rows[0].start : rows[-1].stop], first
        shape = (0, *self._values.shape[1:])
        return np.concatenate([np.empty(shape, np.float32), *(self._values[one] for one in rows)]), first


def read_landmarks(path: str | Path) -> Landmarks:
    """Read the landmarks of one clip from a file of any known form, chosen by its suffix.

    `.parquet` is the form of Google's competition; every other file is read as a `.pose` file.

    Raises:
        LandmarkError: the file is missing, damaged or of another tracker.
    """
    return read_parquet(path) if Path(path).suffix == ".parquet" else read_pose(path)


def load_landmarks(
    dataset: Dataset,
    dataset_dir: str | Path,
    clips: pd.DataFrame,
    parts: Sequence[str],
    *,
    read: Callable[[Path], Landmarks] = read_landmarks,
) -> LandmarkStore:
    """Return the landmarks of all clips from one file, which is created or updated first where necessary.

    A clip whose own file has another size or time than when it was stored is read again; the others are
    copied from the old store.

    Args:
        dataset: the data set, which knows where the landmarks of a clip are.
        dataset_dir: its folder; the store is kept in its subfolder `landmarks`.
        clips: the clips table, or a part of it.
        parts: the parts to keep; a clip that lacks one is among the failures.
        read: reads the file of one clip; raises LandmarkError where it cannot.

    Raises:
        LandmarkError: not one clip could be read; the sentence gives the first reason.
    """
    dataset_dir = Path(dataset_dir)
    folder, parts = dataset_dir / "landmarks", tuple(part for part in PARTS if part in parts)
    note = folder / f"index-{hashlib.sha256('+'.join(parts).encode()).hexdigest()[:8]}.json"
    index = _read_index(note, parts)
    known = {clip["clip_id"]: clip for clip in (*index["clips"], *index["failed"])}
    rows = {str(row["clip_id"]): row for row in clips.to_dict("records")}
    ids = list(rows)
    paths = {clip_id: dataset.pose_path(dataset_dir, row) for clip_id, row in rows.items()}
    stamps = {clip_id: file_stamp(path) for clip_id, path in paths.items()}
    stale = {clip_id for clip_id in ids if clip_id not in known or known[clip_id]["stamp"] != stamps[clip_id]}
    if stale:
        fresh = ((clip_id, path) for clip_id, path in paths.items() if clip_id in stale)
        index = _rewrite(note, index, fresh, stale, stamps, read, parts)
    store = LandmarkStore(_open(folder, index), index, ids)
    if not len(store):
        reason = store.failures["reason"].iloc[0] if len(store.failures) else "the clips table is empty"
        raise LandmarkError(f"None of the {len(clips)} clips could be read; the first: {reason}")
    return store


def _rewrite(
    note: Path,
    old: dict[str, Any],
    fresh: Iterator[tuple[str, Path]],
    stale: set[str],
    stamps: dict[str, list[int]],
    read: Callable[[Path], Landmarks],
    parts: tuple[str, ...],
) -> dict[str, Any]:
    """Write a new file of values, clip by clip, then the index that names it: readers see the old pair or the new."""
    note.parent.mkdir(parents=True, exist_ok=True)
    entries = [clip for clip in old["clips"] if clip["clip_id"] not in stale]
    kept = LandmarkStore(_open(note.parent, old), old, [clip["clip_id"] for clip in entries])
    path = note.parent / f"landmarks-{uuid.uuid4().hex[:12]}.npy"
    shape = (sum(PARTS[part] for part in parts), VALUES)
    failed = [clip for clip in old["failed"] if clip["clip_id"] not in stale]
    count = 0
    try:
        with path.open("wb") as file:
            write_npy_header(file, (0, *shape))
            for clip_id in kept:
                count += _append(file, kept[clip_id])
            for clip_id, source in fresh:
                about = {"clip_id": clip_id, "stamp": stamps[clip_id]}
                try:
                    landmarks = _with_parts(read(source), parts)
                except LandmarkError as error:
                    failed.append({**about, "reason": str(error)})
                    continue
                count += _append(file, landmarks)
                size = {"fps": landmarks.fps, "width": landmarks.width, "height": landmarks.height}
                entries.append({**about, "frames": len(landmarks.points), **size})
            file.seek(0)
            write_npy_header(file, (count, *shape))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    index = {"version": STORE_VERSION, "file": path.name, "parts": parts, "clips": entries, "failed": failed}
    write_json(note, index)
    _remove_unused(note.parent, old["file"])
    return index


def _append(file: Any, landmarks: Landmarks) -> int:
    values = np.concatenate([landmarks.points, landmarks.confidence[..., None]], axis=-1)
    file.write(np.ascontiguousarray(values, "<f4").tobytes())
    return len(values)


def _open(folder: Path, index: dict[str, Any]) -> np.ndarray:
    if not index["file"]:
        return np.empty((0, sum(PARTS[part] for part in index["parts"]), VALUES), np.float32)
    # An empty file of values cannot be mapped, and need not be.
    empty = not any(clip["frames"] for clip in index["clips"])
    path = folder / index["file"]
    return np.load(path, allow_pickle=False) if empty else map_npy(path)


def _read_index(path: Path, parts: tuple[str, ...]) -> dict[str, Any]:
    """Return the index of the store, or that of an empty one where it is missing, damaged or of another version."""
    nothing = {"version": STORE_VERSION, "file": "", "parts": parts, "clips": [], "failed": []}
    try:
        index = read_json(path)
        frames = sum(clip["frames"] for clip in index["clips"])
        whole = (path.parent / index["file"]).stat().st_size >= frames * sum(PARTS[p] for p in parts) * VALUES * 4
        usable = index["version"] == STORE_VERSION and tuple(index["parts"]) == parts and "failed" in index
        if usable and whole:
            values = _open(path.parent, index)
            usable = values.dtype == np.float32 and values.shape == (frames, sum(PARTS[p] for p in parts), VALUES)
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return nothing
    return index if usable and whole else nothing


def _remove_unused(folder: Path, replaced: str) -> None:
    """Remove the values that were just replaced, and those that killed processes left a day ago."""
    named = {_file_of(path) for path in folder.glob("index-*.json")}
    for path in folder.glob("landmarks-*.npy"):
        # Windows does not remove a file that is open: the next call will.
        with contextlib.suppress(OSError):
            old = time.time() - path.stat().st_mtime > ABANDONED_AFTER_S
            if path.name not in named and (path.name == replaced or old):
                path.unlink()


def _file_of(index: Path) -> str:
    """Return the file of values that an index names; "" where it is damaged."""
    try:
        return str(read_json(index)["file"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _with_parts(landmarks: Landmarks, parts: tuple[str, ...]) -> Landmarks:
    if landmarks.parts == parts:
        return landmarks
    points = np.concatenate([landmarks.part(part) for part in parts], axis=1)
    starts = np.cumsum([0, *(PARTS[part] for part in landmarks.parts)])
    columns = [np.arange(PARTS[part]) + starts[landmarks.parts.index(part)] for part in parts]
    confidence = landmarks.confidence[:, np.concatenate(columns)]
    return Landmarks(points, confidence, parts, landmarks.fps, landmarks.width, landmarks.height)
