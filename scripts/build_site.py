"""Build the course as a static book in build/site: `make site`.

The pages are the repository's own: the notebooks with their stored outputs, docs/, and the long texts of its root.
They are copied to a folder of their own and changed only where a book differs from JupyterLab: solutions fold away
with a line that says so, remarks for tests are dropped, and interactive controls, which need a kernel, are replaced
by a sentence.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import html
import json
import os
import posixpath
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import nbformat

from scripts.check_site import check_site

ROOT = Path(__file__).resolve().parent.parent
ROOT_PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")
PARTS = {
    "From videos to features": ("01", "02", "03", "04"),
    "Sequence models": ("05", "06", "07", "09"),
    "Pictures and video": ("08", "10"),
    "Compare and use": ("11", "12"),
}
"""Parts of the course -> numbers of their notebooks; one that is in none of them stands in the last."""
MAINTAINERS = ("CONTRIBUTING", "docs/reliability", "docs/readings", "docs/benchmarks", "docs/cluster", "CHANGELOG")
"""Pages for people who work on the course; the others are for everybody."""
LINK = re.compile(r"(\]\()(<[^>]*>|[^)\s]+)((?:\s+\"[^\"]*\")?\))")
"""A Markdown link's or image's target, between what stands before and after it."""
TEXT_LINK = re.compile(r"(?<!!)\[([^\[\]]*)\]\(([^)\s]+)\)")
CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]+`", re.DOTALL | re.MULTILINE)
WIDGET = "application/vnd.jupyter.widget-view+json"
NEEDS_KERNEL = "An interactive control stands here: open the notebook in JupyterLab to use it."


LIVE_LINK = """

## Sign into your camera

<p><a href="live/index.html">The live page</a> recognises isolated signs of the demo in your browser. No picture leaves
it.</p>
"""
NO_LIVE_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Live recognition of signs</title></head>
<body>
<h1>The live page is not in this copy of the book</h1>
<p>{reason}</p>
<p>After that, <code>make site</code> puts it here. <a href="../index.html">Back to the course</a></p>
</body>
</html>
"""


class SiteError(RuntimeError):
    """The site cannot be built, or has a fault; the message names the fault."""


def stage(root: Path, source: Path) -> None:
    """Copy all pages, and the files they link to, from the repository into the folder that Sphinx reads."""
    shutil.rmtree(source, ignore_errors=True)
    figures: dict[str, dict[str, Any]] = {}
    notebooks = sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    pages = [path for path in sorted((root / "docs").rglob("*.md")) if path != root / "docs" / "index.md"]
    pages += [root / name for name in ROOT_PAGES if (root / name).is_file()]
    linked: set[str] = set()
    for path in pages:
        folder = path.relative_to(root).parent.as_posix()
        text = _relinked(path.read_text(encoding="utf-8"), root, folder=folder)
        linked |= _targets(text, folder)
        _write(source / path.relative_to(root), text)
    for path in notebooks:
        notebook = nbformat.read(path, as_version=4)
        figures |= read_figures(notebook)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = _relinked(cell.source, root, folder="notebooks")
                linked |= _targets(cell.source, "notebooks")
        for_book(notebook)
        _write(source / "notebooks" / path.name, nbformat.writes(notebook))
    landing = (root / "docs" / "index.md").read_text(encoding="utf-8")
    landing = _relinked(landing, root, folder="docs", now="")
    linked |= _targets(landing, "")
    _write(source / "index.md", landing + LIVE_LINK + contents(root, notebooks, pages))
    _write(source / "figures.json", json.dumps(figures, ensure_ascii=False, indent=0))
    for name in sorted(linked):
        if (root / name).is_file() and not (source / name).exists():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, source / name)


