"""Translate the prose of a notebook: `python -m scripts.translate de 01`, as often as you like.

Sphinx extracts the passages, Babel keeps them with their translations in docs/locale/<language>/<notebook>.po, which
any editor of gettext files opens; a passage that has changed is marked as fuzzy there. The translated notebook is
written to notebooks_<language>/, where its links lead to the same pages. Code, outputs and what has no translation stay
as they are.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
COMMENT = "# The prose of a notebook of this course: see CONTRIBUTING.md, Translating a notebook."


def catalog_path(language: str, notebook: Path) -> Path:
    """Return where the translations of a notebook are kept."""
    return ROOT / "docs" / "locale" / language / f"{notebook.stem}.po"


def extract(notebook: Path) -> Catalog:
    """Return the passages of a notebook's text cells, without translations."""
    prose = nbformat.read(notebook, as_version=4)
    prose.cells = [cell for cell in prose.cells if cell.cell_type == "markdown"]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source")
        source.mkdir()
        (source / "figures.json").write_text("{}", encoding="utf-8")  # what docs/conf.py reads
        nbformat.write(prose, source / notebook.name)
        command = [sys.executable, "-m", "sphinx", "-q", "-b", "gettext", "-c", str(ROOT / "docs")]
        command += ["-D", f"root_doc={notebook.stem}", "-D", "suppress_warnings=myst.xref_missing,image.not_readable"]
        subprocess.run([*command, str(source), str(Path(folder, "out"))], check=True)
        with Path(folder, "out", f"{notebook.stem}.pot").open("rb") as file:
            found = read_po(file)
    texts = [str(message.id) for message in found if message.id]
    passages = Catalog()
    for text in texts:  # without line numbers, which change with every edit
        if not any(f"![{text}]" in other for other in texts):  # Sphinx gives an image's text twice
            passages.add(text)
    return passages


def update(language: str, notebook: Path) -> Catalog:
    """Bring the translations of a notebook up to date with its passages, and return them."""
    path = catalog_path(language, notebook)
    catalog = (
        read_translations(path)
        if path.is_file()
        else Catalog(language, project="Sign language recognition", header_comment=COMMENT)
    )
    catalog.update(extract(notebook))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, catalog, width=100, omit_header=False)
    return catalog


def read_translations(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.parent.name)


def translations(catalog: Catalog) -> dict[str, str]:
    """Return passage -> translation, without those that have none or whose passage has changed since."""
    return {str(one.id): str(one.string) for one in catalog if one.id and one.string and not one.fuzzy}


def put_back(notebook: nbformat.NotebookNode, catalog: Catalog) -> None:
    """Replace each passage of a notebook that has a translation, however its lines are broken; in place."""
    for text, translation in sorted(translations(catalog).items(), key=lambda pair: -len(pair[0])):
        words = r"\s+".join(map(re.escape, text.split()))  # the longest come first: they may contain short ones
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = re.sub(rf"(?<!\S){words}(?!\S)", translation.replace("\\", r"\\"), cell.source)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("language", help="such as de")
    parser.add_argument("number", help="of the notebook, such as 01")
    options = parser.parse_args()
    [path] = (ROOT / "notebooks").glob(f"{options.number}_*.ipynb")
    catalog = update(options.language, path)
    notebook = nbformat.read(path, as_version=4)
    put_back(notebook, catalog)
    output = ROOT / f"notebooks_{options.language}" / path.name
    output.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, output)
    print(f"{len(translations(catalog))} of {len(catalog)} passages are translated: {output.relative_to(ROOT)}")
    print(f"Translate in {catalog_path(options.language, path).relative_to(ROOT)}, then run this again.")


if __name__ == "__main__":
    main()
