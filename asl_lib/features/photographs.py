"""Photographs of handshapes: read from any common form, and kept on disk as one array."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from PIL import Image, ImageOps

from asl_lib._util.cache import ArrayCache
from asl_lib._util.console import progress_bar
from asl_lib._util.files import file_stamp
from asl_lib._util.jobs import cores
from asl_lib.data.video import MediaError, fit_into

PHOTOGRAPHS_VERSION = 1
"""Raised when the same file gives another picture than before."""
AT_A_TIME = 256
SMALLEST_PX = 16
"""A picture with a shorter side shows no fingers."""
MOST_PIXELS = 89_000_000
"""Pillow warns above this: a file of a few kB can claim a picture that fills the memory."""
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF")
"""The formats of cameras and data sets. Pillow reads forty more, one of which calls another program (EPS)."""
# What Pillow raises at damaged files.
DAMAGE = (OSError, ValueError, TypeError, LookupError, ArithmeticError, SyntaxError, AttributeError, RuntimeError,
          MemoryError, EOFError, struct.error, zlib.error)  # fmt: skip


def read_photograph(path: str | Path, *, size: int) -> np.ndarray:
    """Return a photograph as a square (size, size, 3) uint8 RGB array.

    Turned upright as its EXIF entry says; gray, 16-bit, CMYK and transparent pictures (on white) become RGB. The longer
    side becomes `size`, and the border is continued to a square: nothing is cut off or distorted.

    Raises:
        MediaError: it does not exist, cannot be read, or its shorter side has less than 16 px.
    """
    Image.init()  # or Pillow does not know all of these by name
    if not os.path.isfile(path):  # of a name that is too long `Path.is_file` raises
        raise MediaError(f"There is no photograph at {path}. Check the path.")
    try:
        with Image.open(path, formats=FORMATS) as file:
            if file.width * file.height > MOST_PIXELS:  # known before one of them is read
                raise ValueError(f"its {file.width} x {file.height} px are more than {MOST_PIXELS:,}")
            image = _as_rgb(ImageOps.exif_transpose(file))
    except (*DAMAGE, Image.DecompressionBombError) as error:
        raise MediaError(f"{path} cannot be read as a picture: {error}. Save it again as JPEG or PNG.") from error
    if min(image.size) < SMALLEST_PX:
        raise MediaError(
            f"{path} must have at least {SMALLEST_PX} x {SMALLEST_PX} px; got {image.width} x {image.height}."
        )
    return fit_square(np.asarray(image), size=size)


def fit_square(image: np.ndarray, *, size: int) -> np.ndarray:
    """Return a (H, W, 3) uint8 picture as (size, size, 3): scaled to fit, its border continued to a square."""
    method = cv2.INTER_AREA if size < max(image.shape[:2]) else cv2.INTER_CUBIC
    return fit_into(image, (size, size), interpolation=method)


def _as_rgb(image: Any) -> Any:
    """Return a PIL image of any mode as RGB."""
    if image.mode.startswith(("I", "F")):  # 16 bits and more: PIL's own conversion clips at 255
        values = np.asarray(image, np.float64)
        top = 65535.0 if values.max() > 255 else 255.0
        return Image.fromarray(np.uint8(np.clip(values / top, 0, 1) * 255)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def load_photographs(
    clips: pd.DataFrame, *, source_dir: str | Path, folder: str | Path, size: int
) -> tuple[Any, pd.DataFrame]:
    """Return all photographs of a clips table, from one file that is created or updated first where necessary.

    They are decoded and resized once, on all cores; training then reads batches from `folder`.
    `sets.load_features` makes a `ClipSet` of the result.

    Args:
        clips: the clips table.
        source_dir: the folder its paths are relative to.
        folder: where the file is kept.
        size: side in px.

    Returns:
        All photographs that could be read, in the order of the table, (n, size, size, 3) uint8 mapped from the file;
        and a table (clip_id, reason) of the photographs that could not be read.

    Raises:
        MediaError: not one could be read; the message gives the first reason.
    """
    cache = ArrayCache(Path(folder) / f"photographs-{size}.jsonl", shape=(size, size, 3))
    names = {clip["clip_id"]: clip["path"] for clip in clips.to_dict("records")}
    paths = {clip_id: Path(source_dir) / name for clip_id, name in names.items()}
    stamps = {clip_id: [PHOTOGRAPHS_VERSION, names[clip_id], *file_stamp(path)] for clip_id, path in paths.items()}

    def read(clip_id: str) -> np.ndarray | str:
        try:
            return read_photograph(paths[clip_id], size=size)
        except MediaError as error:
            return str(error)

    def make(clip_ids: list[str]) -> Iterator[tuple[str, tuple[int, int] | None, dict[str, Any]]]:
        with (
            ThreadPoolExecutor(cores()) as pool,
            progress_bar(total=len(clip_ids), description="Reading", unit="photograph") as bar,
        ):
            for start in range(0, len(clip_ids), AT_A_TIME):
                chosen = clip_ids[start : start + AT_A_TIME]
                images = dict(zip(chosen, pool.map(read, chosen), strict=True))
                good = [image for image in images.values() if not isinstance(image, str)]
                row, _ = cache.append(np.stack(good)) if good else (0, 0)
                for clip_id, image in images.items():
                    if isinstance(image, str):
                        yield clip_id, None, {"reason": image}
                    else:
                        yield clip_id, (row, row := row + 1), {}
                bar.update(len(images))

    arrays = cache.fill(stamps, make)
    if not len(arrays):
        reason = next(iter(arrays.reasons.values()), "the clips table is empty")
        raise MediaError(f"None of the {len(clips)} photographs could be read; the first: {reason}")
    return arrays.rows(), pd.DataFrame(list(arrays.reasons.items()), columns=["clip_id", "reason"])
