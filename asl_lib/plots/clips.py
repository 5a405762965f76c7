"""Pictures of clips: frames, skeletons, curves, detection rates, augmentations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from asl_lib.features import LEFT_WRIST, RECIPE_PARTS, RIGHT_WRIST, WRIST, FeatureRecipe
from asl_lib.landmarks import PARTS, Landmarks
from asl_lib.plots.style import LIMBS, PART_COLOURS, PART_NAMES, shown_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_frames(frames: Mapping[str, np.ndarray], *, columns: int = 6) -> Figure:
    """Show pictures with their titles in a grid.

    Args:
        frames: title -> (H, W, 3) uint8 RGB picture.
        columns: pictures in a row.
    """
    figure, axes = _grid(len(frames), columns, next(iter(frames.values())).shape[:2])
    for ax, (title, frame) in zip(axes, frames.items(), strict=True):
        ax.imshow(_small(frame))
        ax.set_title(title, fontsize="small", fontweight="normal")
    return figure


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
    figure, axes = _grid(len(at), columns, (height, width))
    for ax, index in zip(axes, at, strict=True):
        small = _small(frames[index])
        ax.imshow(small)
        for part in landmarks.parts:
            points = landmarks.part(part)[index] * (small.shape[1], small.shape[0], 1)
            draw_part(ax, points, part, dots=part != "face")
        ax.set_xlim(0, small.shape[1])
        ax.set_ylim(small.shape[0], 0)
        ax.set_title(f"{index / landmarks.fps:.1f} s", fontsize="small", fontweight="normal")
    _part_legend(figure, landmarks.parts)
    figure.suptitle(title)
    return figure


def plot_points(clips: Mapping[str, np.ndarray], recipe: FeatureRecipe, *, at: int, columns: int = 4) -> Figure:
    """Show one frame of clips in the recipe's frame of reference, as stick figures.

    Args:
        clips: title -> (frames, L, C) points.
        recipe: the recipe that made them.
        at: which frame.
        columns: pictures in a row.
    """
    figure, axes = _grid(len(clips), columns, (1, 1), frame=True)
    for ax, (title, points) in zip(axes, clips.items(), strict=True):
        _draw_points(ax, points[at], recipe)
        ax.set_title(title, fontsize="small", fontweight="normal")
    return figure


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
            _draw_points(ax, (points if column < len(at) else example)[index], recipe)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.spines[:].set_visible(True)
            ax.spines[:].set_color("#cc6677" if column < len(at) else "#999999")
        row[0].set_title(signed, fontsize="small", loc="left")
        row[len(at)].set_title(said, fontsize="small", loc="left")
    return figure


def plot_augmentations(before: np.ndarray, after: Mapping[str, np.ndarray], recipe: FeatureRecipe) -> Figure:
    """Show what each variation does: the wrists' paths of a clip, before in grey and after in colour.

    Args:
        before: (frames, L, C) points of one clip.
        after: name of the variation -> the clip after it.
        recipe: the recipe that made the points.
    """
    figure, axes = _grid(len(after), 4, (1, 1), frame=True)
    middle = len(before) // 2
    for ax, (title, points) in zip(axes, after.items(), strict=True):
        _draw_points(ax, before[middle], recipe, colour="#bbbbbb")
        _draw_points(ax, points[middle], recipe)
        for part in ("left_hand", "right_hand"):
            path = _wrist_path(points, recipe, part)
            ax.plot(path[:, 0], path[:, 1], ".", ms=3, color=PART_COLOURS[part])
        ax.set_title(title, fontsize="small", fontweight="normal")
    figure.suptitle("Frame in the middle of one clip: before (grey) and after (colour); dots: the wrists over time")
    return figure


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
        path = _wrist_path(points, recipe, hand)
        frames = np.arange(len(points))
        ax.plot(frames, path[:, 0], color=PART_COLOURS[hand], label="x, to the right of the picture")
        ax.plot(frames, path[:, 1], color=PART_COLOURS[hand], ls="--", label="y, downwards")
        if hand in parts:
            unseen = np.isnan(points[:, recipe.columns(hand), 0]).all(axis=1)
            for frame in np.flatnonzero(unseen):
                ax.axvspan(frame - 0.5, frame + 0.5, color="#dddddd", lw=0)
        if raw is not None:
            dots = _wrist_path(raw, recipe, hand)
            ax.plot(np.linspace(0, len(points) - 1, len(raw)), dots, "k.", ms=2)
        ax.set_title(f"{PART_NAMES[hand]} (grey: hand not detected)")
        ax.set_xlabel("frame after resampling")
        ax.legend(fontsize="x-small", loc="best")
    axes[0].set_ylabel("wrist (shoulder widths)" if recipe.body_frame == "shoulders" else "wrist (image widths)")
    figure.suptitle(title)
    return figure


def plot_detection_rates(rates: pd.DataFrame, *, labels: Mapping[str, str] | None = None) -> Figure:
    """Show in how many frames each part was detected.

    Args:
        rates: shares of frames from 0 to 1; one row a signer (or gloss), one column a part.
        labels: gloss -> the word to show, where glosses are numbers.
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    figure, ax = plt.subplots(figsize=(6, 1.2 + 0.42 * len(rates)))
    names = [PART_NAMES.get(part, part) for part in rates.columns]
    sns.heatmap(
        rates * 100, vmin=0, vmax=100, cmap="crest", annot=True, fmt=".0f", ax=ax, xticklabels=names, linewidths=1,
        yticklabels=shown_names(rates.index, labels),
        cbar_kws={"label": "frames in which it was detected (%)"},
    )  # fmt: skip
    ax.set_xlabel("")
    ax.set_ylabel(rates.index.name or "")
    ax.tick_params(axis="y", rotation=0)
    return figure


