"""Pictures of the live demo: what was recognised when, and what the screen showed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from asl_lib.live.recogniser import Seen
from asl_lib.live.replay import Signed
from asl_lib.plots.style import counted, describe, listed, percent

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_recognition(seen: Sequence[Seen], signs: Sequence[Signed] = (), *, threshold: float) -> Figure:
    """Show the probability of the best gloss over time, when a hand was up, and the words.

    Args:
        seen: what the recogniser saw, frame by frame.
        signs: what was signed, where that is known: written above, and words that are wrong marked with a cross.
        threshold: least probability of a sign that is named.
    """
    import matplotlib.pyplot as plt

    times = np.array([one.time_s for one in seen])
    figure, ax = plt.subplots(figsize=(11, 3.4))
    signing = np.array([one.signing for one in seen])
    ax.fill_between(times, 0, 100, where=signing.tolist(), color="0.9", step="mid", label="a hand is up")
    going_on = signing & np.concatenate([[False], signing[:-1]])  # a sign's first frame still has the last sign's guess
    best = np.array([100 * one.top[0][1] if one.top and on else np.nan for one, on in zip(seen, going_on, strict=True)])
    ax.plot(times, best, color="#0173b2", lw=1.4, label="best gloss so far")
    ax.axhline(100 * threshold, color="0.5", ls=":", lw=1)
    place = {"ha": "center", "fontsize": "x-small", "annotation_clip": False}
    for sign in signs:
        ax.annotate(sign.gloss, ((sign.start_s + sign.end_s) / 2, 108), va="bottom", color="0.35", **place)
    said = []
    for one in seen:
        if one.committed:
            right = any(s.gloss == one.committed and s.start_s <= one.time_s <= s.end_s + 1 for s in signs)
            colour, mark = ("#029e73", "o") if right or not signs else ("#d55e00", "X")
            said.append(one.committed if right or not signs else f"{one.committed} (wrong)")
            ax.plot(one.time_s, 100 * one.top[0][1], mark, color=colour, ms=7, clip_on=False)
            ax.annotate(
                said[-1].replace(" (wrong)", " ✗"), (one.time_s, -16), va="top", color=colour, rotation=25, **place
            )
    ax.set_ylim(0, 104)
    ax.set_xlim(times[0], times[-1])
    ax.set_ylabel("probability (%)")
    ax.set_xlabel("time (s); below: words as they were said", labelpad=46)
    ax.legend(fontsize="x-small", loc="lower right", ncols=2)
    return describe(
        figure,
        f"Curve of the best gloss's probability over {times[-1] - times[0]:.0f} s of video; a hand is up in "
        f"{percent(float(signing.mean()))} of the frames, the threshold is {percent(threshold)}. "
        + (f"Signed: {listed((sign.gloss for sign in signs), most=12)}. " if signs else "")
        + (f"Words said: {listed(said, most=12)}." if said else "No word was said."),
    )


def plot_screens(pictures: Sequence[np.ndarray], titles: Sequence[str]) -> Figure:
    """Show what the live demo's screen looked like at some moments.

    Args:
        pictures: (H, W, 3) uint8 RGB of one size, as `live.picture.compose` gives them.
        titles: one a picture.
    """
    import matplotlib.pyplot as plt

    columns = min(2, len(pictures))
    rows = -(-len(pictures) // columns)
    shape = pictures[0].shape
    figure, axes = plt.subplots(
        rows, columns, figsize=(5.5 * columns, 5.5 * rows * shape[0] / shape[1] + 0.3 * rows), squeeze=False
    )
    for ax in axes.flat:
        ax.axis("off")
    for ax, picture, title in zip(axes.flat, pictures, titles, strict=False):
        ax.imshow(picture)
        ax.set_title(title, fontsize="small", loc="left")
    return describe(
        figure,
        f"{counted(len(pictures), 'picture').capitalize()} of the live demo's screen, the camera's image with the "
        f"landmarks and the best glosses, titled {listed(titles)}.",
    )
