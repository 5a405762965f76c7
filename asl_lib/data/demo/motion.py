"""A sign and a signer to a performance: where every joint is in every frame."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from asl_lib.data.demo import body
from asl_lib.data.demo.hand import joints, posture
from asl_lib.data.demo.lexicon import Sign, Signer

FPS = 25.0
SIZE = (480, 416)  # width and height in px
HORIZON = 0.52  # the shoulders' place in the picture, from the top
LOWEST_SIGNING = 1.0  # a wrist below this, in shoulder widths under the shoulders, is on its way or at rest

# Places of the palm's middle and directions, as (outwards, down, to the viewer) of the dominant hand.
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
REST = (0.62, 1.32, 0.12)
REST_FINGERS, REST_PALM = (0.05, 1.0, 0.0), (-0.8, 0.0, -0.3)


@dataclass(frozen=True)
class Performance:
    """A sign as one signer performs it once.

    Attributes:
        joints: (T, 2, 21, 3) float32 px: the [left, right] hands' joints; z grows to the viewer.
        arms: (T, 2, 3, 3) float32 px: shoulder, elbow and wrist of the [left, right] arm.
        signing: (T, 2) bool: the hand takes part in the sign, is raised, and is inside the picture.
        dominant: "left" or "right".
        signer: who performs.
        seed: what the renderer draws its noise from.
    """

    joints: np.ndarray
    arms: np.ndarray
    signing: np.ndarray
    dominant: str
    signer: Signer
    seed: tuple[int, ...]
    fps: float = FPS
    size: tuple[int, int] = SIZE

    @property
    def hands(self) -> np.ndarray:
        """(T, 2, 21, 2) float32 px: true places of both hands' joints in the picture."""
        return self.joints[..., :2]


def keyed_seed(seed: int, *words: object) -> tuple[int, ...]:
    """Return a seed for one clip that does not depend on which other clips are made."""
    return (seed, *(zlib.crc32(str(word).encode()) for word in words))


def perform(sign: Sign, signer: Signer, *, repetition: int, seed: int) -> Performance:
    """Return one repetition of a sign: from rest, through the sign, to rest.

    Repetitions differ in tempo, amplitude, place, start and end.

    Args:
        sign: from the lexicon.
        signer: who performs it.
        repetition: number of the repetition, from 0.
        seed: where all randomness starts.
    """
    key = keyed_seed(seed, signer.name, sign.gloss, repetition)
    rng = np.random.default_rng(key)
    tempo = signer.tempo * rng.uniform(0.9, 1.12)
    counts = [rng.integers(1, 4), round(5.5 / tempo), round(16 / tempo), round(5.5 / tempo), rng.integers(1, 3)]
    rest, up, during, down, end = (int(count) for count in counts)
    # How far into raising the hand, the sign, and lowering it, each frame is.
    raised = np.concatenate([np.zeros(rest), _ease(up), np.ones(during), 1 - _ease(down), np.zeros(end)])
    phase = np.concatenate([np.zeros(rest + up), np.linspace(0, 1, during), np.ones(down + end)])
    habit = _Habit.draw(signer, rng)

    right = _arm(sign, signer, habit, raised, phase, dominant=True)
    other_raised = raised if sign.hands == "both" else np.zeros_like(raised)
    left = _arm(sign, signer, habit, other_raised, phase, dominant=False)
    arms, hands = (np.stack([_mirror(left[i]), right[i]], axis=1) for i in (0, 1))
    takes_part = np.array([sign.hands == "both", True])
    if signer.hand == "left":
        arms, hands = _mirror(arms)[:, ::-1], _mirror(hands)[:, ::-1]
        takes_part = takes_part[::-1]
    arms, hands = (_to_picture(points, signer, habit) for points in (arms, hands))
    in_picture = ((hands[..., :2] > 0) & (hands[..., :2] < SIZE)).all(axis=(2, 3))
    height = hands[:, :, 0, 1] < HORIZON * SIZE[1] + LOWEST_SIGNING * signer.shoulders_px
    signing = in_picture & height & takes_part & (raised > 0.6)[:, None]
    return Performance(hands.astype(np.float32), arms.astype(np.float32), signing, signer.hand, signer, key)


@dataclass(frozen=True)
class _Habit:
    """What one repetition adds to the signer's habits."""

    amplitude: float
    offset: np.ndarray
    tilt: float
    lean: float
    centre: float
    start: float

    @classmethod
    def draw(cls, signer: Signer, rng: np.random.Generator) -> _Habit:
        outwards, down = signer.offset
        return cls(
            amplitude=signer.amplitude * rng.uniform(0.85, 1.15),
            offset=np.array([outwards, down, 0.0]) + rng.normal(0, [0.035, 0.035, 0.02]),
            tilt=signer.tilt + rng.normal(0, 3.0),
            lean=signer.lean + rng.normal(0, 0.8),
            centre=rng.normal(0, 6.0),
            start=rng.uniform(-0.08, 0.08),
        )


