"""Figures of videos: frames in a row, and optical flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from asl_lib._util.console import counted
from asl_lib.features.optical_flow import flow_colours
from asl_lib.plots.style import SMALL_TITLE, describe, listed, percent, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_filmstrips(strips: Mapping[str, np.ndarray], *, most: int = 8) -> Figure:
    """Show some frames of each clip in a row, from left to right.

    Args:
        strips: name -> (frames, size, size, 3) RGB, from 0 to 255.
        most: largest number of frames in a row; of longer clips, evenly spaced frames are shown.
    """
    rows = []
    for clip in strips.values():
        chosen = np.linspace(0, len(clip) - 1, min(most, len(clip))).round().astype(int)
        rows.append(np.concatenate(list(np.asarray(clip)[chosen]), axis=1).astype(np.uint8))
    height = 10 * rows[0].shape[0] / rows[0].shape[1] + 0.3
    figure, axes = subplots(len(rows), 1, figsize=(10, height * len(rows)), squeeze=False)
    for ax, name, row in zip(axes.flat, strips, rows, strict=True):
        ax.imshow(row)
        ax.set_title(name, **SMALL_TITLE, loc="left")
        ax.axis("off")
    shown = listed(f"{min(most, len(clip))} of {name}" for name, clip in strips.items())
    return describe(figure, f"{counted(len(rows), 'filmstrip').capitalize()}, frames in temporal order: {shown}.")


def plot_flow(frame: np.ndarray, flow: np.ndarray, *, bound_px: float = 10.0, step: int = 12) -> Figure:
    """Show optical flow as arrows over a frame and in colours, with the colour wheel as the key.

    Args:
        frame: (H, W, 3) RGB, from 0 to 255.
        flow: (H, W, 2) movement until the next frame in px, to the right and down.
        bound_px: length shown in full colour.
        step: px between two arrows, which are drawn twice as long as the movement.
    """
    figure, (left, middle, right) = subplots(1, 3, figsize=(8.6, 3.3), width_ratios=(1, 1, 0.5))
    rows, columns = np.mgrid[step // 2 : len(frame) : step, step // 2 : frame.shape[1] : step]
    arrows = flow[rows, columns]
    moves = np.linalg.norm(arrows, axis=-1) > 0.5
    left.imshow(frame)
    look = {"angles": "xy", "scale_units": "xy", "scale": 0.5, "color": "#de8f05", "width": 0.007}
    left.quiver(columns[moves], rows[moves], *arrows[moves].T, **look)
    middle.imshow(flow_colours(flow, bound_px=bound_px))
    across, down = np.meshgrid(*[np.linspace(-bound_px, bound_px, 121)] * 2)
    wheel = np.dstack([across, down])
    colours = flow_colours(wheel, bound_px=bound_px)
    colours[np.linalg.norm(wheel, axis=-1) > bound_px] = 255
    right.imshow(colours, extent=(-bound_px, bound_px, bound_px, -bound_px))
    for ax, title in ((left, "where points go"), (middle, "the same in colours"), (right, "the colours")):
        ax.set_title(title)
        ax.grid(False)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    right.set(xticks=[-bound_px, 0, bound_px], xlabel="px to the right", yticks=[-bound_px, 0, bound_px])
    right.set_ylabel("px down")
    speed: np.ndarray = np.linalg.norm(flow, axis=-1)
    share = float((speed > 0.5).mean())
    right_by, down_by = (float(flow[speed > 0.5][:, axis].mean()) if share else 0.0 for axis in (0, 1))
    return describe(
        figure,
        f"A frame with arrows for optical flow, the same flow in colours, and the wheel of colours. {percent(share)} "
        f"of the pixels move by more than half a px, at most {speed.max():.0f} px; on average {abs(right_by):.1f} px "
        f"to the {'right' if right_by >= 0 else 'left'} and {abs(down_by):.1f} px {'down' if down_by >= 0 else 'up'}.",
    )
