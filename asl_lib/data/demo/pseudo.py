"""Pseudo-signs: random movements that belong to no language, by random drawn signers.

Random values of Stokoe's parameters under constraints that hold for most two-handed signs, with exceptions (Battison
1978, on American Sign Language): if both hands move, they have the same handshape and the same movement, at the same
time or in alternation (symmetry condition); if the handshapes differ, one hand holds still, in one of a few simple
handshapes (dominance condition). A sign has one place, often on the body, and a short movement, often repeated
(Sandler and Lillo-Martin 2006). Pseudo-signs are used to train an embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from asl_lib.data.demo.hand import HANDSHAPES
from asl_lib.data.demo.lexicon import FreeSign, Point, Signer, Wave, load_signers
from asl_lib.data.demo.motion import FINGERS, LOCATIONS, PALMS

T = TypeVar("T")
LIKE_OTHERS = ("0", "2", "9", "J", "Z", "Q", "P", "G", "H", "relaxed")
"""Handshapes that are left out: those that are very similar to others of the list, and the hand at rest."""
SHAPES = tuple(name for name in HANDSHAPES if name not in LIKE_OTHERS)
BASES = ("flat", "A", "S", "B", "1", "C", "O", "5")
"""Handshapes of a hand that holds still below the other."""
PLACES: tuple[Point, ...] = (
    *LOCATIONS.values(),
    (0.10, -0.52, 0.40),  # nose
    (0.18, -0.62, 0.36),  # eye
    (0.34, -0.55, 0.15),  # ear
    (0.20, -0.10, 0.30),  # neck
    (-0.35, 0.10, 0.40),  # the other shoulder
    (0.05, 0.75, 0.45),  # belly
)
"""Places on the body, and before it."""
DIRECTIONS: tuple[Point, ...] = (*FINGERS.values(), (-0.20, -0.30, 1.0), (-0.15, 1.0, 0.25))
"""Directions of the fingers: the lexicon's, forwards, and down."""


def random_sign(rng: np.random.Generator, gloss: str) -> FreeSign:
    """Return a sign with random parameters.

    Args:
        rng: draws all of them.
        gloss: its name.
    """
    hands = "one" if rng.random() < 0.6 else "both"
    symmetry = "none" if hands == "one" else "mirrored" if rng.random() < 0.6 else "support"
    shape = _one_of(SHAPES, rng)
    if rng.random() < 0.22:
        shape = f"{shape} > {_one_of(SHAPES, rng)}"
    place = _one_of(PLACES, rng)
    if rng.random() < 0.45:  # anywhere in the space before the signer
        place = (rng.uniform(-0.25, 0.8), rng.uniform(-0.85, 0.75), rng.uniform(0.32, 0.55))
    waves = _random_movement(rng)
    other: tuple[Wave, ...] = ()
    if symmetry == "mirrored" and rng.random() < 0.25:  # the hands move in turn
        other = tuple((-amplitude, cycles, phase, drift) for amplitude, cycles, phase, drift in waves)
    return FreeSign(
        gloss=gloss,
        hands=hands,  # type: ignore[arg-type]
        symmetry=symmetry,  # type: ignore[arg-type]
        handshape=shape,
        support=_one_of(BASES, rng) if symmetry == "support" else "",
        place=place,
        pointing=_one_of(DIRECTIONS, rng),
        facing=_one_of(list(PALMS.values()), rng),
        waves=waves,
        other_waves=other,
    )


def random_signer(rng: np.random.Generator, name: str) -> Signer:
    """Return a signer with a random body, camera and habits; colours and clothes are those of a signer of the demo."""

    def uniform(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    def normal(mean: float, spread: float) -> float:
        return float(rng.normal(mean, spread))

    return replace(
        next(iter(load_signers().values())),
        name=name,
        hand="right" if rng.random() < 0.88 else "left",
        shoulders_px=uniform(130, 185),
        arms=uniform(0.90, 1.20),
        hand_size=uniform(
            0.90, 1.50
        ),  # a hand is nearer to a webcam than the shoulders: this camera has no perspective
        turn=normal(0, 10),
        height=normal(0, 6),
        tempo=uniform(0.75, 1.3),
        hold=uniform(0, 0.35),
        amplitude=float(np.exp(normal(0, 0.22))),
        extent=uniform(0.8, 1.12),
        offset=(normal(0.05, 0.09), normal(0.02, 0.07)),
        rest=(uniform(0.26, 0.80), uniform(1.10, 1.40)),
        lax=uniform(0, 15),
        tilt=normal(0, 15),
        palm=normal(0, 10),
        direction=normal(0, 25),
        lean=normal(0, 2),
        extra=_one_of(("none", "none", "none", "bounce", "sway", "circle"), rng),
        accent=uniform(0.6, 1.5),
        variety=uniform(0.5, 1.3),
        variants={},
    )


def _random_movement(rng: np.random.Generator) -> tuple[Wave, ...]:
    """Return the six waves of a movement: repeated back and forth, along a single path, or no movement."""
    if rng.random() < 0.12:
        return ((0.0, 1.0, 0.0, 0.0),) * 6
    # A path and a turn of the wrist share one rhythm, and both parts of a circle do.
    cycles = float(_one_of((0.5, 1.0, 1.5, 2.0, 3.0), rng))
    circle = rng.random() < 0.3
    rows = []
    for size, drift, share in ((0.11, 0.14, 0.6), (24.0, 14.0, 0.3)):
        for number in range(3):
            swings, drifts = rng.random() < share, rng.random() < 0.6 * share
            phase = 0.5 * np.pi * number if circle else 0.0
            rows.append((rng.normal(0, size) * swings, cycles, phase, rng.normal(0, drift) * drifts))
    return tuple(rows)


def _one_of(values: Sequence[T], rng: np.random.Generator) -> T:
    return values[int(rng.integers(len(values)))]