def contents(root: Path, notebooks: list[Path], pages: list[Path]) -> str:
    """Return the table of contents that the landing page ends with: the course's parts, and two shelves."""
    rest = [path for path in notebooks if not any(path.name[:2] in numbers for numbers in PARTS.values())]
    parts: dict[str, list[str]] = {}
    for part, numbers in PARTS.items():
        parts[part] = [f"notebooks/{path.stem}" for path in notebooks if path.name[:2] in numbers]
    parts["Compare and use"] += [f"notebooks/{path.stem}" for path in rest]
    names = [path.relative_to(root).with_suffix("").as_posix() for path in pages]
    data_sets = [name for name in names if name.startswith("docs/datasets/")]
    everybody = [name for name in names if name not in ("README", *MAINTAINERS, *data_sets)]
    parts["For you"] = ["Overview <README>", *everybody]
    parts["Data sets"] = sorted(data_sets, key=lambda name: (posixpath.basename(name) != "README", name))
    parts["For maintainers"] = [name for name in MAINTAINERS if name in names]
    blocks = [
        "\n".join(["```{toctree}", ":hidden:", f":caption: {part}", "", *entries, "```"])
        for part, entries in parts.items()
        if entries
    ]
    return "\n\n" + "\n\n".join(blocks) + "\n"


def for_book(notebook: Any) -> None:
    """Change a notebook, in place, where a book differs from JupyterLab."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        tags = list(cell.metadata.get("tags", []))
        if cell.cell_type == "code":
            lines = [line for line in cell.source.splitlines() if not line.startswith("# NBVAL_")]
            cell.source = "\n".join(lines)
            cell.outputs = [_without_controls(output) for output in cell.outputs if output.get("name") != "stderr"]
            if "solution" in tags:
                cell.metadata["tags"] = [*tags, "hide-cell"]
                cell.metadata["mystnb"] = {
                    "code_prompt_show": "Show the solution",
                    "code_prompt_hide": "Hide the solution",
                }
        elif cell.cell_type == "markdown" and "solution" in tags:
            text = re.sub(r"^#+ (.*)$", r"**\1**", cell.source, flags=re.MULTILINE)
            cell.source = f'<details class="solution">\n<summary>Show the solution</summary>\n\n{text}\n\n</details>'


def read_figures(notebook: Any) -> dict[str, dict[str, Any]]:
    """Return alt text and width of every stored figure, by the SHA-256 of its bytes, which names its file in the book.

    Of each: its alt text, and its width in px.
    """
    figures: dict[str, dict[str, Any]] = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if picture := output.get("data", {}).get("image/png"):
                content = base64.b64decode(picture)
                alt = output.metadata.get("image/png", {}).get("alt", "")
                width = int.from_bytes(content[16:20], "big")  # of the header, with which every PNG begins
                figures[hashlib.sha256(content).hexdigest()] = {"alt": alt, "width": width}
    return figures


def build(source: Path, output: Path, *, builder: str = "html") -> None:
    """Run Sphinx over the staged pages; a warning is an error.

    Raises:
        SiteError: Sphinx warned or failed.
    """
    # As many processes as there are cores would each load all of Sphinx: one is as quick for some forty pages.
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-b",
        builder,
        "-c",
        str(ROOT / "docs"),
        "-W",
        "--keep-going",
        "-n",
        "-q",
    ]
    command += ["-d", str(source.parent / f"{source.name}-doctrees"), str(source), str(output)]
    environment = {**os.environ, "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False, env=environment)
    said = (done.stdout + done.stderr).replace(str(source), "").strip()
    if builder == "linkcheck":
        print(said)
    if done.returncode or (said and builder == "html"):
        raise SiteError(f"Sphinx is not content:\n{said}")


def add_live_page(output: Path, *, root: Path = ROOT) -> str:
    """Put the live page with a network of the demo into `live/` of a site, or a page that says what is missing.

    Args:
        output: folder of the site.
        root: the repository, with the `outputs/` of `make demo`.

    Returns:
        What is missing; "" where nothing is.
    """
    from asl_lib.landmarks.landmarks import LandmarkError
    from asl_lib.live.errors import LiveError
    from asl_lib.live.web.build import build_page

    try:
        build_page(output / "live", models=demo_network(root))
    except (LiveError, LandmarkError) as error:
        shutil.rmtree(output / "live", ignore_errors=True)
        _write(output / "live" / "index.html", NO_LIVE_PAGE.format(reason=html.escape(str(error))))
        return str(error)
    return ""


def demo_network(root: Path = ROOT) -> dict[str, Path]:
    """Return the folder of the demo's network for a live page, by a name to show: attention_lstm, or the newest.

    Raises:
        LiveError: there is none.
    """
    from asl_lib.live.errors import LiveError
    from asl_lib.live.networks import find_models

    found = [(name, path) for name, path in find_models(root / "outputs").items() if path.parts[-3] == "demo"]
    if not found:
        raise LiveError("The demo has not been trained on the computer that made this book. Run make demo there.")
    return dict([min(found, key=lambda one: one[1].parent.name != "attention_lstm")])


def build_site(output: Path, *, root: Path = ROOT, source: Path | None = None) -> None:
    """Stage, build and check the site.

    Args:
        output: folder of the site; an existing one is replaced.
        root: the repository.
        source: folder for the staged pages; beside the output unless given.

    Raises:
        SiteError: Sphinx warned, or a page has a dead link, an image without alt text or a file of another host.
    """
    source = source or output.with_name(f"{output.name}-src")
    shutil.rmtree(output, ignore_errors=True)
    stage(root, source)
    build(source, output)
    if missing := add_live_page(output, root=root):
        print(f"The live page is not in the book. {missing}")
    if faults := check_site(output):
        raise SiteError("\n".join([f"{len(faults)} faults:", *faults]))


def _without_controls(output: Any) -> Any:
    """Return an output with a sentence in place of its interactive control, which needs a kernel."""
    data = output.get("data", {})
    if WIDGET in data:
        del data[WIDGET]
        if not {"text/html", "image/png", "image/svg+xml"} & set(data):
            data["text/plain"] = NEEDS_KERNEL
    return output


def _targets(text: str, folder: str) -> set[str]:
    """Return the files that a Markdown text links to, as paths from the repository's root."""
    found = set()
    for _, target, _ in LINK.findall(CODE.sub("", text)):
        parts = urlsplit(target.strip("<>"))
        if not parts.scheme and parts.path:
            found.add(posixpath.normpath(posixpath.join(folder, unquote(parts.path))))
    return {name for name in found if not name.startswith("..")}