def _arm(
    sign: Sign, signer: Signer, habit: _Habit, raised: np.ndarray, phase: np.ndarray, *, dominant: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return the joints of an arm (T, 3, 3) and its hand (T, 21, 3) as if it were a right one, in shoulder widths."""
    supports = not dominant and sign.symmetry == "support"
    shapes = (sign.support, sign.support) if supports else sign.handshapes()
    postures = [posture(name) for name in ("relaxed", *shapes)]
    palm = body.PALM * signer.hand_size
    arms, hands = [], []
    for lift, p in zip(raised, phase, strict=True):
        place, fingers, facing = _goal(sign, habit, float(p), supports=supports)
        wrist = place - 0.55 * palm * fingers / np.linalg.norm(fingers)
        # The hand rises on a slight arc in front of the body.
        wrist = _right(REST) * (1 - lift) + wrist * lift + np.array([-0.10, 0.0, 0.14]) * np.sin(np.pi * lift)
        wrist = body.reach(wrist, arms=signer.arms)
        elbow = body.elbow(wrist, arms=signer.arms)
        fingers = _right(REST_FINGERS) * (1 - lift) + fingers * lift
        facing = _right(REST_PALM) * (1 - lift) + facing * lift
        axes = body.hand_axes(fingers, facing, wrist - elbow)
        shape = postures[0] * (1 - lift) + (postures[1] * (1 - p) + postures[2] * p) * lift
        hands.append(wrist + palm * joints(shape, lax=signer.lax) @ axes)
        arms.append(np.stack([body.SHOULDER, elbow, wrist]))
    return np.array(arms), np.array(hands)


def _goal(sign: Sign, habit: _Habit, p: float, *, supports: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where the palm is, where fingers point and where the palm looks at phase `p` of the sign."""
    if supports:
        # Palm up, level, below the dominant hand.
        place = np.array(LOCATIONS[sign.location]) + habit.offset + (-0.12, 0.22, 0.0)
        return _right(place), _right((-0.9, -0.15, 0.25)), _right(PALMS["up"])
    place = np.array(LOCATIONS[sign.location]) + habit.offset
    if sign.symmetry == "support":
        place = place + (-0.16, 0.02, 0.02)
    fingers, facing = _right(FINGERS[sign.fingers]), _right(PALMS[sign.palm])
    step, pitch, roll, turn = _movement(sign.movement, p + habit.start * np.sin(np.pi * p))
    place = _right(place + np.array(step) * habit.amplitude)
    fingers = body.rotated(fingers, facing, habit.tilt + roll * habit.amplitude)
    across = np.cross(facing, fingers)
    fingers = body.rotated(fingers, across, pitch * habit.amplitude)
    facing = body.rotated(facing, across, pitch * habit.amplitude)
    return place, fingers, body.rotated(facing, fingers, turn)


def _movement(name: str, p: float) -> tuple[tuple[float, float, float], float, float, float]:
    """Return a movement at phase `p`: a step (outwards, down, to the viewer) in shoulder widths, and degrees.

    The degrees are: pitch (the hand nods), roll (it waves in the plane of the palm), turn (about its fingers).
    """
    wave = np.sin(2 * np.pi * p)
    twice = np.sin(4 * np.pi * p)
    ease = p * p * (3 - 2 * p)
    return {
        "hold": ((0, 0, 0), 0, 0, 0),
        "tap": ((0.13 * abs(twice), 0, 0.03 * abs(twice)), 0, 0, 0),
        "circle": ((0.17 * np.cos(3.2 * np.pi * p), 0.17 * np.sin(3.2 * np.pi * p), 0), 0, 0, 0),
        "nod": ((0, 0.05 * abs(twice), 0.03 * abs(twice)), 34 * twice, 0, 0),
        "shake": ((0.07 * twice, 0, 0), 0, 20 * twice, 0),
        "away": ((0.26 * ease, 0.10 * ease, 0.22 * ease), 0, -14 * ease, 0),
        "arcs": ((0.20 * p, 0.06 * p - 0.10 * abs(wave), 0.18 * p), 0, 0, 0),
        "up": ((0, 0.10 - 0.30 * ease, 0.05 * ease), 0, 0, 0),
        "pull": ((0.04 * ease, 0.18 * ease, -0.16 * ease), 0, 0, 0),
        "open": ((0.14 * ease - 0.10, 0.06 * ease, 0), 0, 0, 80 * ease),
    }[name]


def _to_picture(points: np.ndarray, signer: Signer, habit: _Habit) -> np.ndarray:
    """Return points in px: leaned about the hips, scaled, and moved to the signer's place in the picture."""
    angle = np.radians(habit.lean)
    x, y = points[..., 0], points[..., 1] - 1.4
    leaned = np.stack([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle) + 1.4], axis=-1)
    origin = np.array([SIZE[0] / 2 + habit.centre, HORIZON * SIZE[1]])
    return np.concatenate([leaned * signer.shoulders_px + origin, points[..., 2:] * signer.shoulders_px], axis=-1)


def _right(vector: tuple[float, ...] | np.ndarray) -> np.ndarray:
    """Return (outwards, down, to the viewer) of a right arm as (x, y, z)."""
    return np.array(vector, float) * (-1.0, 1.0, 1.0)


def _mirror(points: np.ndarray) -> np.ndarray:
    return points * (-1.0, 1.0, 1.0)


def _ease(count: int) -> np.ndarray:
    """Return `count` values that grow from 0 to 1 as reaching hands do (minimum jerk; Flash and Hogan 1985)."""
    t = (np.arange(count) + 0.5) / count
    return 10 * t**3 - 15 * t**4 + 6 * t**5