def detection_rates(landmarks: Mapping[str, Landmarks], clips: pd.DataFrame, *, by: str = "signer") -> pd.DataFrame:
    """Return the share of frames in which each part was detected, one row per value of `by`.

    Args:
        landmarks: clip_id -> its landmarks.
        clips: the clips table.
        by: "signer" or "gloss".
    """
    rows = []
    for clip_id, name in zip(clips["clip_id"], clips[by], strict=True):
        if clip_id in landmarks:
            clip = landmarks[clip_id]
            for part in clip.parts:
                seen = clip.seen(part)
                rows.append((name, part, int(seen.sum()), len(seen)))
    table = pd.DataFrame(rows, columns=[by, "part", "seen", "frames"]).groupby([by, "part"]).sum()
    wide = (table["seen"] / table["frames"]).unstack("part")
    return wide[[part for part in PARTS if part in wide.columns]]


def worst_clips(landmarks: Mapping[str, Landmarks], clips: pd.DataFrame, *, count: int = 3) -> pd.DataFrame:
    """Return the clips whose hands were lost most, worst first, with the share of frames in the column `found`.

    Of each gloss only the worst clip is listed, so that one difficult sign does not fill the list.
    A hand counts between the first and the last frame in which it was found, if it was found in a fifth of
    the clip at least: what rests outside the picture is not lost. `hand` says which of the two is meant.
    """
    rows = []
    for clip_id, clip in landmarks.items():
        for hand in (part for part in ("left_hand", "right_hand") if part in clip.parts):
            seen = np.flatnonzero(clip.seen(hand))
            if len(seen) >= 0.2 * len(clip.points):
                rows.append((clip_id, hand, len(seen) / (seen[-1] - seen[0] + 1)))
    table = pd.DataFrame(rows, columns=["clip_id", "hand", "found"]).sort_values(["found", "clip_id"])
    listed = table.drop_duplicates("clip_id").merge(clips, on="clip_id").drop_duplicates("gloss")
    return listed.head(count).reset_index(drop=True)


def plot_worst_clips(
    worst: pd.DataFrame, landmarks: Mapping[str, Landmarks], read: Callable[[pd.Series], Iterable[np.ndarray]]
) -> Figure:
    """Show the longest gap of each clip, one row a clip: before the hand is lost, in the middle, when it is back.

    Args:
        worst: rows as `worst_clips` gives them.
        landmarks: clip_id -> its landmarks.
        read: gives the frames of a clip.
    """
    columns = 3
    shapes, pictures = [], []
    for _, clip in worst.iterrows():
        frames, found = list(read(clip)), landmarks[clip["clip_id"]]
        seen = np.flatnonzero(found.seen(clip["hand"]))
        longest = int(np.argmax(np.diff(seen))) if len(seen) > 1 else 0
        before, after = seen[longest], seen[min(longest + 1, len(seen) - 1)]
        for moment in (before, (before + after) // 2, after):
            pictures.append((frames[moment], found, moment, clip))
            shapes.append(frames[moment].shape[:2])
    figure, axes = _grid(len(pictures), columns, shapes[0])
    for ax, (frame, found, moment, clip) in zip(axes, pictures, strict=True):
        small = _small(frame)
        ax.imshow(small)
        for part in found.parts:
            draw_part(ax, found.part(part)[moment] * (small.shape[1], small.shape[0], 1), part, dots=part != "face")
        ax.set_xlim(0, small.shape[1])
        ax.set_ylim(small.shape[0], 0)
        state = "found" if found.seen(clip["hand"])[moment] else "lost"
        ax.set_title(
            f"{clip['gloss']}, {clip['signer']}: {PART_NAMES[clip['hand']]} {state}",
            fontsize="small",
            fontweight="normal",
        )
    _part_legend(figure, pictures[0][1].parts)
    return figure


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


def _draw_points(ax: Axes, points: np.ndarray, recipe: FeatureRecipe, *, colour: str | None = None) -> None:
    for part in recipe.parts:
        tracked = RECIPE_PARTS[part][0]
        draw_part(ax, points[recipe.columns(part)][:25] if tracked == "pose" else points[recipe.columns(part)], tracked,
                  colour=colour)  # fmt: skip
    if recipe.body_frame == "shoulders":
        ax.set_xlim(-1.7, 1.7)
        ax.set_ylim(2.1, -1.3)
    ax.set_aspect("equal")


def _wrist_path(points: np.ndarray, recipe: FeatureRecipe, hand: str) -> np.ndarray:
    """Return (T, C): where a wrist is over time, by the body if the recipe has it, else by the hand, else NaN."""
    for part in ("pose", "upper_body"):
        if part in recipe.parts:
            return points[:, recipe.columns(part)][:, LEFT_WRIST if hand == "left_hand" else RIGHT_WRIST]
    if hand in recipe.parts:
        return points[:, recipe.columns(hand)][:, WRIST]
    return np.full((len(points), points.shape[-1]), np.nan)


def _small(frame: np.ndarray, *, most: int = 260) -> np.ndarray:
    """Return a picture small enough for a notebook that is read in a browser."""
    import cv2

    factor = most / max(frame.shape[:2])
    return cv2.resize(frame, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA) if factor < 1 else frame


def _grid(count: int, columns: int, shape: Sequence[int], *, frame: bool = False) -> tuple[Figure, list[Axes]]:
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


def _part_legend(figure: Figure, parts: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=PART_COLOURS[part], label=PART_NAMES[part]) for part in parts]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(parts), fontsize="small", frameon=False)
