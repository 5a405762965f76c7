"""Landmarks in the parquet form of Google's Isolated Sign Language Recognition competition (Kaggle, 2023)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from pyarrow import ArrowException

from asl_lib.data.recorded import rate_and_size
from asl_lib.landmarks.arrays import check_clip
from asl_lib.landmarks.landmarks import PARTS, LandmarkError, Landmarks

FPS = 30.0
COLUMNS = ["frame", "type", "landmark_index", "x", "y", "z"]
NUMBERS = [name for name in COLUMNS if name != "type"]
LARGEST = 1e4
MOST = 1e15
"""Above all frame numbers, times in microseconds as well."""
SQUARE = 1000
"""The size of the videos is not published: landmarks are read as those of a square picture."""


def read_parquet(path: str | Path) -> Landmarks:
    """Read one clip of the competition's form: a row per frame, part and landmark.

    Columns that pandas has saved as the index are read as well.

    Frame rate and picture size are those of the nearest `signers.csv`, else 30 frames/s and a square.

    Raises:
        LandmarkError: the file is missing, damaged, lacks a column, holds other landmarks or fewer than 2 frames, or is
            in px.
    """
    path = Path(path)
    if not path.is_file():
        raise LandmarkError(f"There are no landmarks at {path}. Download the data set again.")
    try:
        with pq.ParquetFile(path) as file:
            found = file.schema_arrow.names
            missing = [name for name in COLUMNS if name not in found]
            # What pandas noted of an index is left unread: its levels are columns of the file.
            table = pd.DataFrame() if missing else file.read(columns=COLUMNS).to_pandas(ignore_metadata=True)[COLUMNS]
    except (OSError, ValueError, KeyError, NotImplementedError, MemoryError, ArrowException) as error:
        raise LandmarkError(f"{path} is not a whole parquet file of landmarks ({error}). Download it again.") from error
    if missing:
        raise LandmarkError(
            f"{path} has no column '{missing[0]}' (found: {', '.join(found)[:200]}). A clip needs {', '.join(COLUMNS)}."
        )
    starts = dict(zip(PARTS, np.cumsum([0, *PARTS.values()])[:-1].tolist(), strict=True))
    if table.empty or not set(table["type"]) <= set(PARTS):
        raise LandmarkError(
            f"{path} must hold rows of {', '.join(PARTS)}; it has {len(table)} of {set(table['type'])}."
        )
    if table[COLUMNS[:3]].isna().any(axis=None) or not all(map(_is_number, (table[c] for c in NUMBERS))):
        raise LandmarkError(f"{path} must hold numbers in {', '.join(NUMBERS)}. Download it again.")
    if not (np.abs(table[["frame", "landmark_index"]].to_numpy(float)) < MOST).all():
        raise LandmarkError(f"{path} has an infinite or huge frame or landmark_index. Number the frames one by one.")
    frames, row = np.unique(table["frame"].to_numpy(float), return_inverse=True)
    column = table["type"].map(starts).to_numpy(int) + table["landmark_index"].to_numpy(int)
    points = np.full((len(frames), sum(PARTS.values()), 3), np.nan, np.float32)
    index = table["landmark_index"].to_numpy()
    if index.min() < 0 or (index >= table["type"].map(PARTS).to_numpy()).any():
        raise LandmarkError(f"{path} has a landmark number {index.min()} or {index.max()}, which no part has.")
    with np.errstate(over="ignore"):
        values = table[["x", "y", "z"]].to_numpy(np.float32, copy=True)
    values[~(np.abs(values) < LARGEST).all(axis=1)] = np.nan  # damage, which would overflow in every sum
    points[row, column] = values
    check_clip(path, points)
    confidence = (~np.isnan(points[..., 0])).astype(np.float32)
    fps, width, height = rate_and_size(path, assumed=(FPS, SQUARE, SQUARE))
    times = (frames - frames[0]) / fps  # a frame that is not there is a gap in time
    return Landmarks(points, confidence, tuple(PARTS), fps, width, height, times)


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column)
