"""Draw the diagrams of the notebooks as SVG files in docs/images: `python scripts/drawings.py`.

A drawing is text: it stays sharp at any size, and a changed word is a changed line. It has a ground of its own, light
or dark as the system is: the theme of a page may be the other one.
"""

from __future__ import annotations

from html import escape
from pathlib import Path

STATIONS = {
    "recording": ("01",),
    "landmarks": ("02",),
    "preprocessing": ("03",),
    "augmentation": ("04",),
    "network": ("05", "06", "07", "08", "09", "10"),
    "evaluation": ("11",),
    "live": ("12", "13"),
}
"""The way of a clip through the course: each station, with the numbers of its notebooks."""
IMAGES = Path(__file__).resolve().parent.parent / "docs/images"
STYLE = """\
text { font: 15px system-ui, sans-serif; fill: #222; text-anchor: middle }
.small { font-size: 12.5px; fill: #555 }
rect { fill: #eef3fa; stroke: #4878a8; stroke-width: 1.5 }
.data { fill: #fff; stroke: #999 }
.model { fill: #fdf1dd; stroke: #c98a1b }
.page { fill: #fff; stroke: none }
.here { fill: #fdf1dd; stroke: #c98a1b; stroke-width: 3 }
path { fill: none; stroke: #666; stroke-width: 1.8; marker-end: url(#head) }
.loop { stroke-dasharray: 5 4 }
#head path { fill: #666; stroke: none; marker-end: none }
@media (prefers-color-scheme: dark) {
  text { fill: #eee }
  .small { fill: #bbb }
  rect { fill: #22344a; stroke: #7fb0e0 }
  .data { fill: #2a2a2a; stroke: #888 }
  .model, .here { fill: #46371a; stroke: #e0b057 }
  .page { fill: #1b1b1b; stroke: none }
  path { stroke: #aaa }
  #head path { fill: #aaa }
}"""
HEAD = """\
<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path d="M0 0 8 4 0 8z"/></marker></defs>"""


def box(x: float, y: float, lines: str, *, kind: str = "", width: float = 150, height: float = 58) -> str:
    """Return a box around (x, y), its middle; the first of its lines is large, the others are small."""
    first, *others = lines.split("\n")
    top = y + 5 - 8 * len(others)
    text = f'<text x="{x}" y="{top}">{escape(first)}</text>'
    for number, line in enumerate(others, start=1):
        text += f'<text class="small" x="{x}" y="{top + 17 * number}">{escape(line)}</text>'
    place = f'x="{x - width / 2}" y="{y - height / 2}" width="{width}" height="{height}"'
    return f'<rect class="{kind}" {place} rx="8"/>{text}'


def arrow(path: str, *, kind: str = "") -> str:
    """Return an arrow along an SVG path."""
    return f'<path class="{kind}" d="{path}"/>'


def label(x: float, y: float, text: str) -> str:
    """Return a line of small text around (x, y)."""
    return f'<text class="small" x="{x}" y="{y}">{escape(text)}</text>'


def drawing(name: str, title: str, width: int, height: int, *parts: str) -> None:
    """Write docs/images/<name>.svg."""
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'  # no wider, however wide the page is
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
    page = f'<rect class="page" width="{width}" height="{height}" rx="8"/>'
    lines = [opening, f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>", HEAD, page, *parts, "</svg>"]
    svg = "\n".join(lines) + "\n"
    (IMAGES / f"{name}.svg").write_text(svg, encoding="utf-8")


def tracker() -> None:
    """Draw the steps from a frame to its landmarks (notebook 02)."""
    drawing(
        "tracker",
        "The steps of the tracker, from a frame to the landmarks of body, hands and face",
        860,
        400,
        box(85, 60, "frame\nH × W × 3", kind="data", width=120),
        box(270, 60, "pose detector\nbox and 4 points of a person", kind="model", width=200),
        box(480, 60, "pose region\na turned square", width=150),
        box(690, 60, "pose landmarks\n33 points, confidences", kind="model", width=190),
        box(690, 170, "one-euro filter\nsteady at rest, quick in motion", width=230),
        box(690, 280, "hand region\nfrom wrist and knuckles", width=190),
        box(480, 280, "re-crop\ntwo points, a better square", kind="model", width=190),
        box(260, 280, "hand landmarks\n21 points, is it a hand?", kind="model", width=190),
        box(610, 365, "face region, detector, 468 landmarks, if asked for", kind="model", width=430, height=42),
        arrow("M145 60H168"),
        arrow("M370 60H403"),
        arrow("M555 60H593"),
        arrow("M690 89V139"),
        arrow("M690 199V249"),
        arrow("M595 280H577"),
        arrow("M385 280H357"),
        arrow("M805 170H845V365H828"),
        arrow("M575 170H480V91", kind="loop"),
        label(330, 140, "the next frame's region: no detector needed"),
        arrow("M260 251V225H480V249", kind="loop"),
        label(370, 218, "the next frame's region, if both agree"),
        label(85, 280, "twice: left, right"),
    )


def pipeline(notebook: str) -> None:
    """Draw the way of a clip through the course, with the station of a notebook marked, as pipeline_NN.svg."""
    parts = [arrow("M124 56H139"), arrow("M254 56H269"), arrow("M384 56H399")]
    parts += [arrow("M457 82V100H67V118"), arrow("M124 146H139"), arrow("M254 146H269")]
    title = ""
    for index, (station, notebooks) in enumerate(STATIONS.items()):
        row, column = divmod(index, 4)
        x, y = 67 + 130 * column, 56 + 90 * row
        numbers = ", ".join(notebooks) if len(notebooks) < 3 else f"{notebooks[0]} to {notebooks[-1]}"
        here = notebook in notebooks
        parts.append(box(x, y, f"{station}\n{numbers}", kind="here" if here else "", width=114, height=52))
        if here:  # the label is where no arrow is
            parts.append(label(x, y + (45 if row else -34), f"{'▲' if row else '▼'} {notebook}: you are here"))
            title = f"From a recording to live recognition in seven steps; notebook {notebook} is at: {station}"
    drawing(f"pipeline_{notebook}", title, 524, 204, *parts)


if __name__ == "__main__":
    for number in (number for notebooks in STATIONS.values() for number in notebooks):
        pipeline(number)
    tracker()
