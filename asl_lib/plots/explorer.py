"""A clip to explore: scrub through its frames, hide parts, vary it and compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import numpy as np

from asl_lib._util.console import has_interactive_front_end
from asl_lib.features.augment import Augmentation
from asl_lib.features.body import RECIPE_PARTS
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.plots.drawing import draw_points, hand_letter, part_label, part_legend, part_shape
from asl_lib.plots.style import PART_COLOURS, SMALL_TITLE, describe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ORIGINAL_COLOUR = "#bbbbbb"
PANEL_PX = 360
PLAY_INTERVAL_MS = 120
NONE, ALL = "none", "all together"


@dataclass(frozen=True)
class Variation:
    """One choice of the explorer: the strength of `Augmentation` that it changes, its maximum and its unit."""

    strength: str
    maximum: float
    unit: str
    start_percent: int = 50


VARIATIONS = {
    "mirroring": Variation("mirrored", 1.0, "of all clips", start_percent=100),
    "time warp": Variation("warp", 0.8, "of the speed"),
    "crop in time": Variation("crop", 0.4, "of the clip, at either end"),
    "rotation": Variation("rotate", 60.0, "degrees, to either side"),
    "scale": Variation("scale", 0.6, "of the size"),
    "shear": Variation("shear", 0.6, "to the side, for each unit downwards"),
    "shift": Variation("shift", 0.6, "shoulder widths"),
    "another body": Variation("body", 0.1, "shoulder widths"),
    "jitter": Variation("jitter", 0.06, "shoulder widths"),
    "hand dropout": Variation("drop", 0.6, "of the frames"),
    "frame dropout": Variation("frames", 0.6, "of the frames"),
    "mask in time": Variation("mask_time", 0.6, "of the frames, at most"),
    "mask in space": Variation("mask_space", 0.6, "of the width, at most"),
    ALL: Variation("", 4.0, "times that of training"),
}
"""The variations that can be chosen, by the names of `Augmentation.steps`, and all of them at once."""


def explore_clip(
    points: np.ndarray,
    recipe: FeatureRecipe,
    *,
    title: str = "",
    variation: str = "rotation",
    seed: int = 42,
    interactive: bool | None = None,
) -> Any:
    """Explore one clip: a slider and a play button for its frames, a box for each part, a variation to compare.

    Without an interactive front end (batches, stored outputs, a static page), a still figure is shown instead: six
    frames of the clip, and below them the same frames after the variation. Make the call the last line of a cell.

    Args:
        points: (frames, L, C) of one clip, NaN where missing.
        recipe: the recipe that made the points.
        title: title of the picture.
        variation: the variation shown first: one of `Augmentation.steps`, "all together" or "none".
        seed: seed of the variation.
        interactive: True for widgets, False for the still figure; None detects an interactive front end.

    Returns:
        An ipywidgets box, or a Matplotlib figure.

    Raises:
        ValueError: `points` is not one clip of this recipe, or there is no such variation.
    """
    points = np.asarray(points)
    wanted = (recipe.num_landmarks, recipe.num_coordinates)
    if points.ndim != 3 or len(points) < 2 or points.shape[1:] != wanted:
        raise ValueError(
            f"points must be one clip of this recipe, (frames, {wanted[0]} landmarks, {wanted[1]} coordinates); got "
            f"{points.shape}. Choose one clip, such as clips.values[0], and the recipe that made it."
        )
    if variation not in (NONE, *VARIATIONS):
        raise ValueError(f"variation must be one of {', '.join((NONE, *VARIATIONS))}; got {variation!r}.")
    if has_interactive_front_end() if interactive is None else interactive:
        return _explorer(points, recipe, title=title, variation=variation, seed=seed)
    return _still(points, recipe, title=title, variation=variation, seed=seed)


def vary(points: np.ndarray, recipe: FeatureRecipe, name: str, *, strength: float, seed: int) -> np.ndarray:
    """Return one clip, (T, L, C), after the variation `name` of `VARIATIONS`, or unchanged for "none"."""
    if name == NONE:
        return points
    training = Augmentation(recipe)
    strengths = {field.name: getattr(training, field.name) for field in fields(training) if field.name != "recipe"}
    if name == ALL:
        maximum = {variation.strength: variation.maximum for variation in VARIATIONS.values()}
        chosen = {key: min(strength * value, maximum[key]) for key, value in strengths.items()}
    else:
        chosen = {**dict.fromkeys(strengths, 0.0), VARIATIONS[name].strength: strength}
    return Augmentation(recipe, **chosen)(points[None], np.random.default_rng(seed))[0]


def _explorer(points: np.ndarray, recipe: FeatureRecipe, *, title: str, variation: str, seed: int) -> Any:
    wide = {"style": {"description_width": "initial"}}
    middle = (len(points) + 1) // 2
    frame = widgets.IntSlider(middle, 1, len(points), description="Frame", layout={"width": "420px"}, **wide)
    play = widgets.Play(
        value=middle,
        min=1,
        max=len(points),
        interval=PLAY_INTERVAL_MS,
        show_repeat=False,
        tooltip="Play or pause; stop",
    )
    widgets.jslink((play, "value"), (frame, "value"))
    auto = {"width": "auto"}
    parts = {part: widgets.Checkbox(True, description=_name(part), indent=False, layout=auto) for part in recipe.parts}
    name = widgets.Dropdown(options=[NONE, *VARIATIONS], value=variation, description="Variation", **wide)
    # In percent for every variation: a browser moves the handle by itself if the maximum and the step change.
    strength = widgets.IntSlider(50, 0, 100, step=5, description="Strength (%)", layout={"width": "420px"}, **wide)
    unit = widgets.Label()
    draw = widgets.BoundedIntText(seed, 0, 2**31 - 1, description="Seed", layout={"width": "150px"}, **wide)
    view = widgets.ToggleButtons(
        options=["overlaid", "side by side"],
        description="View",
        layout={"width": "290px"},
        style={"description_width": "initial", "button_width": "100px"},
    )
    picture = widgets.HTML()
    varied = points

    def show(_: object = None) -> None:
        shown = [part for part, box in parts.items() if box.value]
        picture.value = _svg(
            points, None if name.value == NONE else varied, recipe, parts=shown, at=frame.value - 1, title=title,
            variation=name.value, beside=view.value == "side by side",
        )  # fmt: skip

    def change(_: object = None) -> None:
        nonlocal varied
        choice = VARIATIONS.get(name.value)
        value = strength.value / 100 * choice.maximum if choice else 0
        unit.value = f"= {value:.3g} {choice.unit}" if choice else ""
        varied = vary(points, recipe, name.value, strength=value, seed=draw.value)
        show()

    def choose(_: object = None) -> None:
        choice = VARIATIONS.get(name.value)
        for control in (strength, draw, view):
            control.disabled = choice is None
        if choice:
            strength.value = choice.start_percent
        change()

    for control in (frame, view, *parts.values()):
        control.observe(show, "value")
    for control in (strength, draw):
        control.observe(change, "value")
    name.observe(choose, "value")
    choose()
    row = {"flex_flow": "row wrap", "align_items": "center"}
    return widgets.VBox(
        [
            widgets.HBox([widgets.Label("Play, stop"), play, frame], layout={**row, "grid_gap": "0 8px"}),
            widgets.HBox([widgets.Label("Show"), *parts.values(), view], layout={**row, "grid_gap": "0 16px"}),
            widgets.HBox([name, draw], layout=row),
            widgets.HBox([strength, unit], layout=row),
            picture,
        ]
    )


def _svg(
    before: np.ndarray, after: np.ndarray | None, recipe: FeatureRecipe, *, parts: Sequence[str], at: int, title: str,
    variation: str, beside: bool,
) -> str:  # fmt: skip
    """Return one frame as an SVG picture with a label for screen readers.

    Written without Matplotlib because every move of a slider draws it: 2 to 4 ms a frame, where Matplotlib took 110.
    """
    if after is None:
        panels: list[tuple[str, list[tuple[np.ndarray, str | None]]]] = [("", [(before, None)])]
    elif beside:
        panels = [("original", [(before, ORIGINAL_COLOUR)]), (f"after {variation}", [(after, None)])]
    else:
        panels = [(f"original (grey), after {variation} (colour)", [(before, ORIGINAL_COLOUR), (after, None)])]
    low, high = _extent(before, recipe)
    scale = PANEL_PX / float(max(high - low))
    shapes = []
    for number, (heading, clips) in enumerate(panels):
        left = number * PANEL_PX
        shapes.append(f'<text x="{left + PANEL_PX // 2}" y="16" text-anchor="middle">{heading}</text>')
        shapes.append(f'<svg x="{left}" y="22" width="{PANEL_PX}" height="{PANEL_PX}">')
        for clip, colour in clips:
            pixels = (clip[at, :, :2] - (low + high) / 2) * scale + PANEL_PX / 2
            shapes += [_svg_part(pixels[recipe.columns(part)], part, colour) for part in parts]
        shapes.append("</svg>")
    width, height = len(panels) * PANEL_PX, PANEL_PX + 68
    shapes.append(_legend(parts, y=PANEL_PX + 38))
    shapes.append(_scale_bar(scale, recipe, right=width - 12, bottom=PANEL_PX + 16))
    last = before if after is None else after
    missing = [_name(part) for part in parts if np.isnan(last[at, recipe.columns(part), 0]).all()]
    caption = [title] if title else []
    caption += [f"Frame {at + 1} of {len(before)}", *([f"Not detected: {', '.join(missing)}"] if missing else [])]
    label = [*caption, f"A stick figure of {', '.join(map(_name, parts)) or 'nothing'}"]
    label += [heading for heading, _ in panels if heading]
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" style="max-width: 100%; height: auto; background: white" '
        f'role="img" aria-label="{escape(". ".join(label))}." font-family="sans-serif" font-size="13" fill="#333333">'
        f'{"".join(shapes)}<text x="8" y="{height - 10}">{escape(". ".join(caption))}</text></svg>'
    )


def _legend(parts: Sequence[str], *, y: float) -> str:
    """Return the legend: the names of the parts, each after a dot of its colour."""
    names = (f'<tspan fill="{PART_COLOURS[RECIPE_PARTS[part][0]]}">●</tspan> {part_label(part)}' for part in parts)
    return f'<text x="8" y="{y}">{"&#160;&#160;".join(names)}</text>'


def _scale_bar(scale: float, recipe: FeatureRecipe, *, right: float, bottom: float) -> str:
    """Return a scale bar for the unit of the recipe's coordinates, or "" if it is not fixed."""
    units = {"shoulders": (1.0, "1 shoulder width"), "image": (0.2, "0.2 image widths")}
    if recipe.body_frame not in units:
        return ""
    length, name = units[recipe.body_frame]
    return (
        f'<path d="M{right - length * scale:.1f} {bottom}H{right}" stroke="#333333" stroke-width="2"/>'
        f'<text x="{right}" y="{bottom - 6}" text-anchor="end" font-size="11">{name}</text>'
    )