def _relinked(text: str, root: Path, *, folder: str, now: str | None = None) -> str:
    """Return a Markdown text with its links as the book needs them.

    A folder's link leads to its README, or, where that is no page, is plain text; the landing page stands at the root;
    a line of a file (`#L10`) is nothing that a downloaded file has.

    Args:
        text: of a page or a cell.
        root: the repository.
        folder: where the page is, from the root.
        now: where it is in the book; the same place unless given.
    """
    now = folder if now is None else now

    def place(target: str) -> str:
        path = urlsplit(target.strip("<>")).path
        name = posixpath.normpath(posixpath.join(folder, unquote(path)))
        linkable = path and not urlsplit(target).scheme and not name.startswith("..") and (root / name).exists()
        return name if linkable else ""

    def is_page(name: str) -> bool:
        return name.startswith(("docs/", "notebooks/")) or name in ROOT_PAGES

    def plain(match: re.Match[str]) -> str:
        name = place(match.group(2))
        lost = name and (root / name).is_dir() and not ((root / name / "README.md").is_file() and is_page(f"{name}/"))
        return match.group(1) if lost else match.group()

    def moved(match: re.Match[str]) -> str:
        before, target, after = match.groups()
        name, fragment = place(target), urlsplit(target.strip("<>")).fragment
        if not name:
            return match.group()
        if (root / name).is_dir():
            name = posixpath.join(name, "README.md")
        name = "index.md" if name == "docs/index.md" else name
        keeps = fragment and (is_page(name) or name == "index.md")
        return before + posixpath.relpath(name, now or ".") + (f"#{fragment}" if keeps else "") + after

    return LINK.sub(moved, TEXT_LINK.sub(plain, text))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "site", help="folder of the site")
    parser.add_argument("--links", action="store_true", help="ask the network for every external link instead")
    options = parser.parse_args()
    started = time.monotonic()
    try:
        if options.links:
            source = options.output.with_name(f"{options.output.name}-src")
            stage(ROOT, source)
            build(source, options.output.with_name(f"{options.output.name}-links"), builder="linkcheck")
            return
        build_site(options.output)
    except SiteError as error:
        raise SystemExit(str(error)) from None
    pages, seconds = len(list(options.output.rglob("*.html"))), time.monotonic() - started
    print(f"{pages} pages in {seconds:.0f} s, without a warning or a dead link: {options.output}/index.html")


if __name__ == "__main__":
    main()
