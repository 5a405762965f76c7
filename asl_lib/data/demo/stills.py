"""Still pictures of the handshapes of letters and digits, for the alphabet notebook."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from asl_lib.data.demo.canvas import Canvas
from asl_lib.data.demo.hand import DIGITS, HANDSHAPES, LETTERS, joints, posture, unit
from asl_lib.data.demo.lexicon import Signer
from asl_lib.data.demo.motion import keyed_seed
from asl_lib.data.demo.render import draw_hand

FROM_THE_SIDE = {"O": 75.0, "0": 75.0, "C": 60.0}
"""How far these are turned about the forearm, in degrees, by those who show them from the side: many do."""
PALEST, DARKEST = np.array([246.0, 208, 178]), np.array([84.0, 52, 36])


def handshape_image(name: str, signer: Signer, *, seed: int, size: int = 200, variety: float = 1.0) -> np.ndarray:
    """Return a (size, size, 3) uint8 RGB picture of a hand that makes a letter or a digit.

    The palm looks at the viewer, turned as the letter is held (G and H to the side, P and Q down; C, O and 0 by some
    from the side). Angle, place, light and background vary with the seed. J and Z are movements; a picture shows their
    handshape.

    Args:
        name: letter or digit.
        signer: whose hand.
        seed: where the randomness of this picture starts.
        size: side in px.
        variety: how much angle, light and fingers vary, relative to the usual.

    Raises:
        KeyError: it is no letter and no digit; the message lists those there are.
    """
    rng = np.random.default_rng(keyed_seed(seed, signer.name, "still", name))
    points, fingers, palm = _held_up(name, signer, rng, size=size, variety=variety)
    canvas = Canvas((size, size), light=np.array([-0.35, -0.5, 0.78]) + rng.normal(0, 0.12 * variety, 3))
    rows, columns = np.mgrid[:size, :size] / size
    slope = rng.uniform(-0.12, 0.12, 2) * variety
    canvas.colour[:] = (1 + slope[0] * rows + slope[1] * columns)[..., None] * np.array(signer.background)
    wrist = points[0]
    canvas.cone(wrist - 1.4 * palm * unit(fingers), wrist, 0.26 * palm, 0.21 * palm, signer.skin)
    draw_hand(canvas, points, signer.skin, palm)
    canvas.darken_edges(depth=0.018 * palm / 0.235)
    noise = np.rint(rng.normal(0, signer.noise, (size, size, 1))).astype(np.int16)
    return canvas.picture(noise)


def handshape_joints(name: str, signer: Signer, *, seed: int, variety: float = 1.0) -> np.ndarray:
    """Return the (21, 3) float32 joints of the hand that `handshape_image` draws, as a perfect tracker would find them.

    In widths of the picture, x to the right, y downwards, z away from the viewer with the wrist as 0.

    Args:
        name, signer, seed, variety: as there.

    Raises:
        KeyError: it is no letter and no digit.
    """
    rng = np.random.default_rng(keyed_seed(seed, signer.name, "still", name))
    points, _, _ = _held_up(name, signer, rng, size=1, variety=variety)
    return np.asarray((points - (0, 0, points[0, 2])) * (1, 1, -1), np.float32)


def _held_up(
    name: str, signer: Signer, rng: np.random.Generator, *, size: int, variety: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return (21, 3) joints in px, z towards the viewer; where the fingers point; and the palm's length in px."""
    if name not in (*LETTERS, *DIGITS):
        raise KeyError(f"There is no letter or digit '{name}'. There are: {', '.join((*LETTERS, *DIGITS))}.")
    turn = np.radians(HANDSHAPES[name].turn + signer.tilt * 0.5 + rng.normal(0, 6))
    yaw, pitch = np.radians(rng.normal(0, 9 * variety, 2))
    if name in FROM_THE_SIDE and rng.random() < 0.5:
        yaw -= np.radians(rng.uniform(0.3, 1.0) * FROM_THE_SIDE[name])
    mirror = -1.0 if signer.hand == "left" else 1.0
    # Rows: where the thumb's side, the fingers and the palm look, before the turn in the picture plane.
    axes = np.array([[1.0, 0, 0], [0, -1.0, 0], [0, 0, 1.0]])
    axes = axes @ _rotation(1, yaw) @ _rotation(0, pitch) @ _rotation(2, turn)
    palm = size * 0.30 * signer.hand_size * rng.uniform(0.92, 1.08 + 0.3 * max(0.0, variety - 1))
    values = posture(name).copy()
    lax = signer.lax * 0.4 + rng.normal(0, 1.5 * variety)
    values[:16] += rng.normal(0, 5 * max(0.0, variety - 1), 16)
    points = joints(values, lax=lax) @ axes * (mirror, 1, 1) * palm
    # The hand's box in the middle of the picture, give or take.
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    centre = np.array([size / 2, size / 2]) - (low + high) / 2 + rng.normal(0, 0.02 * size, 2)
    return points + (*centre, 0), axes[1] * (mirror, 1, 1), palm


def _rgb(colour: np.ndarray) -> tuple[int, int, int]:
    red, green, blue = np.clip(colour, 20, 250).astype(int).tolist()
    return red, green, blue


def _rotation(axis: int, angle: float) -> np.ndarray:
    """Return the matrix that turns row vectors about a coordinate axis."""
    one, other = [k for k in range(3) if k != axis]
    matrix = np.eye(3)
    matrix[one, one] = matrix[other, other] = np.cos(angle)
    matrix[one, other], matrix[other, one] = np.sin(angle), -np.sin(angle)
    return matrix


def random_signer(like: Signer, *, seed: int, number: int) -> Signer:
    """Return somebody nobody wrote down: other skin, hand, habits, camera and background (domain randomisation).

    Args:
        like: whose body the rest is.
        seed: where randomness starts.
        number: which of these people.
    """
    rng = np.random.default_rng(keyed_seed(seed, "random signer", str(number)))
    skin = PALEST + (DARKEST - PALEST) * rng.uniform(0, 1) + rng.normal(0, 8, 3)
    wall = rng.uniform(60, 235) + rng.normal(0, 14, 3)
    return replace(
        like,
        name=f"random{number:03d}",
        hand="right" if rng.random() < 0.9 else "left",
        hand_size=float(rng.uniform(0.85, 1.2)),
        skin=_rgb(skin),
        background=_rgb(wall),
        lax=float(rng.uniform(0, 14)),
        tilt=float(rng.normal(0, 9)),
        noise=float(rng.uniform(1, 7)),
    )
