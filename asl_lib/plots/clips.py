"""Figures of clips: frames, skeletons, curves, augmentations, mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from asl_lib._util.console import counted
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.landmarks.landmarks import Landmarks
from asl_lib.plots.drawing import (
    HAND_MARKERS,
    UNITS,
    draw_frame,
    draw_points,
    part_legend,
    picture_grid,
    small_picture,
    wrist_path,
)
from asl_lib.plots.style import PART_COLOURS, PART_NAMES, SMALL_TITLE, describe, listed, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HANDS = ("left_hand", "right_hand")


def plot_frames(frames: Mapping[str, np.ndarray], *, columns: int = 6) -> Figure:
    """Show pictures with their titles in a grid.

    Args:
        frames: title -> (H, W, 3) uint8 RGB picture.
        columns: pictures in a row.
    """
    figure, axes = picture_grid(len(frames), columns, next(iter(frames.values())).shape[:2])
    for ax, (title, frame) in zip(axes, frames.items(), strict=True):
        ax.imshow(small_picture(frame))
        ax.set_title(title, **SMALL_TITLE)
    return describe(figure, f"{counted(len(frames), 'picture').capitalize()} in a grid, titled {listed(frames)}.")


def plot_skeletons(
    frames: Sequence[np.ndarray], landmarks: Landmarks, *, at: Sequence[int], title: str = "", columns: int = 4
) -> Figure:
    """Show frames of one clip with the detected landmarks drawn over them.

    Args:
        frames: all (H, W, 3) frames of the clip.
        landmarks: its landmarks.
        at: numbers of the frames to show.
        title: title of the figure.
        columns: pictures in a row.
    """
    figure, axes = picture_grid(len(at), columns, frames[0].shape[:2])
    for ax, index in zip(axes, at, strict=True):
        draw_frame(ax, frames[index], landmarks, index)
        ax.set_title(f"{landmarks.times[index]:.1f} s", **SMALL_TITLE)
    part_legend(figure, landmarks.parts)
    figure.suptitle(title)
    moments = listed((f"{landmarks.times[index]:.1f}" for index in at), most=12)
    return describe(
        figure,
        f"{counted(len(at), 'frame').capitalize()} of one clip, at {moments} s, with the detected landmarks drawn over "
        f"the signer. {_missing_parts(landmarks, at)}",
    )


def plot_points(clips: Mapping[str, np.ndarray], recipe: FeatureRecipe, *, at: int, columns: int = 4) -> Figure:
    """Show one frame of each clip in the recipe's coordinates, as stick figures.

    Args:
        clips: title -> (frames, L, C) points.
        recipe: the recipe that made the points.
        at: number of the frame.
        columns: pictures in a row.
    """
    figure, axes = picture_grid(len(clips), columns, (1, 1), frame=True)
    for ax, (title, points) in zip(axes, clips.items(), strict=True):
        draw_points(ax, points[at], recipe)
        ax.set_title(title, **SMALL_TITLE)
    incomplete = [title for title, points in clips.items() if np.isnan(points[at]).all(axis=-1).any()]
    origin = " from the middle of the shoulders" if recipe.body_frame == "shoulders" else ""
    return describe(
        figure,
        f"Stick figures of frame {at} of {listed(clips)}, drawn in {UNITS[recipe.body_frame]}{origin}. "
        + (f"Points are missing in {listed(incomplete)}." if incomplete else "No point is missing."),
    )


def plot_mistakes(
    mistakes: Sequence[tuple[str, np.ndarray, str, np.ndarray]], recipe: FeatureRecipe, *, at: Sequence[int]
) -> Figure:
    """Show misclassified clips, each beside an example of the predicted sign.

    Args:
        mistakes: (title of the clip; its points; title of the example; its points), all points (frames, L, C).
        recipe: the recipe that made the points.
        at: numbers of the frames to show.
    """
    size = (1.55 * 2 * len(at), 1.9 * len(mistakes))
    figure, axes = subplots(len(mistakes), 2 * len(at), figsize=size, squeeze=False)
    for row, (signed, points, predicted, example) in zip(axes, mistakes, strict=True):
        for column, (ax, index) in enumerate(zip(row, [*at, *at], strict=True)):
            draw_points(ax, (points if column < len(at) else example)[index], recipe)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(True)
            ax.spines[:].set_color("#d55e00" if column < len(at) else "#999999")
        row[0].set_title(signed, fontsize="small", loc="left")
        row[len(at)].set_title(predicted, fontsize="small", loc="left")
    pairs = "; ".join(f"{signed} beside {predicted}" for signed, _, predicted, _ in mistakes[:4])
    return describe(
        figure,
        f"Stick figures of {counted(len(mistakes), 'misclassified clip')}, {counted(len(at), 'moment')} of each, on "
        f"the left, and an example of the predicted sign on the right: {pairs}.",
    )


def plot_augmentations(before: np.ndarray, after: Mapping[str, np.ndarray], recipe: FeatureRecipe) -> Figure:
    """Show variations of a clip: its middle frame before (grey) and after (colour), and the paths of the wrists.

    Args:
        before: (frames, L, C) points of one clip.
        after: name of the variation -> the varied clip.
        recipe: the recipe that made the points.
    """
    figure, axes = picture_grid(len(after), 4, (1, 1), frame=True)
    middle = len(before) // 2
    for ax, (title, points) in zip(axes, after.items(), strict=True):
        draw_points(ax, before[middle], recipe, colour="#bbbbbb")
        draw_points(ax, points[middle], recipe)
        for hand in HANDS:
            path = wrist_path(points, recipe, hand)
            ax.plot(path[:, 0], path[:, 1], HAND_MARKERS[hand], ms=3, color=PART_COLOURS[hand])
        ax.set_title(title, **SMALL_TITLE)
    figure.suptitle(
        "Frame in the middle of one clip: before (grey) and after (colour); the wrists over time (left: triangles)"
    )
    shifts = listed((f"{title} {_median_shift(before, points):.2f}" for title, points in after.items()), most=12)
    return describe(
        figure,
        f"The stick figure in the middle of one clip, before and after {counted(len(after), 'variation')}, with the "
        f"paths of the wrists. The median distance that a point is moved ({UNITS[recipe.body_frame]}): {shifts}.",
    )


def plot_clip_curves(points: np.ndarray, recipe: FeatureRecipe, *, title: str, raw: np.ndarray | None = None) -> Figure:
    """Plot the position of both wrists over time, with the frames in which a hand was not detected in grey.

    Args:
        points: (frames, L, C) as `recipe.points` returns them.
        recipe: the recipe that made the points.
        title: title of the figure.
        raw: the same clip before gaps were filled, drawn as dots.
    """
    unit = UNITS[recipe.body_frame]
    figure, axes = subplots(1, 2, figsize=(10, 3.4), sharey=True)
    undetected, ranges = [], []
    for ax, hand in zip(axes, HANDS, strict=True):
        name, path, frames = PART_NAMES[hand], wrist_path(points, recipe, hand), np.arange(len(points))
        ax.plot(frames, path[:, 0], color=PART_COLOURS[hand], label="x, to the right of the picture")
        ax.plot(frames, path[:, 1], color=PART_COLOURS[hand], ls="--", label="y, downwards")
        if hand in recipe.parts:
            missing = np.isnan(points[:, recipe.columns(hand), 0]).all(axis=1)
            undetected.append(f"the {name} is not detected in {missing.sum()}")
            for frame in np.flatnonzero(missing):
                ax.axvspan(frame - 0.5, frame + 0.5, color="#dddddd", lw=0)
        if raw is not None:
            dots = wrist_path(raw, recipe, hand)
            ax.plot(np.linspace(0, len(points) - 1, len(raw)), dots, "k.", ms=2)
        ax.set_title(f"{name} (grey: hand not detected)")
        ax.set_xlabel("frame after resampling")
        ax.legend(fontsize="x-small", loc="best")
        if len(known := path[~np.isnan(path).any(axis=1)]):
            across, down = np.ptp(known[:, 0]), np.ptp(known[:, 1])
            ranges.append(f"the {name}'s wrist moves {across:.1f} across and {down:.1f} up and down")
    axes[0].set_ylabel(f"wrist ({unit})")
    figure.suptitle(title)
    return describe(
        figure,
        f"Curves of x and y of both wrists over the {len(points)} frames of one clip, in {unit}: "
        + (f"{listed(ranges)}. " if ranges else "no wrist was found. ")
        + (f"Grey bands: {listed(undetected)} of {counted(len(points), 'frame')}." if undetected else ""),
    )


def _missing_parts(landmarks: Landmarks, at: Sequence[int]) -> str:
    """Return a sentence that names the parts missing in these frames."""
    gaps = []
    for part in landmarks.parts:
        seen = landmarks.seen(part)
        missing = [f"{landmarks.times[index]:.1f} s" for index in at if not seen[index]]
        if missing:
            gaps.append(f"{PART_NAMES[part]} {f'at {listed(missing)}' if len(missing) < len(at) else 'throughout'}")
    if gaps:
        return f"Not detected: {'; '.join(gaps)}."
    return f"Detected in all of them: {listed(map(PART_NAMES.get, landmarks.parts))}."


def _median_shift(before: np.ndarray, after: np.ndarray) -> float:
    """Return the median distance between corresponding points of two clips; 0 if no point is in both."""
    distances = np.linalg.norm((after - before)[..., :2], axis=-1)
    return float(np.median(distances[~np.isnan(distances)])) if not np.isnan(distances).all() else 0.0
