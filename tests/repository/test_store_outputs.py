"""Pictures are stored small and look as they did; networks have their share of the cores; warnings are refused."""

import base64
import io
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from PIL import Image

from scripts import store_outputs
from scripts.store_outputs import LARGE_PICTURE_KB, execute, main, shrink_picture


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


def test_every_notebook_is_stored_with_its_share_of_the_cores(monkeypatch):
    started = []

    def run(command, *, env, check):
        started.append((Path(command[-1]).name, env))

    monkeypatch.setattr(store_outputs, "subprocess", SimpleNamespace(run=run))
    monkeypatch.setattr("sys.argv", ["store_outputs.py", "06", "11"])
    main()
    threads = {name[:2]: env["TF_NUM_INTRAOP_THREADS"] for name, env in started}
    assert threads == {"06": "1", "11": "1"}


@pytest.mark.parametrize(
    "message",
    [
        "import sys; print('a hint', file=sys.stderr)",
        "import warnings; warnings.warn('a hint')",
        "print('WARNING:tensorflow: a hint')",
    ],
)
def test_a_notebook_in_which_a_reader_would_see_a_warning_is_not_stored(tmp_path, message):
    path = tmp_path / "01_short.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(message)]), path)
    before = path.read_bytes()
    with pytest.raises(SystemExit, match=r"01_short\.ipynb, cell 0: a reader would see this message:\n.*a hint"):
        execute(path)
    assert path.read_bytes() == before
