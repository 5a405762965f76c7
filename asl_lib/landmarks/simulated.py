"""Landmarks without a picture: the joints of a procedural signer, with simulated errors of the tracker.

The constants were measured on the demo's clips, rendered and tracked: `python -m benchmarks.simulated` compares both.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from asl_lib.data.demo.motion import Performance
from asl_lib.landmarks.landmarks import Landmarks

HEAD = ((0.01, -0.60), (0.07, -0.67), (0.10, -0.67), (0.13, -0.67), (-0.05, -0.67), (-0.08, -0.67), (-0.11, -0.67),
        (0.16, -0.61), (-0.16, -0.61), (0.07, -0.50), (-0.06, -0.50))  # fmt: skip
"""The head's 11 landmarks from the middle of the shoulders, in shoulder widths."""
LEGS = ((0.29, 1.36), (-0.29, 1.36), (0.29, 2.36), (-0.29, 2.36), (0.28, 3.31), (-0.28, 3.31), (0.28, 3.44),
        (-0.28, 3.44), (0.22, 3.58), (-0.22, 3.58))  # fmt: skip
"""Hips, knees, ankles, heels and toes: they are not in the picture, and guessed."""
ARM_BIAS = ((-0.04, -0.01), (0.01, 0.0), (0.01, -0.01))
"""Shoulder, elbow and wrist of the left arm as tracked, from where they were drawn; of the right arm, mirrored."""
OF_HAND = (17, 5, 2)
"""Joints of a hand that are also landmarks of the pose: little finger, index finger and thumb."""
OUT_OF_PICTURE_PX = 20
"""A hand that reaches further out of the picture is not found."""


def simulate_landmarks(
    performance: Performance, rng: np.random.Generator, *, fps: float | None = None, bodies: float = 1.0
) -> Landmarks:
    """Return simulated landmarks of the rendered clip of a performance.

    The depth is that of the joints, without an additional error: the tracker's depth is worse.

    Args:
        performance: the joints.
        rng: draws the errors.
        fps: frames a second of the clip; None for those of the performance.
        bodies: how much the positions of head and hips differ from clip to clip, as a multiple of the differences
            between the procedural signers: people differ more.
    """
    if fps is not None:
        performance = _at_rate(performance, fps)
    frames, unit = len(performance.joints), float(performance.signer.shoulders_px)
    middle = performance.arms[:, :, 0].mean(axis=1)  # (T, 3)

    def errors(shape: tuple[int, ...], *, clip: float, frame: float) -> np.ndarray:
        """Return (T, *shape, 2) px: one error for all of a clip, and one that changes from frame to frame."""
        noise = rng.normal(0, 1, (frames + 1, *shape, 2))
        return unit * (clip * rng.normal(0, 1, (*shape, 2)) + frame * (0.3 * noise[:-1] + 0.95 * noise[1:]))

    pose = np.zeros((frames, 33, 3))
    for part, places in ((slice(0, 11), HEAD), (slice(23, 33), LEGS)):
        pose[:, part] = middle[:, None] + unit * np.pad(places, ((0, 0), (0, 1))) @ performance.body
    spread = np.linspace(0.035, 0.07, 10)[:, None]  # the lower, the vaguer
    pose[:, :11, :2] += errors((), clip=0.018 * bodies, frame=0.004)[:, None] + errors((11,), clip=0.006, frame=0.004)
    pose[:, 23:, :2] += errors((10,), clip=1.0, frame=0.5) * spread * bodies
    for side, sign in enumerate((1, -1)):
        for joint, (outwards, down) in enumerate(ARM_BIAS):
            at = 11 + 2 * joint + side
            clip, frame = ((0.02, 0.010), (0.025, 0.022), (0.045, 0.035))[joint]
            pose[:, at] = performance.arms[:, side, joint] + unit * np.array([sign * outwards, down, 0])
            pose[:, at, :2] += errors((), clip=clip, frame=frame)
        moved = pose[:, 15 + side, :2] - performance.arms[:, side, 2, :2]
        for number, joint in enumerate(OF_HAND):
            at = 17 + 2 * number + side
            pose[:, at] = performance.joints[:, side, joint]
            pose[:, at, :2] += moved + errors((), clip=0.03, frame=0.03)
    hands = performance.joints.astype(np.float64)
    for side in (0, 1):
        # Most hands are tracked well, some badly.
        worse = np.exp(rng.normal(-0.2, 0.7))
        hands[:, side, :, :2] += worse * errors((), clip=0.005, frame=0.006)[:, None]
        hands[:, side, :, :2] += worse * errors((21,), clip=0.013, frame=0.010)
    hands[_lost(performance, rng)] = np.nan
    points = np.concatenate([pose, hands[:, 0], hands[:, 1]], axis=1)
    width, height = performance.size
    points[..., 2] = -(points[..., 2] - middle[:, None, 2])
    points = (points / (width, height, width)).astype(np.float32)
    confidence = np.isfinite(points[..., 0]).astype(np.float32)
    return Landmarks(points, confidence, ("pose", "left_hand", "right_hand"), performance.fps, width, height)


def _lost(performance: Performance, rng: np.random.Generator) -> np.ndarray:
    """Return (T, 2) bool: in which frames a hand is not found."""
    xy = performance.joints[..., :2]
    out = np.maximum(-xy, xy - performance.size).max(axis=(2, 3))
    frames = len(xy)
    lost = out > rng.normal(OUT_OF_PICTURE_PX, 10, (1, 2))
    # Single frames, and runs of a few: a hand before the other one, a blurred one.
    for side in (0, 1):
        lost[rng.random(frames) < 0.02, side] = True
        if rng.random() < 0.12:
            start = rng.integers(frames)
            lost[start : start + rng.integers(2, 8), side] = True
    return np.asarray(lost)


def _at_rate(performance: Performance, fps: float) -> Performance:
    """Return a performance sampled at another rate."""
    last = len(performance.joints) - 1
    at = np.arange(0, last + 1e-6, performance.fps / fps)
    before = np.minimum(at.astype(int), last - 1)
    weight = (at - before)[:, None, None, None]

    def sampled(values: np.ndarray) -> np.ndarray:
        return np.asarray(values[before] * (1 - weight) + values[before + 1] * weight, np.float32)

    signing = performance.signing[np.rint(at).astype(int)]
    return replace(
        performance, joints=sampled(performance.joints), arms=sampled(performance.arms), signing=signing, fps=fps
    )
