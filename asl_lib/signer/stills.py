"""Still pictures of the handshapes of letters and digits, for the alphabet notebook."""

from __future__ import annotations

import numpy as np

from asl_lib.signer.body import _unit
from asl_lib.signer.canvas import Canvas
from asl_lib.signer.hand import DIGITS, HANDSHAPES, LETTERS, joints, posture
from asl_lib.signer.lexicon import Signer
from asl_lib.signer.motion import keyed_seed
from asl_lib.signer.render import draw_hand


def handshape_image(name: str, signer: Signer, *, seed: int, size: int = 200) -> np.ndarray:
    """Return a (size, size, 3) uint8 RGB picture of a hand that makes a letter or a digit.

    The palm looks at the viewer, turned as the letter is held (G and H to the side, P and Q down). Angle,
    place, light and background vary with the seed. J and Z are movements; a picture shows their handshape.

    Raises:
        KeyError: it is no letter and no digit; the message lists those there are.
    """
    if name not in (*LETTERS, *DIGITS):
        raise KeyError(f"There is no letter or digit '{name}'. There are: {', '.join((*LETTERS, *DIGITS))}.")
    rng = np.random.default_rng(keyed_seed(seed, signer.name, "still", name))
    turn = np.radians(HANDSHAPES[name].turn + signer.tilt * 0.5 + rng.normal(0, 6))
    yaw, pitch = np.radians(rng.normal(0, 9, 2))
    mirror = -1.0 if signer.hand == "left" else 1.0
    # Rows: where the thumb's side, the fingers and the palm look, before the turn in the picture plane.
    axes = np.array([[1.0, 0, 0], [0, -1.0, 0], [0, 0, 1.0]])
    axes = axes @ _rotation(1, yaw) @ _rotation(0, pitch) @ _rotation(2, turn)
    palm = size * 0.30 * signer.hand_size * rng.uniform(0.92, 1.08)
    values = posture(name)
    lax = signer.lax * 0.4 + rng.normal(0, 1.5)
    points = joints(values, lax=lax) @ axes * (mirror, 1, 1) * palm
    # The hand's box in the middle of the picture, give or take.
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    centre = np.array([size / 2, size / 2]) - (low + high) / 2 + rng.normal(0, 0.02 * size, 2)
    points = points + (*centre, 0)
    fingers = axes[1] * (mirror, 1, 1)

    canvas = Canvas((size, size), light=np.array([-0.35, -0.5, 0.78]) + rng.normal(0, 0.12, 3))
    rows, columns = np.mgrid[:size, :size] / size
    slope = rng.uniform(-0.12, 0.12, 2)
    canvas.colour[:] = (1 + slope[0] * rows + slope[1] * columns)[..., None] * np.array(signer.background)
    wrist = points[0]
    canvas.cone(wrist - 1.4 * palm * _unit(fingers), wrist, 0.26 * palm, 0.21 * palm, signer.skin)
    draw_hand(canvas, points, signer.skin, palm)
    canvas.darken_edges(depth=0.018 * palm / 0.235)
    noise = np.rint(rng.normal(0, signer.noise, (size, size, 1))).astype(np.int16)
    return canvas.picture(noise)


def _rotation(axis: int, angle: float) -> np.ndarray:
    """Return the matrix that turns row vectors about a coordinate axis."""
    one, other = [k for k in range(3) if k != axis]
    matrix = np.eye(3)
    matrix[one, one] = matrix[other, other] = np.cos(angle)
    matrix[one, other], matrix[other, one] = np.sin(angle), -np.sin(angle)
    return matrix
