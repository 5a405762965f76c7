"""Pictures of clips: frames, skeletons, curves, augmentations, mistakes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from asl_lib.features.recipe import FeatureRecipe
from asl_lib.landmarks.landmarks import Landmarks
from asl_lib.plots.drawing import (
    HAND_FORMS,
    draw_frame,
    draw_points,
    part_legend,
    picture_grid,
    small_picture,
    wrist_path,
)
from asl_lib.plots.style import PART_COLOURS, PART_NAMES, counted, describe, listed

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_frames(frames: Mapping[str, np.ndarray], *, columns: int = 6) -> Figure:
    """Show pictures with their titles in a grid.

    Args:
        frames: title -> (H, W, 3) uint8 RGB picture.
        columns: pictures in a row.
    """
    figure, axes = picture_grid(len(frames), columns, next(iter(frames.values())).shape[:2])
    for ax, (title, frame) in zip(axes, frames.items(), strict=True):
        ax.imshow(small_picture(frame))
        ax.set_title(title, fontsize="small", fontweight="normal")
    return describe(figure, f"{counted(len(frames), 'picture').capitalize()} in a grid, titled {listed(frames)}.")


def plot_skeletons(
    frames: Sequence[np.ndarray], landmarks: Landmarks, *, at: Sequence[int], title: str = "", columns: int = 4
) -> Figure:
    """Show frames of one clip with the detected landmarks drawn over them.

    Args:
        frames: all (H, W, 3) frames of the clip.
        landmarks: its landmarks.
        at: which frames to show.
        title: what to write above the picture.
        columns: pictures in a row.
    """
    height, width = frames[0].shape[:2]
    figure, axes = picture_grid(len(at), columns, (height, width))
    for ax, index in zip(axes, at, strict=True):
        draw_frame(ax, frames[index], landmarks, index)
        ax.set_title(f"{index / landmarks.fps:.1f} s", fontsize="small", fontweight="normal")
    part_legend(figure, landmarks.parts)
    figure.suptitle(title)
    moments = listed((f"{index / landmarks.fps:.1f}" for index in at), most=12)
    return describe(
        figure,
        f"{counted(len(at), 'frame').capitalize()} of one clip, at {moments} s, with the detected landmarks drawn over "
        f"the signer. {_missing(landmarks, at)}",
    )


def plot_points(clips: Mapping[str, np.ndarray], recipe: FeatureRecipe, *, at: int, columns: int = 4) -> Figure:
    """Show one frame of clips in the recipe's frame of reference, as stick figures.

    Args:
        clips: title -> (frames, L, C) points.
        recipe: the recipe that made them.
        at: which frame.
        columns: pictures in a row.
    """
    figure, axes = picture_grid(len(clips), columns, (1, 1), frame=True)
    for ax, (title, points) in zip(axes, clips.items(), strict=True):
        draw_points(ax, points[at], recipe)
        ax.set_title(title, fontsize="small", fontweight="normal")
    lost = [title for title, points in clips.items() if np.isnan(points[at]).all(axis=-1).any()]
    frame = (
        "shoulder widths from the middle of the shoulders" if recipe.body_frame == "shoulders" else "the image's units"
    )
    return describe(
        figure,
        f"Stick figures of frame {at} of {listed(clips)}, drawn in {frame}. "
        + (f"Points are missing in {listed(lost)}." if lost else "No point is missing."),
    )


def plot_mistakes(
    mistakes: Sequence[tuple[str, np.ndarray, str, np.ndarray]], recipe: FeatureRecipe, *, at: Sequence[int]
) -> Figure:
    """Show clips that were taken for another sign, each beside an example of that sign.

    Args:
        mistakes: (what was signed, by whom and so on; its points; what the model said; points of an example of it),
            all points (frames, L, C).
        recipe: the recipe that made the points.
        at: which frames to show.
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        len(mistakes), 2 * len(at), figsize=(1.55 * 2 * len(at), 1.9 * len(mistakes)), squeeze=False
    )
    for row, (signed, points, said, example) in zip(axes, mistakes, strict=True):
        for column, (ax, index) in enumerate(zip(row, [*at, *at], strict=True)):
            draw_points(ax, (points if column < len(at) else example)[index], recipe)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.spines[:].set_visible(True)
            ax.spines[:].set_color("#d55e00" if column < len(at) else "#999999")
        row[0].set_title(signed, fontsize="small", loc="left")
        row[len(at)].set_title(said, fontsize="small", loc="left")
    pairs = "; ".join(f"{signed} beside {said}" for signed, _, said, _ in mistakes[:4])
    return describe(
        figure,
        f"Stick figures of {counted(len(mistakes), 'clip')} taken for another sign, {counted(len(at), 'moment')} of "
        f"each, on the left, and on the right an example of that other sign: {pairs}.",
    )


