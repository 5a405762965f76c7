"""The motion of a sign: the position of every joint in every frame, for one signer and repetition."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from asl_lib.data.demo import body
from asl_lib.data.demo.hand import joints, norm, posture
from asl_lib.data.demo.lexicon import FreeSign, Point, Sign, Signer

FPS = 25.0
SIZE = (480, 416)  # width and height in px
SHOULDER_HEIGHT = 0.52  # of the shoulders in the picture, as a share from the top
LOWEST_SIGNING = 1.0  # shoulder widths below the shoulders; a lower wrist is at rest, or moving to or from it

# Positions of the palm's centre and directions, as (outwards, down, to the viewer) of the dominant hand.
LOCATIONS = {
    "forehead": (0.33, -0.66, 0.36),
    "mouth": (0.12, -0.34, 0.48),
    "chin": (0.29, -0.33, 0.36),
    "chest": (0.04, 0.36, 0.46),
    "neutral": (0.34, 0.38, 0.46),
    "side": (0.58, 0.02, 0.42),
}
PALMS = {
    "forward": (0.05, 0.0, 1.0),
    "in": (-0.15, 0.0, -1.0),
    "across": (-0.75, 0.0, 0.66),
    "up": (0.0, -0.75, 0.66),
    "down": (0.0, 0.75, 0.66),
}
FINGERS = {"up": (-0.08, -1.0, 0.05), "in": (-0.85, -0.52, 0.12), "across": (-1.0, -0.08, 0.1)}
CENTRE = np.array([0.30, 0.05, 0.42])  # of the signing space, from which a signer's extent is measured
LEAST_APART = 0.36  # of each palm from the middle of the body, in signs of both hands
HIPS = np.array([0.0, 1.4, 0.0])
REST_FINGERS, REST_PALM = (0.05, 1.0, 0.0), (-0.8, 0.0, -0.3)


@dataclass(frozen=True)
class Performance:
    """One repetition of a sign by one signer.

    Attributes:
        joints: (T, 2, 21, 3) float32 px: the joints of the [left, right] hand; z grows to the viewer.
        arms: (T, 2, 3, 3) float32 px: shoulder, elbow and wrist of the [left, right] arm.
        body: (3, 3) float: directions of the picture (x, y, z) in which the body's x, y and z point; unit length.
        signing: (T, 2) bool: the hand takes part in the sign, is raised, and is inside the picture.
        dominant: "left" or "right".
        signer: the signer.
        seed: seed of the renderer's noise.
        fps: frames per second.
        size: width and height of the picture in px.
    """

    joints: np.ndarray
    arms: np.ndarray
    body: np.ndarray
    signing: np.ndarray
    dominant: str
    signer: Signer
    seed: tuple[int, ...]
    fps: float = FPS
    size: tuple[int, int] = SIZE

    @property
    def hands(self) -> np.ndarray:
        """(T, 2, 21, 2) float32 px: true positions of the joints of both hands in the picture."""
        return self.joints[..., :2]


def keyed_seed(seed: int, *words: object) -> tuple[int, ...]:
    """Return a seed for one clip, independent of which other clips are rendered."""
    return (seed, *(zlib.crc32(str(word).encode()) for word in words))


def perform(sign: Sign, signer: Signer, *, repetition: int, seed: int) -> Performance:
    """Return one repetition of a sign: from rest, through the sign, to rest.

    Repetitions differ in tempo, place, size and handshape as much as the signer's `variety` says. Now and then one is
    careless: a location is lowered, a movement shortened or doubled, a hand half open.

    Args:
        sign: an entry of the lexicon.
        signer: an entry of the signers.
        repetition: number of the repetition, from 0.
        seed: seed of all repetitions.
    """
    key = keyed_seed(seed, signer.name, sign.gloss, repetition)
    rng = np.random.default_rng(key)
    changes: dict[str, Any] = dict(signer.variants.get(sign.gloss, {}))
    sign = replace(sign, **changes)
    tempo = signer.tempo * rng.uniform(0.9, 1.12)
    rest, end = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    up, during, down = round(5.5 / tempo), round(14 / tempo), round(5.5 / tempo)
    variation = _Variation.draw(sign, signer, rng)
    # For each frame: how far the hand is raised, and the phase of the sign.
    raised = np.concatenate([np.zeros(rest), _ease(up), np.ones(during), 1 - _ease(down), np.zeros(end)])
    phase = np.concatenate([np.zeros(rest + up), variation.phases(during), np.ones(down + end) * variation.cycles])

    right = _arm(sign, signer, variation, raised, phase, dominant=True)
    second_raised = raised if sign.hands == "both" else np.zeros_like(raised)
    left = _arm(sign, signer, variation, second_raised, phase, dominant=False)
    arms, hands = (np.stack([_mirror(left[i]), right[i]], axis=1) for i in (0, 1))
    takes_part = np.array([sign.hands == "both", True])
    if signer.hand == "left":
        arms, hands = _mirror(arms)[:, ::-1], _mirror(hands)[:, ::-1]
        takes_part = takes_part[::-1]
    body_axes = _camera(signer, variation)
    origin = np.array([SIZE[0] / 2 + variation.centre, SHOULDER_HEIGHT * SIZE[1], 0])
    # The body leans and turns about the hips.
    arms, hands = ((points - HIPS) @ body_axes + HIPS for points in (arms, hands))
    arms, hands = (points * signer.shoulders_px + origin for points in (arms, hands))
    in_picture = ((hands[..., :2] > 0) & (hands[..., :2] < SIZE)).all(axis=(2, 3))
    height = hands[:, :, 0, 1] < SHOULDER_HEIGHT * SIZE[1] + LOWEST_SIGNING * signer.shoulders_px
    signing = in_picture & height & takes_part & (raised > 0.6)[:, None]
    arms, hands = arms.astype(np.float32), hands.astype(np.float32)
    return Performance(hands, arms, body_axes, signing, signer.hand, signer, key)


@dataclass(frozen=True)
class _Variation:
    """How one repetition differs from the entry of the lexicon.

    It depends on the signer's habits, on the signer's way of making this sign (the same in all repetitions), and on
    chance.
    """

    amplitude: float
    offset: np.ndarray
    direction: float
    tilt: float
    palm: float
    lean: float
    turn: float
    centre: float
    start: float
    hold: float
    bends: np.ndarray
    relaxed: float
    cycles: float

    @classmethod
    def draw(cls, sign: Sign, signer: Signer, rng: np.random.Generator) -> _Variation:
        own = np.random.default_rng(keyed_seed(0, signer.name, sign.gloss, "accent"))

        def differ(always: Any, now: Any) -> Any:
            return own.normal(0, always) * signer.accent + rng.normal(0, now) * signer.variety

        outwards, down = signer.offset
        # Signers lower locations now and then (Tyrone and Mauk 2010).
        lowered = rng.uniform(0.05, 0.25) if rng.random() < 0.16 * signer.variety else 0.0
        half_open = rng.uniform(0.2, 0.5) if rng.random() < 0.10 * signer.variety else 0.0
        cycles = 2.0 if own.random() < 0.12 * signer.accent else 1.0
        if rng.random() < 0.10 * signer.variety:
            cycles = rng.uniform(0.5, 0.75) if rng.random() < 0.5 else 2.0
        return cls(
            amplitude=signer.amplitude * float(np.exp(differ(0.10, 0.09))),
            offset=np.array([outwards, down + lowered, 0.0]) + differ([0.04, 0.03, 0.01], [0.02, 0.02, 0.01]),
            direction=signer.direction + differ(8.0, 3.0),
            tilt=signer.tilt + differ(8.0, 2.0),
            palm=signer.palm + differ(5.0, 2.5),
            lean=signer.lean + rng.normal(0, 0.8),
            turn=signer.turn + rng.normal(0, 1.5),
            centre=rng.normal(0, 6.0),
            start=rng.uniform(-0.08, 0.08),
            hold=float(np.clip(signer.hold + rng.normal(0, 0.05), 0, 0.6)),
            bends=differ(np.full(16, 5.0), 1.2) * ([0.4, 1, 1, 0.6] * 4),
            relaxed=float(np.clip(abs(differ(0.06, 0.03)) + half_open, 0, 0.6)),
            cycles=cycles,
        )

    def phases(self, count: int) -> np.ndarray:
        """Return the phase of the sign in `count` frames: the hand holds still at both ends, and moves in between."""
        return np.clip((np.linspace(0, 1, count) - self.hold / 2) / (1 - self.hold), 0, 1) * self.cycles


def _arm(
    sign: Sign, signer: Signer, variation: _Variation, raised: np.ndarray, phase: np.ndarray, *, dominant: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the joints of an arm (T, 3, 3) and its hand (T, 21, 3), drawn as a right one, in shoulder widths."""
    supports = not dominant and sign.symmetry == "support"
    shapes = (sign.support, sign.support) if supports else sign.handshapes()
    loose, first, last = (posture(name) for name in ("relaxed", *shapes))
    first, last = (shape * (1 - variation.relaxed) + loose * variation.relaxed for shape in (first, last))
    own = np.concatenate([variation.bends, np.zeros(3)])
    first, last = first + own, last + own
    palm, lift = body.PALM * signer.hand_size, raised[:, None]
    position, fingers, facing = _goal(sign, signer, variation, phase, dominant=dominant)
    wrist = position - 0.55 * palm * fingers / norm(fingers)
    # The hand rises on a slight arc in front of the body.
    arc = np.array([-0.10, 0.0, 0.14]) * np.sin(np.pi * lift)
    wrist = body.reach(_right((*signer.rest, 0.12)) * (1 - lift) + wrist * lift + arc, arms=signer.arms)
    elbow = body.elbow(wrist, arms=signer.arms)
    fingers = _right(REST_FINGERS) * (1 - lift) + fingers * lift
    facing = _right(REST_PALM) * (1 - lift) + facing * lift
    turns = body.hand_axes(fingers, facing, wrist - elbow)
    share = np.minimum(phase, 1.0)[:, None]
    postures = loose * (1 - lift) + (first * (1 - share) + last * share) * lift
    arms = np.stack([np.broadcast_to(body.SHOULDER, wrist.shape), elbow, wrist], axis=1)
    return arms, wrist[:, None] + palm * joints(postures, lax=signer.lax) @ turns


