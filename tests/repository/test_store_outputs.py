"""Pictures are stored small, and look as they did."""

import base64
import io

import numpy as np
from PIL import Image

from scripts.store_outputs import LARGE_PICTURE_KB, shrink_picture


def encoded(points):
    buffer = io.BytesIO()
    Image.fromarray(points).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def decoded(picture):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB"))


def test_a_large_picture_becomes_smaller_and_its_white_and_black_and_line_colours_stay_to_the_last_bit():
    points = np.random.default_rng(0).integers(200, 256, (400, 500, 3), dtype=np.uint8)  # light noise, as of a camera
    colours = {"white": (255, 255, 255), "black": (0, 0, 0), "blue": (1, 115, 178)}
    for row, colour in enumerate(colours.values()):
        points[20 * row : 20 * row + 20] = colour
    picture = encoded(points)
    assert len(picture) > LARGE_PICTURE_KB * 1024
    smaller = shrink_picture(picture)
    assert len(smaller) < len(picture)
    kept = decoded(smaller)
    for row, colour in enumerate(colours.values()):
        assert (kept[20 * row : 20 * row + 20] == colour).all(), list(colours)[row]
    assert np.abs(kept.astype(int) - points).mean() < 12


def test_a_small_picture_is_left_as_it_is():
    picture = encoded(np.zeros((8, 8, 3), np.uint8))
    assert shrink_picture(picture) == picture
