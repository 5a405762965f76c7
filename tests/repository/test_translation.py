"""The sample of a translation: it belongs to today's notebook, and loses no link, no code and no output."""

import re

import nbformat
import pytest
from babel.messages.catalog import Catalog

from scripts.translate import catalog_path, extract, put_back, read_translations, translations
from tests.conftest import ROOT

[NOTEBOOK] = (ROOT / "notebooks").glob("01_*.ipynb")
SAMPLE = read_translations(catalog_path("de", NOTEBOOK))


def test_the_sample_has_the_passages_of_its_notebook():
    kept, found = ({message.id for message in catalog if message.id} for catalog in (SAMPLE, extract(NOTEBOOK)))
    assert kept == found, "The notebook has changed: run `python -m scripts.translate de 01`."


def test_every_translation_is_put_in_the_place_of_its_passage_and_nothing_else_changes():
    before, after = (nbformat.read(NOTEBOOK, as_version=4) for _ in range(2))
    put_back(after, SAMPLE)
    code = [[cell for cell in notebook.cells if cell.cell_type == "code"] for notebook in (before, after)]
    assert code[0] == code[1]
    prose = ["\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown") for nb in (before, after)]
    assert len(translations(SAMPLE)) > 30
    assert not [text for text in translations(SAMPLE).values() if text not in prose[1]]
    marks = [re.findall(r"^#+ |^- |^\|[- |]+\|$", text, re.MULTILINE) for text in prose]
    assert marks[0] == marks[1], "headings, lists or tables are others"


def test_the_translation_is_marked_as_a_sample():
    assert any("Probe einer Übersetzung" in text for text in translations(SAMPLE).values())


@pytest.mark.parametrize("passage", translations(SAMPLE), ids=lambda text: text[:20])
def test_a_translation_has_the_links_and_the_code_of_its_passage(passage):
    found = [sorted(re.findall(r"\]\(([^)]+)\)|(`[^`]+`)", text)) for text in (passage, translations(SAMPLE)[passage])]
    assert found[0] == found[1]


def test_a_passage_without_a_current_translation_stays_english():
    catalog = Catalog(locale="de")
    catalog.add("One passage.", "Eine Stelle.")
    catalog.add("Another one.", "Eine frühere.", flags=["fuzzy"])
    catalog.add("A third.", "")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("One\npassage. Another one. A third.")])
    put_back(notebook, catalog)
    assert notebook.cells[0].source == "Eine Stelle. Another one. A third."
