"""The report of a run is a page that any browser opens."""

import base64
import re

import nbformat
import pytest

from asl_lib.course.notebooks import write_page
from tests.conftest import ROOT


def test_an_executed_notebook_becomes_a_page_that_needs_no_other_host(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# 11 · Which model? $x^2$")])
    nbformat.write(notebook, tmp_path / "11_compare.ipynb")
    page = write_page(tmp_path / "11_compare.ipynb", tmp_path / "report").read_text(encoding="utf-8")
    assert "Which model?" in page
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=.https?:", page)


def test_the_drawings_of_a_notebook_are_in_its_page(tmp_path):
    text = '# 11\n\n![The "way" of a clip](../docs/images/pipeline_11.svg)\n\n![Lost](../docs/images/lost.svg)'
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])
    nbformat.write(notebook, tmp_path / "11_compare.ipynb")
    page = write_page(tmp_path / "11_compare.ipynb", tmp_path / "report").read_text(encoding="utf-8")
    alt, content = re.search(r"<img alt='([^']*)' src=\"data:image/svg\+xml;base64,([^\"]*)\"", page).groups()
    assert alt == 'The "way" of a clip'
    assert base64.b64decode(content) == (ROOT / "docs" / "images" / "pipeline_11.svg").read_bytes()
    assert 'src="../docs/images/lost.svg"' in page


def test_a_damaged_or_missing_notebook_is_named_and_no_page_is_written(tmp_path):
    (tmp_path / "broken.ipynb").write_text("{", encoding="utf-8")
    for name in ("broken.ipynb", "absent.ipynb"):
        with pytest.raises(ValueError, match=f"{name} cannot be read as a notebook"):
            write_page(tmp_path / name, tmp_path / "report")
    assert not (tmp_path / "report").exists()
