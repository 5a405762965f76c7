"""The stored notebooks: alternative texts of what they show, and imports that exist."""

import ast
import importlib
import importlib.util
import re

import nbformat
import pytest

from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))
NAMED = re.compile(r"""(aria-label|title)=("[^"]{10,}"|'[^']{10,}')""")


def stored(path):
    """Yield the number of the cell, the data and the metadata of every output that shows something."""
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
        for output in cell.get("outputs", []):
            if "data" in output:
                yield number, output["data"], output["metadata"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_stored_figure_has_alt_text(path):
    texts = {
        number: metadata.get("image/png", {}).get("alt", "")
        for number, data, metadata in stored(path)
        if "image/png" in data
    }
    assert texts, "A notebook of this course shows at least one figure."
    bare = [number for number, text in texts.items() if len(text) < 30]
    assert not bare, (
        f"Cells {bare} show a figure without alt text: run `python scripts/store_outputs.py {path.name[:2]}`."
    )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_stored_video_and_frame_has_a_name(path):
    bare = [
        number
        for number, data, _ in stored(path)
        for tag in re.findall(r"<(?:video|iframe|audio)\b[^>]*>", data.get("text/html", ""))
        if not NAMED.search(tag)
    ]
    assert not bare, f"Cells {bare} show a video or a page without aria-label or title."


@pytest.mark.parametrize(
    "path", [*NOTEBOOKS, *sorted((ROOT / "asl_lib" / "course").glob("*.ipynb"))], ids=lambda path: path.stem
)
def test_every_import_from_asl_lib_exists(path):
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    missing = []
    for node in ast.walk(ast.parse("\n".join(cells))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("asl_lib"):
            module = importlib.import_module(node.module)
            for name in node.names:
                if not hasattr(module, name.name) and not importlib.util.find_spec(f"{node.module}.{name.name}"):
                    missing.append(f"{node.module}.{name.name}")
    assert not missing
