"""The frames that a page sends."""

from __future__ import annotations

import io

import numpy as np

from asl_lib.features.photographs import DAMAGE
from asl_lib.live.errors import SessionError

MOST_FRAME_PX = 1280
START_OF_SCAN, MOST_SCANS = b"\xff\xda", 32
"""A progressive picture has about ten scans; one of thousands keeps a decoder busy for minutes."""


def frame_of(jpeg: bytes) -> np.ndarray:
    """Return the (H, W, 3) uint8 RGB picture in the bytes of a JPEG file.

    Raises:
        SessionError: it is no JPEG, or a picture larger than a page sends.
    """
    import cv2
    from PIL import Image

    try:
        with Image.open(io.BytesIO(jpeg), formats=["JPEG"]) as header:  # reads no pixels yet
            width, height = header.size
    except (*DAMAGE, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise SessionError("A frame must be a JPEG picture; this is none. Load the page again.", status=400) from error
    if max(width, height) > MOST_FRAME_PX:
        raise SessionError(
            f"A frame must have at most {MOST_FRAME_PX} px on a side; got {width}x{height}. Load the page again.",
            status=413,
        )
    if jpeg.count(START_OF_SCAN) > MOST_SCANS:
        raise SessionError("A frame must be a plain JPEG picture; this one has too many scans.", status=400)
    try:
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        picture = None
    if picture is None:
        raise SessionError("A frame was cut short on its way. The next one may be whole.", status=400)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
