"""What the course's pages promise each other: links lead somewhere, and every word of the glossary is there."""

import json
import re

import pytest

from tests.conftest import ROOT

GLOSSARY = ROOT / "docs" / "glossary.md"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = [*NOTEBOOKS, *sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
MADE_LATER = ("data", "outputs", "build", ".venv")  # folders that a fresh clone does not have
CODE = re.compile(r"^( *)(```|~~~).*?^\1\2|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(
    r"\]\(<?([^\s()<>]+(?:\([^\s()]*\)[^\s()]*)?)>?(?:\s+\"[^\"]*\")?\)|<(?:img|a)\b[^>]*?(?:src|href)=\"([^\"]+)\""
)


def text_of(page):
    """Return a page's prose as Markdown: of a notebook, its text cells."""
    if page.suffix != ".ipynb":
        return page.read_text(encoding="utf-8")
    cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def links_of(page):
    """Return where a page's links lead, those in code left out."""
    return [markdown or html for markdown, html in LINK.findall(CODE.sub("", text_of(page)))]


def headings_of(page):
    return re.findall(
        r"^#+ +(.+?) *$", CODE.sub(lambda code: code[0] if "\n" not in code[0] else "", text_of(page)), re.M
    )


def slugs_of(page):
    """Return the anchors of a page's headings, as GitHub and Sphinx (and, of notebooks, JupyterLab) make them."""
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings_of(page)}
    if page.suffix == ".ipynb":
        slugs |= {heading.replace(" ", "-") for heading in headings_of(page)}
    return slugs


def where_a_link_leads_nowhere(page):
    """Return a sentence for each relative link of a page that leads to no file or no heading of the course."""
    complaints = []
    for link in links_of(page):
        if re.match(r"[a-z][a-z+.-]*:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.is_relative_to(ROOT) or target.relative_to(ROOT).parts[:1] in [(name,) for name in MADE_LATER]:
            complaints.append(f"{link} leads out of what a fresh clone has")
        elif not target.exists():
            complaints.append(f"{link}: there is no such file")
        elif anchor and anchor not in slugs_of(target):
            complaints.append(f"{link}: {target.name} has no such heading")
    return complaints


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_to_a_file_and_a_heading_of_the_course(page):
    assert where_a_link_leads_nowhere(page) == []


@pytest.mark.parametrize(
    ("link", "complaint"),
    [
        ("[a page](nowhere.md)", "there is no such file"),
        ("[a word](glossary.md#no-such-word)", "has no such heading"),
        ("[![a picture](nowhere.png)](glossary.md)", "there is no such file"),
        ('<img src="nowhere.png">', "there is no such file"),
        ("[a result](../outputs/demo/report.html)", "leads out of what a fresh clone has"),
        ("[a neighbour](../../secret.md)", "leads out of what a fresh clone has"),
        ("[a word](glossary.md#mcnemars-test), [a site](https://example.org/no.md), `[code](no.md)`", None),
    ],
)
def test_a_broken_link_is_named(tmp_path, monkeypatch, link, complaint):
    monkeypatch.setattr("tests.repository.test_pages.ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "glossary.md").write_text("# Glossary\n\n## McNemar's test\n")
    page = tmp_path / "docs" / "page.md"
    page.write_text(f"# A page\n\n{link}\n\n```\n[code](no.md)\n```\n")
    said = where_a_link_leads_nowhere(page)
    assert len(said) == (complaint is not None)
    assert complaint is None or complaint in said[0]


def test_the_glossary_is_alphabetical_without_duplicates():
    title, *words = headings_of(GLOSSARY)
    assert title == "Glossary"
    assert len(words) > 80
    assert words == sorted(set(words), key=str.casefold)


def test_every_word_of_the_glossary_is_explained_in_a_few_sentences_and_leads_to_a_notebook():
    entries = re.split(r"^## ", text_of(GLOSSARY), flags=re.M)[1:]
    for entry in entries:
        word, _, text = entry.partition("\n")
        assert 20 <= len(text.split()) <= 110, f"{word}: {len(text.split())} words"
        assert re.search(r"\.\./notebooks/\d\d_\w+\.ipynb", text), f"{word} leads to no notebook."


def test_the_readme_is_short_names_every_notebook_and_leads_to_every_page():
    page = ROOT / "README.md"
    assert len(page.read_text(encoding="utf-8").split()) <= 900
    linked = {link.partition("#")[0] for link in links_of(page)}
    pages = {path.relative_to(ROOT).as_posix() for path in [*NOTEBOOKS, *(ROOT / "docs").glob("*.md")]}
    assert pages - {"docs/index.md"} <= linked


PRACTICE = {"quiz", "exercise", "solution", "check"}
MINUTES = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8}


def minutes_to_read(notebook):
    """Return the minutes by the rule of docs/teaching.md, without quiz and exercises."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    lesson = [cell for cell in cells if PRACTICE.isdisjoint(cell["metadata"].get("tags", []))]
    prose = "\n".join("".join(cell["source"]) for cell in lesson if cell["cell_type"] == "markdown")
    prose = re.sub(r"!\[[^\]]*\]\([^)]*\)|\]\([^)]*\)", " ", prose)  # pictures, and where links lead
    words = [word for word in prose.split() if re.search(r"\w", word)]
    return len(words) / 150 + sum(cell["cell_type"] == "code" for cell in lesson) / 2


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_teachers_are_told_how_long_a_notebook_takes_to_read_and_to_run(notebook):
    plan = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
    read, run = re.search(rf"^\| {notebook.stem[:2]} [^|]*\|[^|]*\| (\d+), ([^|;]*\d min)", plan, re.M).groups()
    counted = minutes_to_read(notebook)
    assert abs(int(read) - counted) < 4, f"docs/teaching.md says {read} minutes, and {counted:.0f} were counted."
    says = re.search(r"\*\*It takes:\*\* (.*?minutes?( or two)?)", text_of(notebook), re.S)[1]
    takes = [str(MINUTES[word]) for word in re.findall(r"\w+", says) if word in MINUTES]
    assert re.findall(r"\d+", run) == takes, f"docs/teaching.md says {run.strip()}, and {notebook.name} {says}."
