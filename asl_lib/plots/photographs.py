"""Figures of photographs: the detected hand, what mattered to a network, and its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from asl_lib._util.console import counted
from asl_lib.plots.drawing import picture_grid
from asl_lib.plots.style import HAND_LIMBS, PART_COLOURS, SMALL_TITLE, describe, listed, percent, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_photographs(
    images: Sequence[np.ndarray],
    titles: Sequence[str],
    *,
    hands: np.ndarray | None = None,
    heat: Sequence[np.ndarray] | None = None,
    columns: int = 8,
) -> Figure:
    """Show photographs with their titles in a grid.

    Args:
        images: (size, size, 3) RGB, from 0 to 255.
        titles: one per photograph.
        hands: (n, 21, 3) landmarks in widths of the photograph, drawn if given; NaN where no hand was found.
        heat: (size, size) each, as `occlusion_map` returns them, laid over the photographs in orange.
        columns: photographs in a row.
    """
    figure, axes = picture_grid(len(images), min(columns, len(images)), np.shape(images[0])[:2])
    for number, (ax, image, title) in enumerate(zip(axes, images, titles, strict=True)):
        size = len(image)
        ax.imshow(np.asarray(image).astype(np.uint8))
        ax.set_title(title, **SMALL_TITLE)
        if heat is not None:
            _overlay(ax, heat[number])
        if hands is not None and not np.isnan(hands[number, 0, 0]):
            points = hands[number] * size
            for start, end in HAND_LIMBS:
                ax.plot(*points[[start, end], :2].T, color=PART_COLOURS["right_hand"], linewidth=1.2)
        ax.set(xlim=(0, size - 1), ylim=(size - 1, 0))
    text = (
        f"{counted(len(images), 'photograph').capitalize()} of hands in a grid, titled {listed(dict.fromkeys(titles))}."
    )
    if hands is not None:
        text += f" The hand's landmarks are drawn where one was found: in {(~np.isnan(hands[:, 0, 0])).sum()}."
    if heat is not None:
        text += f" Orange lies over what mattered to the network: {_where(heat)}."
    return describe(figure, text)


def plot_answer(image: np.ndarray, names: Sequence[str], probabilities: np.ndarray) -> Figure:
    """Show one photograph beside a bar chart of a network's most probable answers.

    Args:
        image: (size, size, 3) RGB, from 0 to 255.
        names: the answers, the most probable first.
        probabilities: of each answer, from 0 to 1.
    """
    figure, (left, right) = subplots(1, 2, figsize=(6.4, 2.6), width_ratios=(1, 1.4))
    left.imshow(np.asarray(image).astype(np.uint8))
    left.axis("off")
    bars = right.barh(range(len(names)), np.asarray(probabilities) * 100)
    right.bar_label(bars, fmt="%.0f %%", padding=3)
    right.set(yticks=range(len(names)), yticklabels=names, xlim=(0, 115), xlabel="probability (%)")
    right.invert_yaxis()
    right.grid(False, axis="y")
    answers = (f"{name} {percent(float(share))}" for name, share in zip(names, probabilities, strict=True))
    return describe(figure, f"A photograph beside bars of the most probable answers: {listed(answers)}.")


def _where(heat: Sequence[np.ndarray]) -> str:
    """Return in words which share of the heat is in the central quarter of the photographs."""
    shares = []
    for importance in heat:
        weight = np.clip(importance, 0, None)
        edge = len(weight) // 4
        shares.append(weight[edge : len(weight) - edge, edge : len(weight) - edge].sum() / max(weight.sum(), 1e-9))
    return f"{percent(float(np.mean(shares)))} of it lies in the middle quarter of the area, on average"


def _overlay(ax: Any, heat: np.ndarray) -> None:
    """Draw heat over a photograph, more opaque where it is higher."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("importance", [(1, 0.55, 0, 0.0), (1, 0.45, 0, 0.75)])
    ax.imshow(np.clip(heat, 0, None), cmap=colours, vmin=0, vmax=max(float(heat.max()), 1e-6))
