"""Figures of detection: the rate of each part, and the clips in which hands were lost most."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from asl_lib._util.console import counted
from asl_lib.data.video import Frame
from asl_lib.features.body import LEFT_SHOULDER, LEFT_WRIST, RIGHT_SHOULDER, RIGHT_WRIST
from asl_lib.landmarks.landmarks import PARTS, Landmarks
from asl_lib.plots.drawing import draw_frame, part_legend, picture_grid
from asl_lib.plots.style import (
    PART_NAMES,
    SMALL_TITLE,
    describe,
    listed,
    percent,
    readable_numbers,
    shown_names,
    subplots,
)

WRISTS = {"left_hand": LEFT_WRIST, "right_hand": RIGHT_WRIST}
SPEEDS = (0.0, 0.05, 0.2)
"""In shoulder widths a frame."""

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_detection_rates(rates: pd.DataFrame, *, labels: Mapping[str, str] | None = None) -> Figure:
    """Plot the share of frames in which each part was detected, as `detection_rates` returns them.

    Args:
        rates: shares of frames from 0 to 1; one row per signer (or gloss), one column per part.
        labels: gloss -> the word to show if glosses are numbers.
    """
    import seaborn as sns

    figure, ax = subplots(figsize=(6, 1.2 + 0.42 * len(rates)))
    names = [PART_NAMES.get(part, part) for part in rates.columns]
    sns.heatmap(
        rates * 100, vmin=0, vmax=100, cmap="crest", annot=True, fmt=".0f", ax=ax, xticklabels=names, linewidths=1,
        yticklabels=shown_names(rates.index, labels),
        cbar_kws={"label": "frames in which it was detected (%)"},
    )  # fmt: skip
    readable_numbers(ax)
    ax.set_xlabel("")
    ax.set_ylabel(rates.index.name or "")
    ax.tick_params(axis="y", rotation=0)
    ranges = []
    for part, name in zip(rates.columns, names, strict=True):
        known = rates[part].dropna()
        if len(known):
            lowest = shown_names([known.idxmin()], labels)[0]
            above = f" ({lowest}) to {percent(known.max())}" if known.max() > known.min() else ""
            ranges.append(f"{name} {percent(known.min())}{above}")
    kind = rates.index.name or "row"
    return describe(
        figure,
        f"Heat map: the share of frames in which each part was detected, for {counted(len(rates), str(kind))}. "
        f"From the lowest to the highest: {listed(ranges)}.",
    )


def detection_rates(landmarks: Mapping[str, Landmarks], clips: pd.DataFrame, *, by: str = "signer") -> pd.DataFrame:
    """Return the share of frames in which each part was detected, one row per value of `by`.

    A hand is counted in the frames in which its wrist, as the body's landmarks have it, is in the picture: what is not
    in the picture cannot be found.

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
                counted_in = _wrist_in_picture(clip, part)
                rows.append((name, part, int(clip.seen(part)[counted_in].sum()), int(counted_in.sum())))
    table = pd.DataFrame(rows, columns=[by, "part", "seen", "frames"]).groupby([by, "part"]).sum()
    wide = (table["seen"] / table["frames"]).unstack("part")
    return wide[[part for part in PARTS if part in wide.columns]]


def hands_by_speed(landmarks: Mapping[str, Landmarks]) -> pd.DataFrame:
    """Return how often a hand was found, by the speed of its wrist: motion blurs a picture.

    Args:
        landmarks: clip_id -> its landmarks, with the pose.

    Returns:
        One row per range of speed, in shoulder widths from frame to frame, and "any"; columns: frames (those with a
        wrist in the picture, of either hand) and found (the share of these in which its hand was found, 0 to 1).
    """
    speeds, found = [np.empty(0)], [np.empty(0, bool)]
    for clip in landmarks.values():
        body = clip.part("pose")[:, :, :2] * (1, clip.height / clip.width)
        widths = np.linalg.norm(body[:, LEFT_SHOULDER] - body[:, RIGHT_SHOULDER], axis=-1)
        if np.isnan(widths).all():
            continue
        for hand in (part for part in WRISTS if part in clip.parts):
            steps = np.linalg.norm(np.diff(body[:, WRISTS[hand]], axis=0), axis=-1) / np.nanmedian(widths)
            at = np.flatnonzero(_wrist_in_picture(clip, hand)[1:] & ~np.isnan(steps))
            speeds.append(steps[at])
            found.append(clip.seen(hand)[at + 1])
    speed, seen = np.concatenate(speeds), np.concatenate(found)
    rows = {f"{low:g} to {high:g}": (speed >= low) & (speed < high) for low, high in pairwise(SPEEDS)}
    rows |= {f"above {SPEEDS[-1]:g}": speed >= SPEEDS[-1], "any": speed >= 0}
    table = {name: (int(row.sum()), seen[row].mean() if row.any() else np.nan) for name, row in rows.items()}
    return pd.DataFrame.from_dict(table, orient="index", columns=["frames", "found"]).rename_axis("speed")


