"""Pictures are stored small, and look as they did; networks have as many threads as in `asl run`."""

import base64
import io
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image

from asl_lib._util.jobs import cores
from scripts import store_outputs
from scripts.store_outputs import LARGE_PICTURE_KB, main, shrink_picture


def encoded(points):
    buffer = io.BytesIO()
    Image.fromarray(points).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def decoded(picture):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB"))


def test_a_large_picture_is_compressed_with_exact_white_black_and_line_colours():
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


def test_a_small_picture_is_unchanged():
    picture = encoded(np.zeros((8, 8, 3), np.uint8))
    assert shrink_picture(picture) == picture


def test_a_notebook_that_trains_is_stored_with_its_share_of_the_cores_and_one_that_reports_with_all(monkeypatch):
    started = []

    def run(command, *, env, check):
        started.append((Path(command[-1]).name, env))

    monkeypatch.setattr(store_outputs, "subprocess", SimpleNamespace(run=run))
    monkeypatch.setattr("sys.argv", ["store_outputs.py", "06", "11"])
    main()
    threads = {name[:2]: env["TF_NUM_INTRAOP_THREADS"] for name, env in started}
    assert threads == {"06": "1", "11": str(cores())}
