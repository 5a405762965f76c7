"""The landmarks of many clips in one file, which is much faster to read than many `.pose` files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from asl_lib._util.cache import ArrayCache, CachedArrays
from asl_lib._util.files import file_stamp
from asl_lib.data.dataset import Dataset
from asl_lib.data.recorded import table_of
from asl_lib.landmarks.arrays import read_arrays
from asl_lib.landmarks.extract import recorded_tracker
from asl_lib.landmarks.landmarks import PARTS, LandmarkError, Landmarks
from asl_lib.landmarks.parquet import read_parquet
from asl_lib.landmarks.pose_file import read_pose

STORE_VERSION = 3
"""Raised when the same file gives other landmarks than before."""
VALUES = 4
"""x, y, z and confidence of a landmark."""


class LandmarkStore(Mapping[str, Landmarks]):
    """The landmarks of many clips: `store[clip_id]` is one clip, `store.arrays()` are all of them.

    The file is memory-mapped: only values that are used take memory.

    Attributes:
        parts: which parts the landmarks are.
        failures: clip_id and reason of the clips that could not be read.
    """

    def __init__(self, arrays: CachedArrays, parts: Sequence[str]) -> None:
        self.parts = tuple(parts)
        self.failures = pd.DataFrame(list(arrays.reasons.items()), columns=["clip_id", "reason"])
        self._arrays = arrays

    def __getitem__(self, clip_id: str) -> Landmarks:
        values, about = self._arrays[clip_id], self._arrays.about[clip_id]
        times: Any = about.get("times")
        size = about["fps"], about["width"], about["height"]
        return Landmarks(values[..., :3], values[..., 3], self.parts, *size, times=times)

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def release(self) -> None:
        """Release the memory that reading has taken; values are mapped again when they are used."""
        self._arrays.release()

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the frames of all clips one after the other, and where each clip begins.

        Returns:
            (F, L, 4) float32, x, y, z (NaN where not detected) and confidence; and (n + 1,) int, the row
            where each clip begins, with F as the last entry.
        """
        first = np.cumsum([0, *map(len, self._arrays.values())])
        return self._arrays.rows()[:], first


def read_landmarks(path: str | Path) -> Landmarks:
    """Read the landmarks of one clip from a file of any known form, chosen by its suffix, or a folder of frames.

    `.parquet` is the form of Google's competition, `.npy`, `.npz` and folders are read by `read_arrays`; every other
    file is read as a `.pose` file.

    Raises:
        LandmarkError: the file is missing, damaged or of another tracker.
    """
    path = Path(path)
    if path.is_dir() or path.suffix.lower() in (".npy", ".npz"):
        return read_arrays(path)
    return read_parquet(path) if path.suffix.lower() == ".parquet" else read_pose(path)


def load_landmarks(
    dataset: Dataset,
    dataset_dir: str | Path,
    clips: pd.DataFrame,
    parts: Sequence[str],
    *,
    tracker: str = "litert",
    read: Callable[[Path], Landmarks] = read_landmarks,
) -> LandmarkStore:
    """Return the landmarks of all clips from one file, which is created or updated first where necessary.

    A clip is read again if the size or time of its file has changed since it was stored; the others are copied from the
    old store.

    Args:
        dataset: the data set, which knows where the landmarks of a clip are.
        dataset_dir: its folder; the store is kept in its subfolder `landmarks`.
        clips: the clips table, or a part of it.
        parts: the parts to keep; a clip that lacks one is among the failures.
        tracker: the tracker of the data set's videos; a clip that was tracked with another one is among the failures.
            Data sets that are published as landmarks have no record of a tracker, and it is not checked.
        read: reads the file of one clip; raises LandmarkError where it cannot.

    Raises:
        LandmarkError: not one clip could be read; the sentence gives the first reason.
    """
    dataset_dir, parts = Path(dataset_dir), tuple(part for part in PARTS if part in parts)
    name = f"landmarks-{hashlib.sha256('+'.join(parts).encode()).hexdigest()[:8]}.jsonl"
    shape = (sum(PARTS[part] for part in parts), VALUES)
    cache = ArrayCache(dataset_dir / "landmarks" / name, shape=shape, dtype="<f4")
    paths = {str(clip["clip_id"]): dataset.pose_path(dataset_dir, clip) for clip in clips.to_dict("records")}
    stamps = {clip_id: [STORE_VERSION, tracker, *_stamp(path)] for clip_id, path in paths.items()}

    def make(clip_ids: list[str]) -> Iterator[tuple[str, tuple[int, int] | None, dict[str, Any]]]:
        for clip_id in clip_ids:
            try:
                landmarks = read(paths[clip_id]).with_parts(parts)
                if (recorded := recorded_tracker(paths[clip_id])) not in ("", tracker):
                    raise LandmarkError(
                        f"{paths[clip_id]} was tracked with {recorded}, not with {tracker}. Run notebook 02 with "
                        f"tracker: {tracker}, or use tracker: {recorded} everywhere."
                    )
            except LandmarkError as error:
                yield clip_id, None, {"reason": str(error)}
                continue
            about = {"fps": landmarks.fps, "width": landmarks.width, "height": landmarks.height}
            if not landmarks.has_constant_rate:
                about["times"] = landmarks.times.tolist()
            values = np.concatenate([landmarks.points, landmarks.confidence[..., None]], axis=-1)
            yield clip_id, cache.append(values), about

    store = LandmarkStore(cache.fill(stamps, make), parts)
    if not len(store):
        reason = store.failures["reason"].iloc[0] if len(store.failures) else "the clips table is empty"
        raise LandmarkError(f"None of the {len(clips)} clips could be read; the first: {reason}")
    return store


def _stamp(path: Path) -> list[int]:
    """Return the stamp of a clip's file and of the table of frame rates above it."""
    table = table_of(path)
    return file_stamp(path) + (file_stamp(table) if table else [])
