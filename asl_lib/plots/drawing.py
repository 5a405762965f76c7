"""Drawing of landmarks, frames and grids, shared by the figures of clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from asl_lib.features.body import LEFT_WRIST, RECIPE_PARTS, RIGHT_WRIST
from asl_lib.features.handshape import WRIST
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.landmarks.landmarks import Landmarks
from asl_lib.plots.style import LIMBS, PART_COLOURS, UPPER_BODY, subplots

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


HAND_MARKERS = {"left_hand": "^", "right_hand": "."}
"""Markers of the hands, so that they differ by more than colour."""
UNITS = {"shoulders": "shoulder widths", "image": "image widths", "minmax": "bounding-box widths"}
"""A recipe's `body_frame` -> the unit of its coordinates."""


def draw_part(ax: Axes, points: np.ndarray, part: str, *, colour: str | None = None, dots: bool = True) -> None:
    """Draw one part, (l, 2 or more) points in data units, as lines and dots; NaN draws nothing."""
    colour = colour or PART_COLOURS[part]
    limbs, shown = part_shape(points, part)
    for limb in limbs:
        ax.plot(limb[:, 0], limb[:, 1], color=colour, lw=1.4, solid_capstyle="round")
    ax.plot(shown[:, 0], shown[:, 1], ".", color=colour, ms=2.5 if dots else 0.6)


def part_shape(points: np.ndarray, part: str) -> tuple[list[np.ndarray], np.ndarray]:
    """Return the limbs of a part, each (2, C), and the points drawn as dots, of its (l, C) points."""
    limbs = [points[[start, end]] for start, end in LIMBS[part] if max(start, end) < len(points)]
    return limbs, points[:UPPER_BODY] if part == "pose" else points


def draw_points(ax: Axes, points: np.ndarray, recipe: FeatureRecipe, *, colour: str | None = None) -> None:
    """Draw one frame of a clip, (L, C) points of a recipe, as a stick figure."""
    for part in recipe.parts:
        shown, tracked = points[recipe.columns(part)], RECIPE_PARTS[part][0]
        draw_part(ax, shown, tracked, colour=colour)
        if colour is None:
            _name_hand(ax, shown, tracked)
    if recipe.body_frame == "shoulders":
        ax.set_xlim(-1.7, 1.7)
        ax.set_ylim(2.1, -1.3)
    ax.set_aspect("equal")


def wrist_path(points: np.ndarray, recipe: FeatureRecipe, hand: str) -> np.ndarray:
    """Return the path of a wrist, (T, C): of the body if the recipe has it, else of the hand, else NaN."""
    for part in ("pose", "upper_body"):
        if part in recipe.parts:
            return points[:, recipe.columns(part)][:, LEFT_WRIST if hand == "left_hand" else RIGHT_WRIST]
    if hand in recipe.parts:
        return points[:, recipe.columns(hand)][:, WRIST]
    return np.full((len(points), points.shape[-1]), np.nan)


def small_picture(frame: np.ndarray) -> np.ndarray:
    """Return a picture whose longer side has at most 260 px: stored notebooks are to stay small."""
    factor = 260 / max(frame.shape[:2])
    return cv2.resize(frame, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else frame


def draw_frame(ax: Axes, frame: np.ndarray, landmarks: Landmarks, index: int) -> None:
    """Show a (H, W, 3) frame with the landmarks detected in it.

    Args:
        ax: the axes to draw on.
        frame: RGB picture.
        landmarks: landmarks of the clip.
        index: number of the frame in the clip.
    """
    small = small_picture(frame)
    ax.imshow(small)
    for part in landmarks.parts:
        points = landmarks.part(part)[index] * (small.shape[1], small.shape[0], 1)
        draw_part(ax, points, part, dots=part != "face")
        _name_hand(ax, points, part)
    ax.set_xlim(0, small.shape[1])
    ax.set_ylim(small.shape[0], 0)


def _name_hand(ax: Axes, points: np.ndarray, part: str) -> None:
    """Write L or R below a hand that was found, so that hands differ by more than colour."""
    if not (letter := hand_letter(part)) or np.isnan(points[:, 1]).all():
        return
    lowest = points[np.nanargmax(points[:, 1])]
    look: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "top", "color": "0.15"}
    look |= {"fontsize": "x-small", "fontweight": "bold", "annotation_clip": True}
    box = {"boxstyle": "round,pad=0.12", "fc": "white", "ec": "none", "alpha": 0.75}
    ax.annotate(letter, lowest[:2], (0, -3), bbox=box, **look)


def picture_grid(
    count: int, columns: int, shape: Sequence[int], *, frame: bool = False, width: float | None = None
) -> tuple[Figure, list[Axes]]:
    """Return a figure and `count` axes for pictures in a grid.

    Args:
        count: number of pictures.
        columns: most pictures in a row.
        shape: height and width of a picture, in any unit.
        frame: whether to draw a frame around each picture.
        width: of a picture in inches. Default: a row is 10 inches wide.
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    width = width or 10 / max(columns, 3)
    size = (width * columns, (width * shape[0] / shape[1] + 0.3) * rows)
    figure, axes = subplots(rows, columns, figsize=size, squeeze=False)
    for index, ax in enumerate(axes.flat):
        if frame and index < count:
            ax.set(xticks=[], yticks=[])
            ax.grid(False)
        else:
            ax.axis("off")
    return figure, list(axes.flat)[:count]


def hand_letter(part: str) -> str:
    """Return the letter that marks a hand, L or R; "" for another part."""
    return part[0].upper() if part in HAND_MARKERS else ""


def part_label(part: str) -> str:
    """Return the name of a part of a recipe, with the letter that marks a hand."""
    name = part.replace("_", " ")
    return f"{name} ({letter})" if (letter := hand_letter(part)) else name


def part_legend(figure: Figure, parts: Sequence[str]) -> None:
    """Add a legend of the colours of parts below a figure, with the letters of the hands."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=PART_COLOURS[part], label=part_label(part)) for part in parts]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(parts), fontsize="small", frameon=False)