def plot_augmentations(before: np.ndarray, after: Mapping[str, np.ndarray], recipe: FeatureRecipe) -> Figure:
    """Show what each variation does: the wrists' paths of a clip, before in grey and after in colour.

    Args:
        before: (frames, L, C) points of one clip.
        after: name of the variation -> the clip after it.
        recipe: the recipe that made the points.
    """
    figure, axes = picture_grid(len(after), 4, (1, 1), frame=True)
    middle = len(before) // 2
    for ax, (title, points) in zip(axes, after.items(), strict=True):
        draw_points(ax, before[middle], recipe, colour="#bbbbbb")
        draw_points(ax, points[middle], recipe)
        for part in ("left_hand", "right_hand"):
            path = wrist_path(points, recipe, part)
            form: dict[str, Any] = {"marker": HAND_FORMS[part], "ms": 3, "ls": "", "color": PART_COLOURS[part]}
            ax.plot(path[:, 0], path[:, 1], **form)
        ax.set_title(title, fontsize="small", fontweight="normal")
    figure.suptitle(
        "Frame in the middle of one clip: before (grey) and after (colour); the wrists over time (left: triangles)"
    )
    unit = "shoulder widths" if recipe.body_frame == "shoulders" else "of the image"
    shifts = listed((f"{title} {_median_move(before, points):.2f}" for title, points in after.items()), most=12)
    return describe(
        figure,
        f"The stick figure in the middle of one clip, before and after {counted(len(after), 'variation')}, with the "
        f"paths of the wrists. The median distance that a point is moved ({unit}): {shifts}.",
    )


def plot_clip_curves(points: np.ndarray, recipe: FeatureRecipe, *, title: str, raw: np.ndarray | None = None) -> Figure:
    """Show a clip as curves over time: where both wrists are, and which parts were seen.

    Args:
        points: (frames, L, C) as `recipe.points` gives them.
        recipe: the recipe that made them.
        title: what the clip is.
        raw: the same clip before gaps were filled, drawn as dots.
    """
    import matplotlib.pyplot as plt

    parts = [part for part in recipe.parts if part.endswith("_hand")]
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.4), sharey=True)
    for ax, hand in zip(axes, ("left_hand", "right_hand"), strict=True):
        path = wrist_path(points, recipe, hand)
        frames = np.arange(len(points))
        ax.plot(frames, path[:, 0], color=PART_COLOURS[hand], label="x, to the right of the picture")
        ax.plot(frames, path[:, 1], color=PART_COLOURS[hand], ls="--", label="y, downwards")
        if hand in parts:
            unseen = np.isnan(points[:, recipe.columns(hand), 0]).all(axis=1)
            for frame in np.flatnonzero(unseen):
                ax.axvspan(frame - 0.5, frame + 0.5, color="#dddddd", lw=0)
        if raw is not None:
            dots = wrist_path(raw, recipe, hand)
            ax.plot(np.linspace(0, len(points) - 1, len(raw)), dots, "k.", ms=2)
        ax.set_title(f"{PART_NAMES[hand]} (grey: hand not detected)")
        ax.set_xlabel("frame after resampling")
        ax.legend(fontsize="x-small", loc="best")
    unit = "shoulder widths" if recipe.body_frame == "shoulders" else "image widths"
    axes[0].set_ylabel(f"wrist ({unit})")
    figure.suptitle(title)
    seen = [
        f"the {PART_NAMES[hand]} is not detected in {np.isnan(points[:, recipe.columns(hand), 0]).all(axis=1).sum()}"
        for hand in parts
    ]
    ranges = [
        f"the {PART_NAMES[hand]}'s wrist moves {np.ptp(path[:, 0]):.1f} across and {np.ptp(path[:, 1]):.1f} up and down"
        for hand in ("left_hand", "right_hand")
        if len(path := _without_gaps(wrist_path(points, recipe, hand)))
    ]
    return describe(
        figure,
        f"Curves of x and y of both wrists over the {len(points)} frames of one clip, in {unit}: "
        + (f"{listed(ranges)}. " if ranges else "no wrist was found. ")
        + (f"Grey bands: {listed(seen)} of {counted(len(points), 'frame')}." if seen else ""),
    )


def _missing(landmarks: Landmarks, at: Sequence[int]) -> str:
    """Return a sentence that says which parts are missing in which of these frames."""
    gaps = []
    for part in landmarks.parts:
        seen = landmarks.seen(part)
        lost = [f"{index / landmarks.fps:.1f} s" for index in at if not seen[index]]
        if lost:
            gaps.append(
                f"{PART_NAMES[part]} at {listed(lost)}" if len(lost) < len(at) else f"{PART_NAMES[part]} throughout"
            )
    return (
        f"Not detected: {'; '.join(gaps)}."
        if gaps
        else f"Detected in all of them: {listed(map(PART_NAMES.get, landmarks.parts))}."
    )


def _median_move(before: np.ndarray, after: np.ndarray) -> float:
    """Return how far the points of a clip were moved, at the median; 0 where none is in both."""
    moves = np.linalg.norm((after - before)[..., :2], axis=-1)
    return float(np.median(moves[~np.isnan(moves)])) if not np.isnan(moves).all() else 0.0


def _without_gaps(path: np.ndarray) -> np.ndarray:
    """Return the moments of a (T, C) path at which it is known."""
    return path[~np.isnan(path).any(axis=1)]
