"""The style of all figures (seaborn's colour-blind palette, readable sizes, light grid) and their alt text."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from IPython.core.getipython import get_ipython

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PART_COLOURS = {"pose": "#0173b2", "face": "#949494", "left_hand": "#de8f05", "right_hand": "#029e73"}
"""The colour of each part in every figure: blue, grey, orange and green of the colour-blind palette."""
PART_NAMES = {"pose": "pose", "face": "face", "left_hand": "left hand", "right_hand": "right hand"}

UPPER_BODY = 25
"""Number of pose landmarks drawn: down to the hips. MediaPipe guesses those below."""
POSE_LIMBS = (
    *((11, 12), (11, 13), (13, 15), (12, 14), (14, 16), (11, 23), (12, 24), (23, 24)),  # arms and trunk
    *((0, 2), (2, 7), (0, 5), (5, 8), (9, 10)),  # nose, eyes, ears, mouth
)
"""Pairs of pose landmarks joined by a line: those of the upper body."""
HAND_LIMBS = tuple(
    pair
    for base in (1, 5, 9, 13, 17)
    for pair in ((0, base), (base, base + 1), (base + 1, base + 2), (base + 2, base + 3))
)
LIMBS = {"pose": POSE_LIMBS, "face": (), "left_hand": HAND_LIMBS, "right_hand": HAND_LIMBS}
SMALL_TITLE: dict[str, Any] = {"fontsize": "small", "fontweight": "normal"}
"""Look of the title of each picture in a grid."""
DARK = 0.0194
"""Luminance of the grey "0.15", the colour of numbers on a pale background."""
_DESCRIPTIONS: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


def use_style() -> None:
    """Set the figure style of the course, and store alt text with every figure. Every notebook calls it once."""
    import seaborn as sns

    sns.set_theme(
        context="notebook",
        style="whitegrid",
        palette="colorblind",
        rc={
            "figure.dpi": 90,
            "savefig.dpi": 90,
            "figure.constrained_layout.use": True,
            "axes.titlesize": "medium",
            "axes.titleweight": "bold",
            "axes.spines.top": False,
            "axes.spines.right": False,
        },
    )
    _show_with_alt_text()


def subplots(*args: Any, **options: Any) -> Any:
    """Return `matplotlib.pyplot.subplots(...)`; pyplot, which takes half a second to import, is imported here."""
    import matplotlib.pyplot as plt

    return plt.subplots(*args, **options)


def describe(figure: Any, text: str) -> Any:
    """Set the alt text of a figure, for readers who cannot see it.

    Args:
        figure: a Matplotlib figure, or one of its axes.
        text: one to three sentences: the kind of figure, what it compares, and what it shows.

    Returns:
        The figure, so that a plotting function can end with `return describe(figure, ...)`.
    """
    figure = getattr(figure, "figure", None) or figure
    _DESCRIPTIONS[figure] = " ".join(text.split())
    return figure


def alt_text(figure: Any) -> str:
    """Return a figure's alt text: its title and the text given to `describe`, else its titles and axis labels."""
    title = figure.get_suptitle()
    if figure in _DESCRIPTIONS:
        text = _DESCRIPTIONS[figure]
        return f"{title.rstrip('.')}. {text}" if title and title.rstrip(".") not in text else text
    parts = [title] if title else []
    for axes in figure.axes:
        names = [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()]
        parts += [name for name in names if name and name not in parts]
    return "Figure: " + "; ".join(parts) + "." if parts else "A figure without a title."


def listed(names: Iterable[object], *, most: int = 6) -> str:
    """Return names as an enumeration in a sentence: "A", "A and B", "A, B and C", "A, B, C and 9 more"."""
    words = [str(name) for name in names]
    if len(words) > most:
        words = [*words[: most - 1], f"{len(words) - most + 1} more"]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def percent(share: float) -> str:
    """Return a share from 0 to 1 in words: "92 %" for 0.917; "0 %" and "100 %" only for exactly 0 and 1."""
    rounded = round(100 * share)
    if 0 < share < 1 and rounded in (0, 100):
        return "under 1 %" if rounded == 0 else "over 99 %"
    return f"{rounded} %"


def _show_with_alt_text() -> None:
    """Make notebooks store the alt text in the metadata of each figure, where nbconvert and the site read it."""
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    shell = get_ipython()
    if shell is None or shell.display_formatter is None:
        return
    plt.get_backend()  # a backend chosen later would replace our formatter
    plt.switch_backend(plt.get_backend())
    formatter = shell.display_formatter.formatters["image/png"]
    draw = formatter.type_printers.get(Figure)
    if draw is None or getattr(draw, "has_alt_text", False):
        return

    def draw_with_alt_text(figure: Any) -> tuple[Any, dict[str, str]]:
        return draw(figure), {"alt": alt_text(figure)}

    draw_with_alt_text.has_alt_text = True  # type: ignore[attr-defined]
    formatter.for_type(Figure, draw_with_alt_text)


def readable_numbers(ax: Axes) -> None:
    """Set the numbers in a heat map's cells to white or dark, whichever has the higher contrast with the cell.

    Contrast is defined as in the Web Content Accessibility Guidelines 2.2.
    """
    if not ax.texts:
        return
    cells: Any = ax.collections[0]
    columns = cells.get_array().shape[1]
    colours = cells.get_facecolors()[:, :3]
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    luminance = linear @ (0.2126, 0.7152, 0.0722)
    for number in ax.texts:
        x, y = number.get_position()
        light = luminance[int(y) * columns + int(x)]
        number.set_color("white" if 1.05 / (light + 0.05) > (light + 0.05) / (DARK + 0.05) else "0.15")


def shown_names(glosses: Iterable[object], labels: Mapping[str, str] | None = None) -> list[str]:
    """Return the label of each gloss's row or column: its word if it has one, else the gloss.

    Args:
        glosses: glosses in the order of the axis.
        labels: gloss -> word, as `Dataset.labels` gives them.
    """
    words = labels or {}
    return [words.get(gloss, gloss) for gloss in map(str, glosses)]
