"""What the pictures of clips are drawn with: parts, hands, stick figures, grids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from asl_lib.features.handshape import WRIST
from asl_lib.features.recipe import LEFT_WRIST, RECIPE_PARTS, RIGHT_WRIST, FeatureRecipe
from asl_lib.landmarks.landmarks import Landmarks
from asl_lib.plots.style import LIMBS, PART_COLOURS, PART_NAMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


HAND_FORMS = {"left_hand": "^", "right_hand": "."}
"""Markers of the hands, beside their colours."""


def draw_part(ax: Axes, points: np.ndarray, part: str, *, colour: str | None = None, dots: bool = True) -> None:
    """Draw one part, (l, 2 or more) points in data units, as lines and dots; NaN draws nothing."""
    colour = colour or PART_COLOURS[part]
    limbs, shown = part_shape(points, part)
    for limb in limbs:
        ax.plot(limb[:, 0], limb[:, 1], color=colour, lw=1.4, solid_capstyle="round")
    ax.plot(shown[:, 0], shown[:, 1], ".", color=colour, ms=2.5 if dots else 0.6)


def part_shape(points: np.ndarray, part: str) -> tuple[list[np.ndarray], np.ndarray]:
    """Return what is drawn of a part, (l, C) points: its limbs, each (2, C), and the points that get a dot."""
    limbs = [points[[one, other]] for one, other in LIMBS[part] if max(one, other) < len(points)]
    return limbs, points[:25] if part == "pose" else points


def draw_points(ax: Axes, points: np.ndarray, recipe: FeatureRecipe, *, colour: str | None = None) -> None:
    for part in recipe.parts:
        tracked = RECIPE_PARTS[part][0]
        draw_part(ax, points[recipe.columns(part)][:25] if tracked == "pose" else points[recipe.columns(part)], tracked,
                  colour=colour)  # fmt: skip
    if recipe.body_frame == "shoulders":
        ax.set_xlim(-1.7, 1.7)
        ax.set_ylim(2.1, -1.3)
    ax.set_aspect("equal")


def name_hand(ax: Axes, points: np.ndarray, part: str) -> None:
    """Write L or R beside a hand, so that its colour is not all that tells which it is."""
    if part in HAND_FORMS and not np.isnan(points).all():
        low = points[np.nanargmax(points[:, 1])]
        look: dict[str, Any] = {
            "textcoords": "offset points",
            "ha": "center",
            "va": "top",
            "fontsize": "x-small",
            "fontweight": "bold",
        }
        box: dict[str, Any] = {"boxstyle": "round,pad=0.12", "fc": "white", "ec": "none", "alpha": 0.75}
        ax.annotate(PART_NAMES[part][0].upper(), low[:2], (0, -3), color="0.15", bbox=box, annotation_clip=True, **look)


def wrist_path(points: np.ndarray, recipe: FeatureRecipe, hand: str) -> np.ndarray:
    """Return (T, C): where a wrist is over time, by the body if the recipe has it, else by the hand, else NaN."""
    for part in ("pose", "upper_body"):
        if part in recipe.parts:
            return points[:, recipe.columns(part)][:, LEFT_WRIST if hand == "left_hand" else RIGHT_WRIST]
    if hand in recipe.parts:
        return points[:, recipe.columns(hand)][:, WRIST]
    return np.full((len(points), points.shape[-1]), np.nan)


def small_picture(frame: np.ndarray, *, most: int = 260) -> np.ndarray:
    """Return a picture small enough for a notebook that is read in a browser."""
    import cv2

    factor = most / max(frame.shape[:2])
    return cv2.resize(frame, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else frame


def draw_frame(ax: Axes, frame: np.ndarray, landmarks: Landmarks, index: int) -> None:
    """Show a (H, W, 3) frame, the one of number `index`, with the landmarks that were found in it."""
    small = small_picture(frame)
    ax.imshow(small)
    for part in landmarks.parts:
        points = landmarks.part(part)[index] * (small.shape[1], small.shape[0], 1)
        draw_part(ax, points, part, dots=part != "face")
        name_hand(ax, points, part)
    ax.set_xlim(0, small.shape[1])
    ax.set_ylim(small.shape[0], 0)


def picture_grid(count: int, columns: int, shape: Sequence[int], *, frame: bool = False) -> tuple[Figure, list[Axes]]:
    import matplotlib.pyplot as plt

    columns = min(columns, count)
    rows = -(-count // columns)
    width = 10 / max(columns, 3)
    figure, axes = plt.subplots(rows, columns, figsize=(width * columns, (width * shape[0] / shape[1] + 0.3) * rows),
                                squeeze=False)  # fmt: skip
    for index, ax in enumerate(axes.flat):
        if frame and index < count:
            ax.set_xticks([])
            ax.set_yticks([])
            ax.grid(False)
        else:
            ax.axis("off")
    return figure, list(axes.flat)[:count]


def _legend_name(part: str) -> str:
    return f"{PART_NAMES[part]} ({PART_NAMES[part][0].upper()})" if part in HAND_FORMS else PART_NAMES[part]


def part_legend(figure: Figure, parts: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=PART_COLOURS[part], label=_legend_name(part)) for part in parts]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(parts), fontsize="small", frameon=False)
