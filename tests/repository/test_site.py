"""The site is built from the stored notebooks, once, and looked at as a reader, a screen reader and a phone would."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

from scripts.build_site import add_live_page, build, contents, for_book, read_figures, stage
from scripts.check_site import check_site
from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site; a warning of Sphinx is an error."""
    folder = tmp_path_factory.mktemp("book")
    stage(ROOT, folder / "src")
    build(folder / "src", folder / "site")
    add_live_page(folder / "site", root=folder)
    return folder / "site"


@pytest.fixture(scope="module")
def faults(site):
    return check_site(site)


def test_all_notebooks_and_pages_are_in_the_book_and_in_its_contents(site):
    pages = {path.relative_to(ROOT).with_suffix(".html").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    pages |= {f"notebooks/{path.stem}.html" for path in NOTEBOOKS} | {"README.html", "CHANGELOG.html"}
    landing = (site / "index.html").read_text(encoding="utf-8")
    for page in pages - {"docs/index.html"}:
        assert (site / page).is_file(), page
        assert f'href="{page}"' in landing, page
    assert len(NOTEBOOKS) == 13


def test_the_landing_page_names_every_notebook_by_its_title(site):
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for path in NOTEBOOKS:
        title = nbformat.read(path, as_version=4).cells[0].source.splitlines()[0].removeprefix("# ")
        assert f"[{title}](../notebooks/{path.name})" in text


def test_a_book_without_the_demo_s_network_says_how_to_make_its_live_page(site):
    assert 'href="live/index.html"' in (site / "index.html").read_text(encoding="utf-8")
    text = (site / "live" / "index.html").read_text(encoding="utf-8")
    assert "Run make demo there." in text
    assert "make site" in text


def test_the_book_has_no_dead_link_no_skipped_heading_and_no_request_to_another_host(faults):
    assert not [fault for fault in faults if not re.search("alt text|aria-label", fault)]


def test_every_picture_and_video_of_the_book_is_described(faults):
    described = [fault for fault in faults if re.search("alt text|aria-label", fault)]
    assert not described, "Store the notebooks again (`make notebooks`), so that their figures carry their alt text."


class Folded(HTMLParser):
    """Finds solution cells that are not folded away, and counts those that are."""

    def __init__(self, text):
        super().__init__()
        self.depth, self.solutions, self.open, self.inside = 0, 0, 0, []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        classes = (dict(attrs).get("class") or "").split()
        if tag == "div":
            self.inside.append("tag_solution" in classes)
        self.depth += tag == "details"
        self.solutions += "tag_solution" in classes or "solution" in classes
        if "cell_input" in classes and any(self.inside):
            self.open += self.depth == 0

    def handle_endtag(self, tag):
        if tag == "div":
            self.inside.pop()
        self.depth -= tag == "details"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_solutions_are_folded_and_test_markers_removed(site, path):
    text = (site / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if "solution" in cell.metadata.get("tags", [])]
    page = Folded(text)
    assert page.solutions == len(cells) >= 1
    assert page.open == 0, "A solution lies open."
    assert text.count("Show the solution") >= len(cells)
    assert "NBVAL_" not in text


def test_nothing_of_the_book_is_wider_than_a_phone(site):
    browser, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("There is no Chromium here. Debian, Ubuntu: sudo apt-get install chromium chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
        options.add_argument(flag)
    window = webdriver.Chrome(options=options, service=Service(driver))
    try:
        phone = {"width": 390, "height": 900, "deviceScaleFactor": 1, "mobile": True}
        window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
        widths = {}
        for page in sorted(site.rglob("*.html")):
            if "_static" not in page.parts:
                window.get(page.as_uri())
                widths[page.name] = window.execute_script("return document.documentElement.scrollWidth")
    finally:
        window.quit()
    assert len(widths) > len(NOTEBOOKS)
    assert {name: width for name, width in widths.items() if width > 390} == {}


def test_unlisted_pages_are_added_to_the_contents():
    pages = [ROOT / "docs" / name for name in ("teaching.md", "reliability.md", "new_idea.md", "datasets/README.md")]
    text = contents(ROOT, [Path("notebooks/01_download.ipynb"), Path("notebooks/13_new.ipynb")], pages)
    parts = dict(re.findall(r":caption: (.*)\n\n((?:.+\n)*)```", text))
    assert parts["Compare and use"].split() == ["notebooks/13_new"]
    assert {"docs/teaching", "docs/new_idea"} <= set(parts["For you"].split())
    assert parts["For maintainers"].split() == ["docs/reliability"]
    assert parts["Data sets"].split() == ["docs/datasets/README"]
    assert "Sequence models" not in parts, "A part without a page has no place."


def test_the_targets_of_a_page_s_links_are_staged_with_it(tmp_path):
    root = tmp_path / "course"
    for name, text in {
        "docs/index.md": "# Course\n[one](../notebooks/01_a.ipynb) [rules](../LICENSE) [data](datasets/)",
        "docs/guide.md": "# Guide\n[folder](../params) [file](../params/demo.yaml#L3) `[code](../params/other.yaml)`",
        "docs/datasets/README.md": "# Data\n[back](../index.md) [guide](../guide.md#guide)",
        "README.md": "# Readme\n[tools](./docs)",
        "LICENSE": "MIT",
        "params/demo.yaml": "",
        "params/other.yaml": "",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "notebooks").mkdir()
    nbformat.write(nbformat.v4.new_notebook(), root / "notebooks" / "01_a.ipynb")
    stage(root, tmp_path / "src")
    landing = (tmp_path / "src" / "index.md").read_text()
    assert "[one](notebooks/01_a.ipynb) [rules](LICENSE) [data](docs/datasets/README.md)" in landing
    assert (
        (tmp_path / "src" / "docs" / "guide.md").read_text().startswith("# Guide\nfolder [file](../params/demo.yaml) `")
    )
    assert (
        (tmp_path / "src" / "docs" / "datasets" / "README.md").read_text().startswith("# Data\n[back](../../index.md)")
    )
    staged = {path.relative_to(tmp_path / "src").as_posix() for path in (tmp_path / "src").rglob("*") if path.is_file()}
    assert {"LICENSE", "params/demo.yaml"} <= staged
    assert "params/other.yaml" not in staged


def test_a_control_that_needs_a_kernel_becomes_a_sentence_and_a_solution_in_words_is_folded():
    control = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "VBox()"}
    output = nbformat.v4.new_output("display_data", control)
    cell = nbformat.v4.new_code_cell("# NBVAL_CHECK_OUTPUT\nexplore()", outputs=[output])
    words = nbformat.v4.new_markdown_cell("## Answer\nBecause.", metadata={"tags": ["solution"]})
    notebook = nbformat.v4.new_notebook(cells=[cell, words], metadata={"widgets": {"state": {}}})
    for_book(notebook)
    assert cell.source == "explore()"
    assert list(output.data) == ["text/plain"]
    assert "open the notebook in JupyterLab" in output.data["text/plain"]
    assert "widgets" not in notebook.metadata
    assert words.source.startswith("<details")
    assert words.source.endswith("</details>")
    assert "**Answer**" in words.source
    assert "## Answer" not in words.source


def test_a_figure_is_known_by_its_content_with_its_alt_text_and_its_width():
    import base64
    import hashlib
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (640, 20)).save(buffer, "PNG")
    picture = base64.b64encode(buffer.getvalue()).decode()
    output = nbformat.v4.new_output("display_data", {"image/png": picture}, metadata={"image/png": {"alt": "A line."}})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("draw()", outputs=[output])])
    assert read_figures(notebook) == {hashlib.sha256(buffer.getvalue()).hexdigest(): {"alt": "A line.", "width": 640}}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('<a href="gone.html">x</a>', "the link gone.html leads nowhere"),
        ('<a href="other.html#gone">x</a>', "leads to a page without that anchor"),
        ('<a href="#gone">x</a>', "leads to a page without that anchor"),
        ('<img src="a.png" alt="_images/a.png">', "the image a.png has no alt text"),
        ('<img src="a.png">', "the image a.png has no alt text"),
        ("<video></video>", "a video has neither aria-label nor title"),
        (
            '<script src="https://cdn.example.org/a.js"></script>',
            "loads https://cdn.example.org/a.js from another host",
        ),
        ('<link rel="stylesheet" href="//fonts.example.org/a.css">', "from another host"),
        ('<a href="https://example.org/a).">x</a>', "ends with a mark that belongs to its sentence"),
        ('<a href="https://nowhere/a">x</a>', "is not well formed"),
        ('<a href="ftp://example.org">x</a>', "has the scheme ftp"),
        ("<article><h1>a</h1><h3>b</h3></article>", "a heading of level 3 follows one of level 1"),
        ("<article><h2>b</h2></article>", "has 0 titles"),
    ],
)
def test_a_fault_of_a_page_is_named(tmp_path, body, said):
    (tmp_path / "a.png").touch()
    (tmp_path / "other.html").write_text('<p id="here">x</p>')
    (tmp_path / "page.html").write_text(body)
    found = check_site(tmp_path)
    assert len(found) == 1
    assert found[0].startswith("page.html: ")
    assert said in found[0]


def test_a_valid_page_has_no_fault_and_a_remote_font_is_one(tmp_path):
    (tmp_path / "other.html").write_text('<p id="here">x</p>')
    (tmp_path / "a b.png").touch()
    links = ["other.html#here", "#top", "a%20b.png", "https://en.wikipedia.org/wiki/Sign_(linguistics)"]
    links += ["http://localhost:8888/lab", "mailto:a@example.org"]
    text = "".join(f'<a href="{link}">x</a>' for link in links) + '<img src="a%20b.png" alt="Two signers.">'
    (tmp_path / "page.html").write_text(f'<article><h1 id="top">a</h1><h2>b</h2>{text}</article>')
    assert check_site(tmp_path) == []
    (tmp_path / "a.css").write_text("@import url(https://fonts.example.org/a.css);")
    assert check_site(tmp_path) == ["a.css: loads https://fonts.example.org/a.css from another host."]
    assert check_site(tmp_path / "empty") == [f"{tmp_path / 'empty'} holds no page."]
