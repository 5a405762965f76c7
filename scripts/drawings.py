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
circle { fill: #fff; stroke: #666; stroke-width: 1.5 }
circle.here { stroke: #c98a1b; stroke-width: 1.5 }
path { fill: none; stroke: #666; stroke-width: 1.8; marker-end: url(#head) }
.loop { stroke-dasharray: 5 4 }
.line { marker-end: none }
.faint { stroke: #bbb; fill: none; stroke-dasharray: 3 3 }
#head path { fill: #666; stroke: none; marker-end: none }
@media (prefers-color-scheme: dark) {
  text { fill: #eee }
  .small { fill: #bbb }
  rect { fill: #22344a; stroke: #7fb0e0 }
  .data { fill: #2a2a2a; stroke: #888 }
  .model, .here { fill: #46371a; stroke: #e0b057 }
  .page { fill: #1b1b1b; stroke: none }
  circle { fill: #2a2a2a; stroke: #aaa }
  circle.here { stroke: #e0b057 }
  path { stroke: #aaa }
  .faint { stroke: #666 }
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
    return f'<rect class="{kind}" {place} rx="{height / 2 if kind == "model" else 8}"/>{text}'


def arrow(path: str, *, kind: str = "") -> str:
    """Return an arrow along an SVG path."""
    return f'<path class="{kind}" d="{path}"/>'


def operation(x: float, y: float, sign: str) -> str:
    """Return a small circle around (x, y) with what is done there: × or +."""
    return f'<circle cx="{x}" cy="{y}" r="12"/><text x="{x}" y="{y + 5}">{sign}</text>'


def dot(x: float, y: float, *, kind: str = "", radius: float = 6) -> str:
    """Return a dot around (x, y)."""
    return f'<circle class="{kind}" cx="{x}" cy="{y}" r="{radius}"/>'


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
        460,
        560,
        box(120, 45, "frame\nH × W × 3", kind="data", width=200),
        box(120, 135, "pose detector\nbox and 4 points of a person", kind="model", width=200),
        box(120, 225, "pose region\na turned square", width=200),
        box(120, 315, "pose landmarks\n33 points, confidences", kind="model", width=200),
        box(120, 405, "one-euro filter\nsteady at rest, quick in motion", width=204),
        box(340, 405, "hand region\nfrom wrist and knuckles", width=190),
        box(340, 315, "re-crop\ntwo points, a better square", kind="model", width=190),
        box(340, 225, "hand landmarks\n21 points, is it a hand?", kind="model", width=190),
        box(227, 480, "face region, detector, 468 landmarks, if requested", kind="model", width=414, height=42),
        arrow("M120 74V104"),
        arrow("M120 164V194"),
        arrow("M120 254V284"),
        arrow("M120 344V374"),
        arrow("M222 405H243"),
        arrow("M340 376V346"),
        arrow("M340 286V256"),
        arrow("M120 434V457"),
        arrow("M18 405H8V225H18", kind="loop"),
        arrow("M435 225H450V270H344", kind="loop"),
        label(340, 184, "twice: left hand, right hand"),
        label(230, 527, "Dashed: a region for the next frame. The pose then needs no detector;"),
        label(230, 545, "a hand's replaces that of the re-crop, if both agree."),
    )


def recipe() -> None:
    """Draw the steps of a recipe, from landmarks to features (notebook 03)."""
    drawing(
        "recipe",
        "The steps of a recipe, from the landmarks of a clip to its features",
        460,
        330,
        box(115, 45, "landmarks of a clip\nas many frames as filmed", kind="data", width=190),
        box(115, 145, "the body's own frame\nbetween the shoulders: 0\ntheir distance: 1", width=190, height=74),
        box(115, 255, "short gaps\nfilled by straight lines", width=190),
        box(345, 255, "resampling\n30 frames for everybody", width=190),
        box(345, 145, "hands in their own frame\nthe wrist: 0; NaN becomes\na 0 and a mask", width=210, height=74),
        box(345, 45, "features\n30 rows of numbers", kind="data", width=190),
        arrow("M115 74V106"),
        arrow("M115 182V224"),
        arrow("M210 255H248"),
        arrow("M345 226V184"),
        arrow("M345 108V76"),
        label(230, 312, "The same recipe for training, test and live recognition."),
    )


def lstm() -> None:
    """Draw one frame's step of an LSTM, with its three gates (notebook 05)."""
    drawing(
        "lstm",
        "One step of an LSTM: three gates decide what of the state is kept, written and shown",
        470,
        300,
        box(62, 45, "state\nbefore", kind="data", width=84, height=50),
        operation(150, 45, "×"),
        operation(243, 45, "+"),
        operation(243, 110, "×"),
        box(345, 45, "state\nafter", kind="data", width=84, height=50),
        operation(408, 110, "×"),
        box(66, 190, "keep\ngate, 0 to 1", kind="model", width=100),
        box(180, 190, "write\ngate, 0 to 1", kind="model", width=100),
        box(294, 190, "what the\nframe says", kind="model", width=100),
        box(408, 190, "show\ngate, 0 to 1", kind="model", width=100),
        box(237, 270, "this frame, and the output of the frame before", kind="data", width=442, height=36),
        *[arrow(f"M{x} 252V222") for x in (66, 180, 294, 408)],
        arrow("M104 45H135"),
        arrow("M162 45H228"),
        arrow("M255 45H300"),
        arrow("M66 161V110H150V60"),
        arrow("M180 161V110H228"),
        arrow("M294 161V110H258"),
        arrow("M243 98V60"),
        arrow("M387 45H408V95"),
        arrow("M408 161V125"),
        arrow("M420 110H460"),
        label(438, 98, "output"),
    )


def dilation() -> None:
    """Draw three dilated causal convolutions: what the last frame of the top row sees (notebook 06)."""
    rows, now, seen = (250, 180, 110, 40), 14, {14}
    parts = [label(20 + 24 * now, 288, "now"), label(418, 288, "to come")]
    for layer in (3, 2, 1):
        y, below, gap = rows[layer], rows[layer - 1], 2 ** (layer - 1)
        steps = {(frame, frame - back * gap) for frame in seen for back in range(3)}
        parts += [
            arrow(f"M{20 + 24 * old} {below - 7}L{20 + 24 * new} {y + 9}", kind="line") for new, old in sorted(steps)
        ]
        parts += [dot(20 + 24 * frame, y, kind="here" if frame in seen else "faint") for frame in range(18)]
        parts.append(label(414, y + 40, f"dilation {gap}"))
        seen = {old for _, old in steps}
    parts += [dot(20 + 24 * frame, rows[0], kind="here" if frame in seen else "faint") for frame in range(18)]
    title = "Three convolutions with dilations 1, 2 and 4: the last frame sees itself and 14 frames before, none after"
    drawing("dilation", title, 450, 300, *parts, label(120, 288, "frames of the clip"))


def attention() -> None:
    """Draw how one frame of a clip attends to all of them (notebook 07)."""
    places, weights = (50, 140, 230, 320, 410), (5, 20, 50, 20, 5)
    parts = [box(230, 40, "query of frame 3\nwhat it looks for", kind="model", width=190)]
    for number, (x, weight) in enumerate(zip(places, weights, strict=True), start=1):
        parts.append(arrow(f"M230 69L{x} 108"))
        parts.append(box(x, 130, f"key {number}", width=72, height=40))
        parts.append(arrow(f"M{x} 150V183"))
        parts.append(box(x, 202, f"{weight} %", kind="here" if weight == 50 else "data", width=72, height=34))
        parts.append(arrow(f"M{x} 219V252"))
        parts.append(box(x, 272, f"value {number}", width=72, height=38))
        parts.append(arrow(f"M{x} 291L{230 + (x - 230) / 4} 328"))
    parts.append(box(230, 350, "frame 3, new: their weighted mean", kind="model", width=300, height=40))
    title = "Attention: a frame's query is compared with the keys of all frames; the weights mix their values"
    labels = [label(400, 72, "how much alike?"), label(185, 172, "softmax")]
    drawing("attention", title, 460, 385, *parts, *labels)


def two_streams() -> None:
    """Draw a filter over space and time, and the two networks of such filters (notebook 10)."""
    frames = [f'<rect class="data" x="{20 + 16 * n}" y="{60 - 8 * n}" width="110" height="84"/>' for n in range(6)]
    cube = [f'<rect class="here" x="{52 + 16 * n}" y="{92 - 8 * n}" width="34" height="34"/>' for n in range(3)]
    drawing(
        "two_streams",
        "A filter over space and time, and two networks of such filters, one for colours and one for flow",
        460,
        400,
        *frames,
        *cube,
        label(134, 168, "frames of a clip, and a filter over three"),
        arrow("M120 92H290"),
        box(365, 92, "one number\nfor each place\nand each time", kind="data", width=140, height=74),
        label(240, 76, "multiply, add"),
        box(85, 230, "colours\nof the frames", kind="data", width=120),
        box(85, 330, "optical flow\nright and down", kind="data", width=120),
        box(235, 230, "I3D\nlayers of such filters", kind="model", width=140),
        box(235, 330, "I3D\na second network", kind="model", width=140),
        box(392, 280, "mean\nof both answers", width=112),
        arrow("M145 230H163"),
        arrow("M145 330H163"),
        arrow("M305 230L338 258"),
        arrow("M305 330L338 302"),
        arrow("M392 309V342"),
        box(392, 364, "sign", kind="data", width=80, height=40),
    )


def embedding() -> None:
    """Draw clips as points of an embedding, with a threshold (notebook 13)."""
    book, tree = ((285, 75), (318, 58), (305, 92)), ((395, 175), (418, 196), (385, 205))
    drawing(
        "embedding",
        "A network makes a point of every clip; a new clip gets the word of its nearest example, if near enough",
        470,
        290,
        box(62, 60, "clip\nof a sign", kind="data", width=90),
        box(62, 160, "network\n128 numbers", kind="model", width=116),
        arrow("M62 89V129"),
        arrow("M120 160H172"),
        label(146, 150, "a point"),
        '<rect class="data" x="178" y="16" width="280" height="232" rx="8"/>',
        dot(303, 75, kind="faint", radius=52),
        dot(400, 190, kind="faint", radius=46),
        *[dot(x, y, kind="here") for x, y in (*book, *tree)],
        *[
            label(x + dx, y + dy, text)
            for (x, y), text, dx, dy in ((book[0], "BOOK", -78, -20), (tree[0], "TREE", 5, -38))
        ],
        dot(275, 108),
        arrow("M272 100L281 84", kind="line"),
        label(228, 128, "new: BOOK"),
        dot(235, 205),
        label(262, 228, "new: not a sign I know"),
        label(235, 275, "Filled rings: examples. Dashed: how near is near enough (the threshold)."),
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
    for draw in (tracker, recipe, lstm, dilation, attention, two_streams, embedding):
        draw()
