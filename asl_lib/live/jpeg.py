"""JPEG frames that a live page sends: decoded with limits, and brought to an even rate."""

from __future__ import annotations

import io
from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image

from asl_lib.features.photographs import DAMAGE
from asl_lib.live.errors import LiveError

MAX_FRAME_PX = 1280
START_OF_SCAN, MAX_SCANS = b"\xff\xda", 32
"""A progressive picture has about ten scans; thousands of them keep a decoder busy for minutes."""


def decode_jpeg(jpeg: bytes) -> np.ndarray:
    """Return the (H, W, 3) uint8 RGB picture in the bytes of a JPEG file.

    Raises:
        LiveError: the bytes are not a JPEG, or the picture is larger than a page sends.
    """
    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as header:  # reads no pixels yet
            width, height = header.size
    except (*DAMAGE, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise LiveError("A frame must be a JPEG picture, and this is not one. Load the page again.") from error
    if max(width, height) > MAX_FRAME_PX:
        raise LiveError(
            f"A frame must have at most {MAX_FRAME_PX} px on a side; got {width}x{height}. Load the page again.",
            status=413,
        )
    if jpeg.count(START_OF_SCAN) > MAX_SCANS:
        raise LiveError("A frame must be a plain JPEG picture; this one has too many scans.")
    try:
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        picture = None
    if picture is None:
        raise LiveError("A frame was cut short during transfer. The next one may be complete.")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def resample_jpegs(frames: list[tuple[float, bytes]], *, fps: float) -> Iterator[np.ndarray]:
    """Yield (H, W, 3) uint8 RGB frames at a constant rate: at each time the newest frame until then.

    Frames of another size than the first (a camera that was turned) are scaled to its size, which is made even.

    Args:
        frames: (time in seconds, JPEG file) of each, in order of time, at any rate.
        fps: frames per second of the result.
    """
    times = np.array([time_s for time_s, _ in frames])
    count = int((times[-1] - times[0]) * fps + 1e-6) + 1
    last, picture = -1, np.empty((0, 0, 3), np.uint8)
    size: tuple[int, int] | None = None
    for index in np.searchsorted(times, times[0] + np.arange(count) / fps + 1e-6, side="right") - 1:
        if index != last:
            last, picture = index, decode_jpeg(frames[index][1])
            size = size or (picture.shape[1] // 2 * 2, picture.shape[0] // 2 * 2)
            if (picture.shape[1], picture.shape[0]) != size:
                picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        yield picture