def _goal(
    sign: Sign, signer: Signer, variation: _Variation, p: np.ndarray, *, dominant: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the position of the palm and the directions of fingers and palm at phases (T,) of the sign.

    Each is (T, 3), or (3,) where it does not change.
    """
    place, pointing, facing_to = _orientation(sign)
    position = CENTRE + (np.array(place) - CENTRE) * signer.extent + variation.offset
    if sign.symmetry == "support" and not dominant:
        # Palm up, level, below the dominant hand.
        return _right(position + (-0.12, 0.22, 0.0)), _right((-0.9, -0.15, 0.25)), _right(PALMS["up"])
    if sign.symmetry == "support":
        position = position + (-0.16, 0.02, 0.02)
    if sign.symmetry == "mirrored":  # the hands stay beside each other
        position[0] = max(position[0], LEAST_APART)
    fingers, facing = _right(pointing), _right(facing_to)
    at = p + variation.start * np.sin(np.pi * p)
    step, pitch, roll, turn = (
        _free_movement(sign, at, dominant) if isinstance(sign, FreeSign) else _movement(sign.movement, at)
    )
    moved = body.rotated(step, np.array([0.0, 0, 1]), variation.direction) * variation.amplitude
    position = _right(position + moved + _extra(signer.extra, p))
    fingers = body.rotated(fingers, facing, variation.tilt + roll * variation.amplitude)
    across = np.cross(facing, fingers)
    fingers = body.rotated(fingers, across, pitch * variation.amplitude)
    facing = body.rotated(facing, across, pitch * variation.amplitude)
    return position, fingers, body.rotated(facing, fingers, variation.palm + turn * variation.amplitude)


def _orientation(sign: Sign) -> tuple[Point, Point, Point]:
    """Return the location of a sign and the directions of fingers and palm."""
    if isinstance(sign, FreeSign):
        return sign.place, sign.pointing, sign.facing
    return LOCATIONS[sign.location], FINGERS[sign.fingers], PALMS[sign.palm]


def _free_movement(sign: FreeSign, p: np.ndarray, dominant: bool) -> tuple[np.ndarray, ...]:
    """Return the movement of a hand at phases (T,), as `_movement` does."""
    amplitude, cycles, phase, drift = np.array(sign.waves if dominant else sign.other_waves or sign.waves).T
    p = p[:, None]
    once = abs((p + 1) % 2 - 1)
    moved = amplitude * np.sin(2 * np.pi * cycles * p + phase) + drift * once * once * (3 - 2 * once)
    return moved[:, :3], *moved[:, 3:].T


def _extra(name: str, p: np.ndarray) -> np.ndarray:
    """Return the steps (T, 3) at phases (T,) that a signer adds to every sign out of habit."""
    wave, other = np.sin(2 * np.pi * p), np.cos(2 * np.pi * p)
    steps = {
        "none": (0.0, 0.0, 0.0),
        "bounce": (0.0, 0.09 * abs(wave), 0.03 * abs(wave)),
        "sway": (0.09 * wave, 0.0, 0.0),
        "circle": (0.06 * wave, 0.06 * other, 0.0),
    }
    return _in_time(steps[name], p)


def _in_time(step: tuple[Any, ...], p: np.ndarray) -> np.ndarray:
    """Return the steps (T, 3) at phases `p` of three values, each of them (T,) or a number."""
    return np.stack([np.broadcast_to(value, p.shape) for value in step], axis=-1)


def _movement(name: str, p: np.ndarray) -> tuple[np.ndarray, Any, Any, Any]:
    """Return a movement at phases (T,): steps (T, 3) (outwards, down, to the viewer) in shoulder widths, and degrees.

    The degrees, (T,) or a number, are pitch (nodding), roll (waving in the plane of the palm) and turn (about the
    fingers).
    """
    wave = np.sin(2 * np.pi * p)
    twice = np.sin(4 * np.pi * p)
    once = abs((p + 1) % 2 - 1)  # there, and where the sign is doubled, back
    ease = once * once * (3 - 2 * once)
    step, *degrees = {
        "hold": ((0, 0, 0), 0, 0, 0),
        "tap": ((0.13 * abs(twice), 0, 0.03 * abs(twice)), 0, 0, 0),
        "circle": ((0.17 * np.cos(3.2 * np.pi * p), 0.17 * np.sin(3.2 * np.pi * p), 0), 0, 0, 0),
        "nod": ((0, 0.05 * abs(twice), 0.03 * abs(twice)), 34 * twice, 0, 0),
        "shake": ((0.07 * twice, 0, 0), 0, 20 * twice, 0),
        "twist": ((0, 0, 0), 0, 12 * twice, 34 * twice),
        "away": ((0.26 * ease, 0.10 * ease, 0.22 * ease), 0, -14 * ease, 0),
        "arcs": ((0.20 * once, 0.06 * once - 0.10 * abs(wave), 0.18 * once), 0, 0, 0),
        "sweep": ((0.30 * ease - 0.12, 0.04 * abs(wave), 0.04 * ease), 0, 0, 0),
        "up": ((0, 0.10 - 0.30 * ease, 0.05 * ease), 0, 0, 0),
        "pull": ((0.04 * ease, 0.18 * ease, -0.16 * ease), 0, 0, 0),
        "open": ((0.14 * ease - 0.10, 0.06 * ease, 0), 0, 0, 80 * ease),
    }[name]
    return _in_time(step, p), *degrees


def _camera(signer: Signer, variation: _Variation) -> np.ndarray:
    """Return the (3, 3) directions of the picture in which the body's x, y and z point: leaned, turned, from above."""
    angles = np.radians([variation.lean, variation.turn, signer.height])
    (a, b, c), (sa, sb, sc) = np.cos(angles), np.sin(angles)
    lean = np.array([[a, sa, 0], [-sa, a, 0], [0, 0, 1]])
    turn = np.array([[b, 0, sb], [0, 1, 0], [-sb, 0, b]])
    height = np.array([[1, 0, 0], [0, c, -sc], [0, sc, c]])
    return lean @ turn @ height


def _right(vector: tuple[float, ...] | np.ndarray) -> np.ndarray:
    """Return (outwards, down, to the viewer) of a right arm as (x, y, z)."""
    return np.array(vector, float) * (-1.0, 1.0, 1.0)


def _mirror(points: np.ndarray) -> np.ndarray:
    return points * (-1.0, 1.0, 1.0)


def _ease(count: int) -> np.ndarray:
    """Return `count` values from 0 to 1 with the profile of reaching movements (minimum jerk; Flash and Hogan 1985)."""
    t = (np.arange(count) + 0.5) / count
    return 10 * t**3 - 15 * t**4 + 6 * t**5