def _svg_part(points: np.ndarray, part: str, colour: str | None) -> str:
    """Return the limbs and dots of one part, (l, 2) points in pixels, and a hand's letter; NaN draws nothing."""
    tracked = RECIPE_PARTS[part][0]
    limbs, dots = part_shape(points, tracked)
    path = "".join(
        f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}" for (x0, y0), (x1, y1) in limbs if np.isfinite((x0, x1)).all()
    )
    circles = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2"/>' for x, y in dots if np.isfinite(x))
    name = ""
    if (letter := hand_letter(tracked)) and colour is None and np.isfinite(points).any():
        x, y = points[np.nanargmax(points[:, 1])]
        look = 'text-anchor="middle" font-weight="bold" fill="#333333"'
        name = f'<text x="{x:.1f}" y="{y + 15:.1f}" {look}>{letter}</text>'
    colour, role = colour or PART_COLOURS[tracked], "before" if colour else "shown"
    return (
        f'<g class="{role} {part}" fill="{colour}" stroke="{colour}" stroke-width="0">'
        f'<path d="{path}" fill="none" stroke-width="2" stroke-linecap="round"/>{circles}{name}</g>'
    )


def _still(points: np.ndarray, recipe: FeatureRecipe, *, title: str, variation: str, seed: int) -> Figure:
    """Return a figure of six frames of a clip and, unless the variation is "none", of the same frames after it."""
    import matplotlib.pyplot as plt

    rows: dict[str, np.ndarray] = {"original": points}
    if variation != NONE:
        start = VARIATIONS[variation].maximum * VARIATIONS[variation].start_percent / 100
        rows[variation] = vary(points, recipe, variation, strength=start, seed=seed)
    moments = np.linspace(0, len(points) - 1, 6).round().astype(int)
    low, high = _extent(points, recipe)
    figure, axes = plt.subplots(len(rows), 6, figsize=(10, 1.85 * len(rows) + 0.5), squeeze=False)
    for row, (name, clip) in zip(axes, rows.items(), strict=True):
        for ax, moment in zip(row, moments, strict=True):
            if clip is not points:
                draw_points(ax, points[moment], recipe, colour=ORIGINAL_COLOUR)
            draw_points(ax, clip[moment], recipe)
            ax.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]), xticks=[], yticks=[])
            if clip is points:
                ax.set_title(f"frame {moment + 1}", **SMALL_TITLE)
        row[0].set_ylabel(name)
    tracked = list(dict.fromkeys(RECIPE_PARTS[part][0] for part in recipe.parts))
    part_legend(figure, tracked)
    figure.suptitle(title)
    plt.close(figure)  # the cell shows its last value anyway; an open figure would be shown twice
    after = f" Below, in colour over the original in grey, the same moments after the variation '{variation}'."
    return describe(
        figure,
        f"{title + ': s' if title else 'S'}ix moments of one clip of {len(points)} frames, as stick figures of "
        f"{', '.join(map(_name, recipe.parts))}.{after if variation != NONE else ''}",
    )


def _extent(points: np.ndarray, recipe: FeatureRecipe) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners, (2,) each, of a square around a clip with a margin for variations."""
    if recipe.body_frame == "shoulders" and any(RECIPE_PARTS[part][0] == "pose" for part in recipe.parts):
        return np.array([-1.7, -1.3]), np.array([1.7, 2.1])
    seen = points[..., :2][np.isfinite(points[..., 0])]
    if not len(seen):
        return np.zeros(2), np.ones(2)
    low, high = seen.min(axis=0), seen.max(axis=0)
    half = 0.65 * float(max(high - low))
    return (low + high) / 2 - max(half, 1e-3), (low + high) / 2 + max(half, 1e-3)


def _name(part: str) -> str:
    return part.replace("_", " ")
