"""Everyday movements of the procedural signers that are no signs, and that a recogniser must not name.

They are written as the pseudo-signs are, by place, orientation, handshape and movement of the hands, and come from the
same generator: real people's gestures are more various. Some of them resemble signs of one language or another.
"""

from __future__ import annotations

from asl_lib.data.demo.lexicon import FreeSign, Point, Wave

STILL: Wave = (0.0, 1.0, 0.0, 0.0)
UP, IN, ACROSS, FORWARD = (-0.08, -1.0, 0.05), (-0.85, -0.52, 0.12), (-1.0, -0.08, 0.1), (-0.1, -0.2, 1.0)
"""Directions of the fingers, as (outwards, down, to the viewer)."""
TO_VIEWER, TO_SELF, TO_SIDE = (0.05, 0.0, 1.0), (-0.15, 0.0, -1.0), (-0.75, 0.0, 0.66)
PALM_UP, PALM_DOWN = (0.0, -0.75, 0.66), (0.0, 0.75, 0.66)
"""Directions of the palm."""


def _gesture(
    name: str, shape: str, place: Point, pointing: Point, facing: Point, *, both: bool = False, **waves: Wave
) -> FreeSign:
    """Return a gesture; `waves` are amplitude, cycles, phase and drift of x, y, z, pitch, roll and turn."""
    moved = tuple(waves.get(axis, STILL) for axis in ("x", "y", "z", "pitch", "roll", "turn"))
    return FreeSign(
        gloss=name, hands="both" if both else "one", symmetry="mirrored" if both else "none", handshape=shape,
        place=place, pointing=pointing, facing=facing, waves=moved, other_waves=moved,
    )  # fmt: skip


TUNING = (
    _gesture("wave", "5", (0.75, -0.45, 0.40), UP, TO_VIEWER, x=(0.10, 3, 0, 0), roll=(26, 3, 0, 0)),
    _gesture("think, hand on chin", "1", (0.20, -0.33, 0.36), UP, TO_SELF),
    _gesture("rub the chest", "5", (0.04, 0.36, 0.46), ACROSS, TO_SELF, y=(0.10, 2, 0, 0)),
    _gesture("clap", "flat", (0.40, 0.35, 0.46), UP, TO_SIDE, both=True, x=(0.14, 2, 1.5, 0)),
    _gesture("thumb up", "A", (0.34, 0.38, 0.46), ACROSS, TO_SIDE),
    _gesture("phone", "Y", (0.36, -0.50, 0.18), UP, TO_SIDE),
    _gesture("type", "claw", (0.36, 0.80, 0.45), FORWARD, PALM_DOWN, both=True, y=(0.03, 5, 0, 0), pitch=(16, 5, 0, 0)),
    _gesture("scratch the nose", "1 > claw", (0.10, -0.52, 0.40), UP, TO_SELF, x=(0.03, 4, 0, 0), pitch=(12, 4, 0, 0)),
    _gesture("rub the belly", "flat", (0.05, 0.75, 0.45), ACROSS, TO_SELF, x=(0.12, 1.5, 0, 0), y=(0.12, 1.5, 1.6, 0)),
    _gesture("stop", "5", (0.30, 0.05, 0.50), UP, TO_VIEWER, z=(0, 1, 0, 0.25)),
    _gesture("yawn", "flat", (0.10, -0.34, 0.48), IN, TO_SELF, y=(0.04, 0.5, 0, 0)),
    _gesture("cross the arms", "A", (0.36, 0.40, 0.40), ACROSS, TO_SELF, both=True, x=(0, 1, 0, -0.5)),
    _gesture("touch the ear", "1", (0.36, -0.55, 0.12), UP, TO_SELF, y=(0.04, 2, 0, 0), turn=(15, 2, 0, 0)),
)  # fmt: skip
"""Those that may be looked at while thresholds are chosen."""
HELD_OUT = (
    _gesture("scratch the head", "claw", (0.20, -0.88, 0.25), UP, TO_SELF, x=(0.04, 4, 0, 0), pitch=(14, 4, 0, 0)),
    _gesture("push glasses up", "1", (0.08, -0.58, 0.40), IN, TO_SELF, y=(0.02, 1, 0, -0.08)),
    _gesture("count", "1 > 5", (0.58, 0.02, 0.42), UP, TO_VIEWER),
    _gesture("shrug", "5", (0.80, 0.25, 0.50), ACROSS, PALM_UP, both=True, y=(-0.14, 0.5, 0, 0), turn=(30, 0.5, 0, 0)),
    _gesture("drink", "C", (0.12, -0.25, 0.50), IN, TO_SIDE, y=(-0.05, 0.5, 0, 0), pitch=(-35, 0.5, 0, 0)),
    _gesture("comb the hair", "claw", (0.30, -0.95, 0.15), UP, TO_SELF, y=(0, 1, 0, 0.40), pitch=(0, 1, 0, 20)),
    _gesture("point ahead", "1", (0.34, 0.25, 0.46), FORWARD, PALM_DOWN, z=(0, 1, 0, 0.22)),
    _gesture("look at the watch", "S", (0.10, 0.20, 0.50), ACROSS, PALM_DOWN, y=(-0.08, 0.5, 0, 0)),
    _gesture("rub the neck", "relaxed", (0.25, -0.15, 0.05), UP, TO_SELF, y=(0.09, 2, 0, 0)),
    _gesture("wipe the face", "flat", (0.10, -0.52, 0.40), IN, TO_SELF, x=(0.14, 1, 0, 0), y=(0.03, 2, 0, 0)),
    _gesture("stretch", "S", (0.55, -0.80, 0.20), UP, TO_VIEWER, both=True, x=(0, 1, 0, 0.25), y=(0, 1, 0, -0.25)),
    _gesture("straighten the collar", "O", (0.36, 0.02, 0.40), UP, TO_SELF, both=True, y=(0.05, 2, 0, 0)),
    _gesture("swipe a screen", "1", (0.15, 0.35, 0.45), FORWARD, PALM_DOWN, x=(-0.14, 2, 0, 0)),
)  # fmt: skip
"""Those with which nothing was chosen."""
