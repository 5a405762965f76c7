"""The drawings of the notebooks are those that the script draws, small, and described where they stand."""

import re

import pytest

from scripts import drawings
from tests.conftest import ROOT

NUMBERS = [number for notebooks in drawings.STATIONS.values() for number in notebooks]


@pytest.mark.parametrize("number", NUMBERS)
def test_the_pipeline_drawing_marks_its_notebook_s_step(number, tmp_path, monkeypatch):
    monkeypatch.setattr(drawings, "IMAGES", tmp_path)
    drawings.pipeline(number)
    stored = ROOT / "docs" / "images" / f"pipeline_{number}.svg"
    svg = stored.read_text(encoding="utf-8")
    assert (tmp_path / stored.name).read_text(encoding="utf-8") == svg, "Run `python scripts/drawings.py`."
    assert len(svg.encode()) < 6000
    [marked] = re.findall(r'<rect class="here".*?<text[^>]*>(\w+)</text>', svg)
    assert number in drawings.STATIONS[marked]
    assert f"{number}: you are here" in svg


def test_every_notebook_has_a_step_in_the_pipeline_drawing():
    assert [path.name[:2] for path in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))] == NUMBERS


DRAWN = (
    drawings.tracker,
    drawings.recipe,
    drawings.lstm,
    drawings.dilation,
    drawings.attention,
    drawings.two_streams,
    drawings.embedding,
)


@pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: draw.__name__)
def test_every_drawing_is_up_to_date_and_shown_with_alt_text(draw, tmp_path, monkeypatch):
    monkeypatch.setattr(drawings, "IMAGES", tmp_path)
    draw()
    stored = ROOT / "docs" / "images" / f"{draw.__name__}.svg"
    svg = stored.read_text(encoding="utf-8")
    assert (tmp_path / stored.name).read_text(encoding="utf-8") == svg, "Run `python scripts/drawings.py`."
    assert len(svg.encode()) < 12_000
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "notebooks").glob("*.ipynb")]
    [described] = [
        text for page in pages for text in re.findall(rf"!\[([^\]]*)\]\(\.\./docs/images/{stored.name}\)", page)
    ]
    assert len(described) > 100
