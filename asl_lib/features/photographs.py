"""Photographs of handshapes: read them whatever they are, and keep them on disk as one array."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from asl_lib._util.arrays import map_npy
from asl_lib._util.files import atomic_write, file_stamp, read_json, write_json, write_npy_header
from asl_lib._util.jobs import cores
from asl_lib.data.video import MediaError
from asl_lib.features.labelled import PictureSet, labels_of

SMALLEST_PX = 16
"""A picture with a shorter side shows no fingers."""
MOST_PIXELS = 89_000_000
"""Where Pillow begins to warn: a file of some kB can claim a picture that fills the memory."""
FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF")
"""What cameras and data sets have. Pillow knows forty more, one of which calls another program (EPS)."""
# What Pillow raises where a file is damaged, by the place and the format.
DAMAGE = (OSError, ValueError, TypeError, LookupError, ArithmeticError, SyntaxError, AttributeError, RuntimeError,
          MemoryError, EOFError, struct.error, zlib.error)  # fmt: skip


def read_photograph(path: str | Path, *, size: int) -> np.ndarray:
    """Return a photograph as a square (size, size, 3) uint8 RGB array.

    Turned upright as its EXIF entry says; gray, 16-bit, CMYK and transparent pictures (on white) become RGB. The longer
    side becomes `size`, and the border is continued to a square: nothing is cut off and nothing is squeezed.

    Raises:
        MediaError: it cannot be read, or its shorter side has less than 16 px.
    """
    from PIL import Image, ImageOps

    Image.init()  # or Pillow does not know all of these by name
    try:
        with Image.open(path, formats=FORMATS) as file:
            if file.width * file.height > MOST_PIXELS:  # known before one of them is read
                raise ValueError(f"its {file.width} x {file.height} px are more than {MOST_PIXELS:,}")
            image = _as_rgb(ImageOps.exif_transpose(file))
    except (*DAMAGE, Image.DecompressionBombError) as error:
        raise MediaError(f"{path} cannot be read as a picture: {error}. Save it anew as JPEG or PNG.") from error
    if min(image.size) < SMALLEST_PX:
        raise MediaError(
            f"{path} must have at least {SMALLEST_PX} x {SMALLEST_PX} px; got {image.width} x {image.height}."
        )
    return fit_square(np.asarray(image), size=size)


def fit_square(image: np.ndarray, *, size: int) -> np.ndarray:
    """Return a (H, W, 3) uint8 picture as (size, size, 3): scaled to fit, its border continued to a square."""
    import cv2

    height, width = image.shape[:2]
    scale = size / max(height, width)
    target = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(image, target, interpolation=method)
    above, left = (size - target[1]) // 2, (size - target[0]) // 2
    below, right = size - target[1] - above, size - target[0] - left
    return np.asarray(cv2.copyMakeBorder(small, above, below, left, right, cv2.BORDER_REPLICATE))


def _as_rgb(image: Any) -> Any:
    """Return a PIL image of any mode as RGB."""
    from PIL import Image

    if image.mode.startswith(("I", "F")):  # 16 bits and more: PIL's own conversion clips at 255
        values = np.asarray(image, np.float64)
        top = 65535.0 if values.max() > 255 else 255.0
        return Image.fromarray(np.uint8(np.clip(values / top, 0, 1) * 255)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


@dataclass(frozen=True)
class PhotographSet(PictureSet):
    """n photographs; `images` is (n, size, size, 3) RGB."""

    noun = "photograph"


def load_photographs(clips: pd.DataFrame, *, source_dir: str | Path, folder: str | Path, size: int) -> PhotographSet:
    """Return all photographs of a clips table, from one file that is made where it is not up to date.

    They are decoded and resized once, on all cores; training then reads them from `folder`, and memory holds a batch.

    Args:
        clips: the clips table.
        source_dir: the folder its paths are relative to.
        folder: where the file is kept.
        size: side in px.

    Raises:
        MediaError: not one could be read; the sentence gives the first reason.
    """
    folder, source_dir = Path(folder), Path(source_dir)
    paths = [source_dir / path for path in clips["path"]]
    stamps = [(name, *file_stamp(source_dir / name)) for name in clips["path"]]
    key = hashlib.sha256(json.dumps([size, stamps]).encode())
    note = folder / f"photographs-{size}.json"
    about, images = _read_note(note), _open(note.with_suffix(".npy"), size=size)
    if about.get("key") != key.hexdigest() or images is None or len(images) != len(paths) - len(about["left_out"]):
        about = _decode_all(paths, clips["clip_id"].tolist(), note.with_suffix(".npy"), size=size)
        write_json(note, {**about, "key": key.hexdigest()})
        images = _open(note.with_suffix(".npy"), size=size)
    reasons = dict(about["left_out"])
    table = clips[~clips["clip_id"].isin(reasons)]
    if table.empty:
        reason = next(iter(reasons.values()), "the clips table is empty")
        raise MediaError(f"None of the {len(clips)} photographs could be read; the first: {reason}")
    return PhotographSet(
        images=images,
        **labels_of(table),
        left_out=pd.DataFrame(about["left_out"], columns=["clip_id", "reason"]),
    )


def _decode_all(paths: list[Path], clip_ids: list[str], target: Path, *, size: int) -> dict[str, Any]:
    """Write all photographs that can be read into one array, and return the others with their reasons."""
    from asl_lib._util.progress import progress

    def attempt(path: Path) -> np.ndarray | str:
        try:
            return read_photograph(path, size=size)
        except MediaError as error:
            return str(error)

    target.parent.mkdir(parents=True, exist_ok=True)
    left_out, count = [], 0
    with (
        atomic_write(target) as tmp,
        tmp.open("wb") as file,
        ThreadPoolExecutor(cores()) as pool,
    ):
        # Written, not mapped: on a full disk this is an error that can be told, and not the end of the process.
        write_npy_header(file, (0, size, size, 3), dtype="|u1")
        found = progress(pool.map(attempt, paths), total=len(paths), description="Reading", unit="photograph")
        for clip_id, image in zip(clip_ids, found, strict=True):
            if isinstance(image, str):
                left_out.append([clip_id, image])
            else:
                file.write(np.ascontiguousarray(image, np.uint8).tobytes())
                count += 1
        file.seek(0)
        write_npy_header(file, (count, size, size, 3), dtype="|u1")
    return {"left_out": left_out}


def _open(path: Path, *, size: int) -> np.ndarray | None:
    """Return the array of photographs, mapped from its file, or None where there is none or it is damaged."""
    try:
        images = map_npy(path)
    except (OSError, ValueError):
        return None
    return images if images.shape[1:] == (size, size, 3) and images.dtype == np.uint8 else None


def _read_note(path: Path) -> dict[str, Any]:
    try:
        about = read_json(path)
    except (OSError, ValueError):
        return {}
    return about if isinstance(about, dict) and isinstance(about.get("left_out"), list) else {}
