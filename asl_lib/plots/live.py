"""Figures of the live demo: what was recognised when, and what the screen showed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from asl_lib._util.console import counted
from asl_lib.plots.drawing import picture_grid
from asl_lib.plots.style import describe, listed, percent, subplots

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_recognition(seen: Sequence[Any], signs: Sequence[Any] = (), *, threshold: float) -> Figure:
    """Plot the probability of the best gloss over time, when a hand was up, and the recognised words.

    Args:
        seen: one output of the recogniser per frame, with the attributes time_s, signing (a hand is up), top (pairs of
            gloss and probability, the best first) and committed (the word, or "").
        signs: the true signs if known, with the attributes gloss, start_s and end_s. They are written above the curve,
            and wrong words are marked with a cross.
        threshold: lowest probability of a sign that is named.
    """
    times = np.array([frame.time_s for frame in seen])
    figure, ax = subplots(figsize=(11, 3.4))
    signing = np.array([frame.signing for frame in seen])
    ax.fill_between(times, 0, 100, where=signing.tolist(), color="0.9", step="mid", label="a hand is up")
    current = signing & np.concatenate([[False], signing[:-1]])  # a sign's first frame still has the last sign's guess
    best = [100 * frame.top[0][1] if frame.top and now else np.nan for frame, now in zip(seen, current, strict=True)]
    ax.plot(times, best, color="#0173b2", lw=1.4, label="best gloss so far")
    ax.axhline(100 * threshold, color="0.5", ls=":", lw=1)
    look = {"ha": "center", "fontsize": "x-small", "annotation_clip": False}
    for sign in signs:
        ax.annotate(sign.gloss, ((sign.start_s + sign.end_s) / 2, 108), va="bottom", color="0.35", **look)
    words = []
    for frame in (frame for frame in seen if frame.committed):
        word, time_s = frame.committed, frame.time_s
        right = not signs or any(s.gloss == word and s.start_s <= time_s <= s.end_s + 1 for s in signs)
        colour, marker = ("#029e73", "o") if right else ("#d55e00", "X")
        words.append(word if right else f"{word} (wrong)")
        ax.plot(time_s, 100 * frame.top[0][1], marker, color=colour, ms=7, clip_on=False)
        label = word if right else f"{word} ✗"
        ax.annotate(label, (time_s, -16), va="top", color=colour, rotation=25, **look)
    ax.set_ylim(0, 104)
    ax.set_xlim(times[0], times[-1])
    ax.set_ylabel("probability (%)")
    ax.set_xlabel("time (s); below: recognised words", labelpad=46)
    ax.legend(fontsize="x-small", loc="lower right", ncols=2)
    return describe(
        figure,
        f"Curve of the best gloss's probability over {times[-1] - times[0]:.0f} s of video; a hand is up in "
        f"{percent(float(signing.mean()))} of the frames, the threshold is {percent(threshold)}. "
        + (f"Signed: {listed((sign.gloss for sign in signs), most=12)}. " if signs else "")
        + (f"Recognised: {listed(words, most=12)}." if words else "No word was recognised."),
    )


def plot_screens(pictures: Sequence[np.ndarray], titles: Sequence[str]) -> Figure:
    """Show the screen of the live demo at some moments.

    Args:
        pictures: (H, W, 3) uint8 RGB of one size.
        titles: one per picture.
    """
    figure, axes = picture_grid(len(pictures), 2, pictures[0].shape[:2], width=11 / 2)
    for ax, picture, title in zip(axes, pictures, titles, strict=True):
        ax.imshow(picture)
        ax.set_title(title, fontsize="small", loc="left")
    return describe(
        figure,
        f"{counted(len(pictures), 'picture').capitalize()} of the live demo's screen, the camera's image with the "
        f"landmarks and the best glosses, titled {listed(titles)}.",
    )