def _wrist_in_picture(clip: Landmarks, part: str) -> np.ndarray:
    """Return (T,) bool: in which frames a hand's wrist is in the picture; all for another part, or without a pose."""
    if part not in WRISTS or "pose" not in clip.parts:
        return np.ones(len(clip.points), bool)
    wrist = clip.part("pose")[:, WRISTS[part], :2]
    return np.asarray(((wrist >= 0) & (wrist <= 1)).all(axis=1))


def worst_clips(landmarks: Mapping[str, Landmarks], clips: pd.DataFrame, *, count: int = 3) -> pd.DataFrame:
    """Return the clips in which a hand was lost most, worst first.

    Only the worst clip of each gloss is listed, so that one difficult sign does not fill the list. The share of frames
    is counted between the first and the last frame in which the hand was found, and only for hands found in at least a
    fifth of the clip: a hand that rests outside the picture is not lost.

    Args:
        landmarks: clip_id -> its landmarks.
        clips: the clips table.
        count: number of clips to return.

    Returns:
        Rows of the clips table with the columns hand ("left_hand" or "right_hand") and found (share of frames, 0 to 1).
    """
    rows = []
    for clip_id, clip in landmarks.items():
        for hand in (part for part in ("left_hand", "right_hand") if part in clip.parts):
            seen = np.flatnonzero(clip.seen(hand))
            if len(seen) >= 0.2 * len(clip.points):
                rows.append((clip_id, hand, len(seen) / (seen[-1] - seen[0] + 1)))
    table = pd.DataFrame(rows, columns=["clip_id", "hand", "found"]).sort_values(["found", "clip_id"])
    worst = table.drop_duplicates("clip_id").merge(clips, on="clip_id").drop_duplicates("gloss")
    return worst.head(count).reset_index(drop=True)


def plot_worst_clips(
    worst: pd.DataFrame, landmarks: Mapping[str, Landmarks], read: Callable[[pd.Series], Iterable[Frame]]
) -> Figure:
    """Show the longest gap of each clip in a row: the frame before the hand is lost, the middle, and the frame after.

    Args:
        worst: rows as `worst_clips` returns them.
        landmarks: clip_id -> its landmarks.
        read: returns the frames of a clip.
    """
    pictures = []
    for _, clip in worst.iterrows():
        frames, found = [picture for _, picture in read(clip)], landmarks[clip["clip_id"]]
        seen = np.flatnonzero(found.seen(clip["hand"]))
        longest = int(np.argmax(np.diff(seen))) if len(seen) > 1 else 0
        before, after = seen[longest], seen[min(longest + 1, len(seen) - 1)]
        for moment in (before, (before + after) // 2, after):
            pictures.append((frames[moment], found, moment, clip))
    figure, axes = picture_grid(len(pictures), 3, pictures[0][0].shape[:2])
    for ax, (frame, found, moment, clip) in zip(axes, pictures, strict=True):
        draw_frame(ax, frame, found, moment)
        state = "found" if found.seen(clip["hand"])[moment] else "lost"
        ax.set_title(f"{clip['gloss']}, {clip['signer']}: {PART_NAMES[clip['hand']]} {state}", **SMALL_TITLE)
    part_legend(figure, pictures[0][1].parts)
    hands = worst["hand"].map(PART_NAMES)
    rows = [
        f"{gloss} by {signer} ({hand} found in {percent(found)} of the frames from its first to its last)"
        for gloss, signer, hand, found in zip(worst["gloss"], worst["signer"], hands, worst["found"], strict=True)
    ]
    return describe(
        figure,
        f"The longest gap of {counted(len(worst), 'clip')}: the frame before the hand is lost, the middle, and the "
        f"frame in which it is found again, with the landmarks drawn: {listed(rows)}.",
    )
