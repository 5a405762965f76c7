"""The hand: 21 joints in MediaPipe's order, and their angles in each handshape.

Hand coordinates are (a, u, n): `a` towards the thumb's side, `u` along the fingers, `n` out of the palm, in units of
the palm (wrist to middle knuckle). They are the same for both hands; the left one is mirrored later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from asl_lib.data.errors import DatasetError

FINGERS = ("index", "middle", "ring", "pinky")
KNUCKLES = {
    "index": (0.27, 0.96, 0.0),
    "middle": (0.05, 1.0, 0.02),
    "ring": (-0.15, 0.94, 0.0),
    "pinky": (-0.33, 0.83, -0.03),
}
SEGMENTS = {  # lengths from knuckle to tip
    "index": (0.48, 0.29, 0.24),
    "middle": (0.53, 0.33, 0.25),
    "ring": (0.49, 0.31, 0.25),
    "pinky": (0.38, 0.22, 0.21),
}
THUMB_ROOT = (0.27, 0.22, 0.08)
THUMB_SEGMENTS = (0.46, 0.36, 0.29)

Bend = tuple[float, float, float, float]
"""Spread (towards the thumb), then flexion of knuckle, middle and last joint, all in degrees."""

STRAIGHT: Bend = (0, 2, 4, 2)
FIST: Bend = (0, 82, 100, 62)
CURVED: Bend = (0, 42, 48, 32)
ROUND: Bend = (0, 56, 62, 42)
HOOK: Bend = (0, 12, 92, 55)
CLAW: Bend = (0, 22, 62, 42)
RELAXED: Bend = (0, 24, 34, 20)


def _spread(bend: Bend, degrees: float) -> Bend:
    return (degrees, *bend[1:])


@dataclass(frozen=True)
class Handshape:
    """One handshape.

    Attributes:
        bends: spread and flexion of index, middle, ring and pinky.
        thumb: position (a, u, n) of the thumb's tip, or the name of the finger whose tip it touches.
        turn: rotation of a still picture of the letter in the picture plane, in degrees.
    """

    bends: tuple[Bend, ...]
    thumb: tuple[float, float, float] | str
    turn: float = 0.0


OUT, BESIDE, ACROSS = (1.12, 0.86, 0.12), (0.44, 1.22, 0.30), (-0.02, 0.72, 0.36)
OVER, UNDER = (0.00, 0.86, 0.52), (0.05, 0.60, 0.46)
FIVE = tuple(_spread(STRAIGHT, s) for s in (14, 3, -9, -22))
TOGETHER = tuple(_spread(STRAIGHT, s) for s in (1, 0, 0, 1))
FAN = tuple(_spread(STRAIGHT, s) for s in (10, 0, -10, -20))

HANDSHAPES: dict[str, Handshape] = {
    "A": Handshape((FIST, FIST, FIST, FIST), BESIDE),
    "B": Handshape(TOGETHER, ACROSS),
    "C": Handshape((CURVED, CURVED, CURVED, CURVED), (0.55, 0.72, 0.95), turn=0),
    "D": Handshape((STRAIGHT, ROUND, ROUND, ROUND), "middle"),
    "E": Handshape(tuple((0.0, 62.0, 112.0, 72.0) for _ in FINGERS), (0.0, 0.62, 0.42)),
    "F": Handshape((_spread(ROUND, 4), _spread(STRAIGHT, 2), _spread(STRAIGHT, -9), _spread(STRAIGHT, -20)), "index"),
    "G": Handshape((STRAIGHT, FIST, FIST, FIST), (0.62, 1.22, 0.30), turn=-80),
    "H": Handshape((STRAIGHT, STRAIGHT, FIST, FIST), UNDER, turn=-80),
    "I": Handshape((FIST, FIST, FIST, STRAIGHT), OVER),
    "J": Handshape((FIST, FIST, FIST, STRAIGHT), OVER, turn=15),
    "K": Handshape((_spread(STRAIGHT, 5), (-2, 42, 6, 4), FIST, FIST), (0.18, 1.20, 0.42)),
    "L": Handshape((STRAIGHT, FIST, FIST, FIST), OUT),
    "M": Handshape(((0, 78, 72, 30), (0, 78, 72, 30), (0, 78, 72, 30), FIST), (-0.24, 0.78, 0.30)),
    "N": Handshape(((0, 78, 72, 30), (0, 78, 72, 30), FIST, FIST), (-0.06, 0.80, 0.32)),
    "O": Handshape((ROUND, ROUND, ROUND, ROUND), "middle"),
    "P": Handshape((_spread(STRAIGHT, 5), (-2, 50, 6, 4), FIST, FIST), (0.18, 1.20, 0.42), turn=-140),
    "Q": Handshape((STRAIGHT, FIST, FIST, FIST), (0.62, 1.22, 0.30), turn=-160),
    "R": Handshape(((-8, 4, 4, 2), (9, 12, 6, 2), FIST, FIST), UNDER),
    "S": Handshape((FIST, FIST, FIST, FIST), OVER),
    "T": Handshape(((0, 70, 92, 50), FIST, FIST, FIST), (0.20, 1.04, 0.50)),
    "U": Handshape((STRAIGHT, STRAIGHT, FIST, FIST), UNDER),
    "V": Handshape((_spread(STRAIGHT, 12), _spread(STRAIGHT, -8), FIST, FIST), UNDER),
    "W": Handshape((_spread(STRAIGHT, 12), STRAIGHT, _spread(STRAIGHT, -12), (0, 70, 92, 50)), "pinky"),
    "X": Handshape((HOOK, FIST, FIST, FIST), OVER),
    "Y": Handshape((FIST, FIST, FIST, _spread(STRAIGHT, -24)), OUT),
    "Z": Handshape((STRAIGHT, FIST, FIST, FIST), UNDER, turn=10),
    "0": Handshape((ROUND, ROUND, ROUND, ROUND), "middle"),
    "1": Handshape((STRAIGHT, FIST, FIST, FIST), UNDER),
    "2": Handshape((_spread(STRAIGHT, 12), _spread(STRAIGHT, -8), FIST, FIST), UNDER),
    "3": Handshape((_spread(STRAIGHT, 12), _spread(STRAIGHT, -4), FIST, FIST), OUT),
    "4": Handshape(FAN, ACROSS),
    "5": Handshape(FIVE, OUT),
    "6": Handshape((_spread(STRAIGHT, 12), STRAIGHT, _spread(STRAIGHT, -12), _spread(ROUND, -4)), "pinky"),
    "7": Handshape((_spread(STRAIGHT, 12), STRAIGHT, _spread(ROUND, 0), _spread(STRAIGHT, -22)), "ring"),
    "8": Handshape((_spread(STRAIGHT, 14), ROUND, _spread(STRAIGHT, -8), _spread(STRAIGHT, -22)), "middle"),
    "9": Handshape((_spread(ROUND, 4), _spread(STRAIGHT, 2), _spread(STRAIGHT, -9), _spread(STRAIGHT, -20)), "index"),
    "flat": Handshape(TOGETHER, (0.58, 1.02, 0.10)),
    "claw": Handshape(tuple(_spread(CLAW, s) for s in (14, 3, -9, -22)), (0.86, 0.92, 0.55)),
    "relaxed": Handshape((RELAXED, RELAXED, RELAXED, RELAXED), (0.62, 0.92, 0.34)),
}
LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
DIGITS = tuple("0123456789")


@cache
def posture(name: str) -> np.ndarray:
    """Return a handshape as (19,) numbers that can be interpolated: the 16 angles of `bends`, then the thumb's tip.

    Interpolated angles, unlike interpolated positions, keep the length of the bones.

    Raises:
        DatasetError: there is no such handshape; the message lists those that exist.
    """
    if name not in HANDSHAPES:
        raise DatasetError(f"There is no handshape '{name}'. There are: {', '.join(HANDSHAPES)}.")
    shape = HANDSHAPES[name]
    if isinstance(shape.thumb, str):
        touched = _finger(shape.thumb, shape.bends[FINGERS.index(shape.thumb)], 0.0)[-1]
        # The pads touch: the centres of the two tips stay a finger's thickness apart.
        tip = touched + np.array([0.06, -0.02, 0.06])
    else:
        tip = np.array(shape.thumb)
    values = np.concatenate([np.array(shape.bends, float).ravel(), tip])
    values.setflags(write=False)
    return values


def joints(values: np.ndarray, *, lax: float = 0.0) -> np.ndarray:
    """Return the joints of postures.

    Args:
        values: (..., 19) values of `posture`, or a weighted mean of several.
        lax: degrees by which stretched fingers stay bent and bent fingers open, a habit of the signer.

    Returns:
        (..., 21, 3) in hand coordinates: wrist, thumb (4), index (4), middle (4), ring (4), pinky (4).
    """
    fingers = [_finger(finger, values[..., 4 * k : 4 * k + 4], lax) for k, finger in enumerate(FINGERS)]
    return np.concatenate([np.zeros((*values.shape[:-1], 1, 3)), _thumb(values[..., 16:]), *fingers], axis=-2)


def _finger(finger: str, bends: Sequence[float] | np.ndarray, lax: float) -> np.ndarray:
    """Return (..., 4, 3): knuckle, two joints and tip, of (..., 4) bends."""
    spread, *flexions = np.moveaxis(np.radians(bends), -1, 0)
    along = np.stack([np.sin(spread), np.cos(spread), np.zeros_like(spread)], axis=-1)
    points, angle = [np.broadcast_to(KNUCKLES[finger], along.shape)], np.zeros_like(spread)
    for flexion, length in zip(flexions, SEGMENTS[finger], strict=True):
        angle = angle + (flexion + np.radians(lax) * np.where(flexion < 0.6, 0.6, -0.6))
        forwards = np.sin(angle)[..., None] * (0.0, 0.0, 1.0)
        points.append(points[-1] + length * (np.cos(angle)[..., None] * along + forwards))
    return np.stack(points, axis=-2)


def _thumb(tip: np.ndarray) -> np.ndarray:
    """Return (..., 4, 3): the thumb's joints and tip, as close to (..., 3) `tip` as its bones allow.

    FABRIK (Aristidou and Lasenby 2011): the chain is pulled to the tip and back to the root in turn.
    """

    def step(start: np.ndarray, end: np.ndarray, length: float) -> np.ndarray:
        return start + unit(end - start) * length

    root = np.broadcast_to(THUMB_ROOT, tip.shape)
    chain = [root, root + (0.26, 0.30, 0.22), root + (0.30, 0.62, 0.34), tip]
    for _ in range(12):
        chain[3] = tip
        for k in (2, 1, 0):
            chain[k] = step(chain[k + 1], chain[k], THUMB_SEGMENTS[k])
        chain[0] = root
        for k in (1, 2, 3):
            chain[k] = step(chain[k - 1], chain[k], THUMB_SEGMENTS[k - 1])
    return np.stack(chain, axis=-2)


def unit(vector: np.ndarray) -> np.ndarray:
    """Return vectors (..., 3) scaled to length 1."""
    return vector / np.maximum(norm(vector), 1e-9)


def norm(vector: np.ndarray) -> np.ndarray:
    """Return the lengths (..., 1) of vectors (..., 3)."""
    return np.sqrt(dot(vector, vector))


def dot(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the products (..., 1) of vectors (..., 3)."""
    return np.vecdot(one, other)[..., None]
