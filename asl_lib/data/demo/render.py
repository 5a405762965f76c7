"""Rendering of a performance: rounded cones with a depth buffer and one soft light, in NumPy and OpenCV.

Experiments showed what MediaPipe needs to detect a hand: realistic shading of every finger, a darker rim where a nearer
part covers another one, a forearm in line with the hand, a smooth background, and a face.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from asl_lib.data.demo.body import PALM
from asl_lib.data.demo.canvas import Canvas
from asl_lib.data.demo.lexicon import Sign, Signer
from asl_lib.data.demo.motion import Performance, perform
from asl_lib.data.video import write_video

# Joint to joint, with radii at both ends in palm lengths.
FINGER_CONES = tuple(
    (base + k, base + k + 1, *radii)
    for base, thick in ((5, 1.0), (9, 1.04), (13, 0.98), (17, 0.86))
    for k, radii in enumerate(
        ((0.125 * thick, 0.108 * thick), (0.108 * thick, 0.098 * thick), (0.098 * thick, 0.084 * thick))
    )
)
THUMB_CONES = ((1, 2, 0.19, 0.135), (2, 3, 0.135, 0.118), (3, 4, 0.118, 0.095))
PALM_CONES = ((0, 5, 0.17, 0.14), (0, 9, 0.18, 0.145), (0, 13, 0.18, 0.14), (0, 17, 0.17, 0.13), (0, 1, 0.17, 0.19),
              (5, 9, 0.13, 0.13), (9, 13, 0.13, 0.13), (13, 17, 0.13, 0.12), (1, 5, 0.16, 0.12))  # fmt: skip
LIP_COLOUR = np.array([176, 84, 82])


def render_frames(performance: Performance) -> Iterator[np.ndarray]:
    """Yield the (H, W, 3) uint8 RGB frames of a performance.

    Head and trunk are drawn once; arms and hands in every frame, against the depth buffer of head and trunk.
    """
    signer = performance.signer
    rng = np.random.default_rng((*performance.seed, 1))
    light = np.array([*signer.light, 0.76]) + rng.normal(0, 0.04, 3)
    still = Canvas(performance.size, light=light)
    _paint_background(still, signer, rng)
    _draw_trunk_and_head(still, performance)
    noise = [grain(performance.size, signer.noise, rng) for _ in range(6)]
    for index in range(len(performance.joints)):
        canvas = still.copy()
        for side in (0, 1):
            _draw_arm(canvas, performance.arms[index, side], signer)
            draw_hand(
                canvas, performance.joints[index, side], signer.skin, PALM * signer.hand_size * signer.shoulders_px
            )
        canvas.darken_edges(depth=0.018 * signer.shoulders_px)
        yield canvas.picture(noise[index % len(noise)])


def write_clip(path: str | Path, sign: Sign, signer: Signer, *, repetition: int, seed: int) -> Performance:
    """Render one repetition of a sign as an H.264 mp4 and return its performance.

    The same arguments give the same bytes.
    """
    performance = perform(sign, signer, repetition=repetition, seed=seed)
    write_video(path, render_frames(performance), fps=performance.fps)
    return performance


def draw_hand(canvas: Canvas, joints: np.ndarray, skin: tuple[int, int, int], palm: float) -> None:
    """Draw one hand.

    Args:
        canvas: the canvas to draw on.
        joints: (21, 3) px.
        skin: RGB colour.
        palm: length of the palm in px.
    """
    inner = np.array(skin) * (1.0, 0.96, 0.95)
    for start, end, r0, r1 in PALM_CONES:
        canvas.cone(joints[start], joints[end], r0 * palm * 0.9, r1 * palm * 0.9, inner)
    for start, end, r0, r1 in (*THUMB_CONES, *FINGER_CONES):
        canvas.cone(joints[start], joints[end], r0 * palm, r1 * palm, skin)
    for tip, before in ((4, 3), (8, 7), (12, 11), (16, 15), (20, 19)):
        # Finger tips are a little redder than the rest.
        middle = 0.5 * (joints[tip] + joints[before])
        canvas.cone(middle, joints[tip], 0.088 * palm, 0.086 * palm, np.array(skin) * (1.0, 0.96, 0.95))


def _draw_arm(canvas: Canvas, arm: np.ndarray, signer: Signer) -> None:
    shoulder, elbow, wrist = arm
    px = signer.shoulders_px
    canvas.cone(shoulder, elbow, 0.135 * px, 0.105 * px, signer.clothes)
    cuff = elbow + 0.30 * (wrist - elbow)
    canvas.cone(elbow, wrist, 0.098 * px, 0.052 * px, signer.skin)
    canvas.cone(elbow, cuff, 0.108 * px, 0.098 * px, signer.clothes)


def _draw_trunk_and_head(canvas: Canvas, performance: Performance) -> None:
    signer = performance.signer
    px = signer.shoulders_px
    # The shoulders of this performance are leaned and moved.
    middle = performance.arms[0, :, 0].mean(axis=0)

    def at(x: float, y: float, z: float = 0.0) -> np.ndarray:
        return np.asarray(middle + np.array([x, y, z]) @ performance.body * px)

    clothes, skin, hair = signer.clothes, signer.skin, signer.hair
    for side in (-1, 1):
        canvas.cone(at(0.44 * side, 0.04), at(0.10 * side, -0.10, -0.04), 0.135 * px, 0.13 * px, clothes)
    # The trunk is wider than deep: cones side by side, the outer ones further back.
    for x in np.linspace(-1, 1, 11):
        canvas.cone(at(0.30 * x, 0.20, -0.20 * x * x), at(0.23 * x, 1.6, -0.20 * x * x), 0.24 * px, 0.23 * px, clothes)
    if signer.hair_style == "long":
        for side in (-1, 1):
            canvas.cone(at(0.17 * side, -0.70, -0.10), at(0.21 * side, -0.20, -0.12), 0.10 * px, 0.075 * px, hair)
    if signer.hair_style == "bun":
        canvas.cone(at(0, -0.98, -0.12), at(0, -0.95, -0.12), 0.09 * px, 0.09 * px, hair)
    canvas.cone(at(0, -0.76, -0.05), at(0, -0.70, -0.07), 0.232 * px, 0.225 * px, hair)
    canvas.cone(at(0, -0.02, -0.02), at(0, -0.36, -0.05), 0.118 * px, 0.112 * px, np.array(skin) * 0.93)
    for side in (-1, 1):
        canvas.cone(at(0.205 * side, -0.63, -0.03), at(0.20 * side, -0.57, -0.03), 0.042 * px, 0.034 * px, skin)
    canvas.cone(at(0, -0.67, 0.02), at(0, -0.46, 0.05), 0.203 * px, 0.140 * px, skin)
    _paint_face(canvas, at, signer)


def _paint_face(canvas: Canvas, at, signer: Signer) -> None:  # type: ignore[no-untyped-def]
    """Paint eyes, brows, nose and mouth onto the head, without depth."""
    px = signer.shoulders_px
    at = partial(at, z=0.2)
    skin, hair = np.array(signer.skin, float), np.array(signer.hair, float)
    # The hairline: a cap over the upper forehead.
    canvas.ellipse(at(0, -0.845), (0.185 * px, 0.075 * px), hair * 1.05)
    for side in (-1, 1):
        eye = at(0.083 * side, -0.635)
        canvas.ellipse(eye, (0.050 * px, 0.030 * px), skin * 0.82)
        canvas.ellipse(eye, (0.041 * px, 0.021 * px), np.array([240, 236, 230]))
        canvas.ellipse(eye, (0.020 * px, 0.020 * px), np.array([74, 52, 40]))
        canvas.ellipse(eye, (0.010 * px, 0.010 * px), np.array([18, 14, 14]))
        canvas.ellipse(eye + (0.005 * px, -0.007 * px, 0), (0.004 * px, 0.004 * px), np.array([250, 250, 250]))
        canvas.stroke(
            [at(0.040 * side, -0.692), at(0.085 * side, -0.708), at(0.130 * side, -0.690)], 0.017 * px, hair * 0.9
        )
        canvas.stroke(
            [at(0.044 * side, -0.648), at(0.083 * side, -0.662), at(0.122 * side, -0.644)], 0.008 * px, hair * 0.6
        )
        canvas.ellipse(at(0.022 * side, -0.522), (0.010 * px, 0.006 * px), skin * 0.55)
        canvas.ellipse(at(0.115 * side, -0.53), (0.045 * px, 0.030 * px), skin * (1.0, 0.90, 0.88), strength=0.35)
    canvas.stroke([at(0.018, -0.64), at(0.030, -0.56), at(0.034, -0.535)], 0.012 * px, skin * 0.84)
    canvas.stroke([at(-0.030, -0.525), at(0.0, -0.515), at(0.030, -0.525)], 0.010 * px, skin * 0.74)
    canvas.ellipse(at(-0.006, -0.555), (0.010 * px, 0.022 * px), skin * 1.08, strength=0.5)
    lips = 0.45 * LIP_COLOUR + 0.55 * skin * 0.8
    canvas.ellipse(at(0, -0.448), (0.064 * px, 0.022 * px), lips)
    canvas.stroke([at(-0.062, -0.452), at(0, -0.446), at(0.062, -0.452)], 0.008 * px, lips * 0.55)
    canvas.stroke([at(-0.03, -0.408), at(0.03, -0.408)], 0.012 * px, skin * 0.86)


def _paint_background(canvas: Canvas, signer: Signer, rng: np.random.Generator) -> None:
    """Paint a wall in soft light: a gradient and a few large, faint patches."""
    width, height = canvas.size
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    shade = 1.04 - 0.10 * rows / height - 0.06 * np.abs(columns / width - rng.uniform(0.3, 0.7))
    for _ in range(3):
        x, y, spread = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(60, 140)
        shade += rng.uniform(-0.05, 0.05) * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * spread**2))
    canvas.colour[:] = shade[..., None] * np.array(signer.background, np.float32)


def grain(size: tuple[int, int], spread: float, rng: np.random.Generator) -> np.ndarray:
    """Return (H, W, 3) int16 noise of a camera sensor, grey, with `spread` as standard deviation in grey levels."""
    return cv2.merge([np.rint(rng.normal(0, spread, (size[1], size[0]))).astype(np.int16)] * 3)
