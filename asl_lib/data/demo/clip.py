"""A sign to a video file."""

from __future__ import annotations

from pathlib import Path

from asl_lib.data.demo.lexicon import Sign, Signer
from asl_lib.data.demo.motion import Performance, perform
from asl_lib.data.demo.render import render_frames
from asl_lib.data.video import write_video


def write_clip(path: str | Path, sign: Sign, signer: Signer, *, repetition: int, seed: int) -> Performance:
    """Render one repetition of a sign as an H.264 mp4 and return what was performed.

    The same arguments give the same bytes.
    """
    performance = perform(sign, signer, repetition=repetition, seed=seed)
    write_video(path, render_frames(performance), fps=performance.fps)
    return performance
