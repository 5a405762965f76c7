"""Pictures of the handshapes of letters and digits, for the alphabet notebook."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from asl_lib.data.demo.canvas import Canvas
from asl_lib.data.demo.hand import DIGITS, HANDSHAPES, LETTERS, joints, posture, unit
from asl_lib.data.demo.lexicon import Signer, load_signers
from asl_lib.data.demo.motion import keyed_seed
from asl_lib.data.demo.render import draw_hand, grain
from asl_lib.data.errors import DatasetError

SIDE_VIEW_DEGREES = {"O": 75.0, "0": 75.0, "C": 60.0}
"""Rotation about the forearm, for signers who show these letters from the side."""
PALEST, DARKEST = np.array([246.0, 208, 178]), np.array([84.0, 52, 36])


def check_names(names: Iterable[str]) -> None:
    """Raise DatasetError where a name is not a letter or digit."""
    for name in names:
        if name not in (*LETTERS, *DIGITS):
            raise DatasetError(f"There is no letter or digit '{name}'. There are: {', '.join((*LETTERS, *DIGITS))}.")


def handshape_image(name: str, signer: Signer, *, seed: int, size: int = 200, variety: float = 1.0) -> np.ndarray:
    """Return a (size, size, 3) uint8 RGB picture of a hand that shows a letter or digit.

    The palm faces the viewer, turned as the letter is held (G and H to the side, P and Q down; half of C, O and 0
    from the side). Angle, place, light and background vary with the seed. J and Z are movements; a picture shows their
    handshape.

    Args:
        name: letter or digit.
        signer: the signer whose hand is drawn.
        seed: seed of this picture.
        size: side in px.
        variety: how much angle, light and fingers vary, as a multiple of the default.

    Raises:
        DatasetError: it is not a letter or digit; the message lists them.
    """
    rng = np.random.default_rng(keyed_seed(seed, signer.name, "still", name))
    points, fingers, palm = _pose_hand(name, signer, rng, size=size, variety=variety)
    canvas = Canvas((size, size), light=np.array([-0.35, -0.5, 0.78]) + rng.normal(0, 0.12 * variety, 3))
    rows, columns = np.mgrid[:size, :size] / size
    slope = rng.uniform(-0.12, 0.12, 2) * variety
    canvas.colour[:] = (1 + slope[0] * rows + slope[1] * columns)[..., None] * np.array(signer.background)
    wrist = points[0]
    canvas.cone(wrist - 1.4 * palm * unit(fingers), wrist, 0.26 * palm, 0.21 * palm, signer.skin)
    draw_hand(canvas, points, signer.skin, palm)
    canvas.darken_edges(depth=0.018 * palm / 0.235)
    return canvas.picture(grain((size, size), signer.noise, rng))


def handshape_joints(name: str, signer: Signer, *, seed: int, variety: float = 1.0) -> np.ndarray:
    """Return the (21, 3) float32 joints of the hand that `handshape_image` draws for the same arguments.

    In widths of the picture, x to the right, y downwards, z away from the viewer with the wrist as 0.

    Raises:
        DatasetError: it is not a letter or digit.
    """
    rng = np.random.default_rng(keyed_seed(seed, signer.name, "still", name))
    points, _, _ = _pose_hand(name, signer, rng, size=1, variety=variety)
    return np.asarray((points - (0, 0, points[0, 2])) * (1, 1, -1), np.float32)


def random_signers(count: int, *, seed: int) -> list[Signer]:
    """Return random signers: other skin, hands, habits, cameras and backgrounds (domain randomisation).

    Other attributes are taken from the demo's signers in turn.
    """
    models = list(load_signers().values())
    return [_random_signer(models[number % len(models)], seed=seed, number=number) for number in range(count)]


def _random_signer(model: Signer, *, seed: int, number: int) -> Signer:
    rng = np.random.default_rng(keyed_seed(seed, "random signer", str(number)))
    skin = PALEST + (DARKEST - PALEST) * rng.uniform(0, 1) + rng.normal(0, 8, 3)
    background = rng.uniform(60, 235) + rng.normal(0, 14, 3)
    return replace(
        model,
        name=f"random{number:03d}",
        hand="right" if rng.random() < 0.9 else "left",
        hand_size=float(rng.uniform(0.85, 1.2)),
        skin=_rgb(skin),
        background=_rgb(background),
        lax=float(rng.uniform(0, 14)),
        tilt=float(rng.normal(0, 9)),
        noise=float(rng.uniform(1, 7)),
    )


def _pose_hand(
    name: str, signer: Signer, rng: np.random.Generator, *, size: int, variety: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return (21, 3) joints in px, z towards the viewer; the direction of the fingers; and the palm's length in px."""
    check_names([name])
    turn = np.radians(HANDSHAPES[name].turn + signer.tilt * 0.5 + rng.normal(0, 6))
    yaw, pitch = np.radians(rng.normal(0, 9 * variety, 2))
    if name in SIDE_VIEW_DEGREES and rng.random() < 0.5:
        yaw -= np.radians(rng.uniform(0.3, 1.0) * SIDE_VIEW_DEGREES[name])
    mirror = -1.0 if signer.hand == "left" else 1.0
    # Rows: directions of the thumb's side, the fingers and the palm, before the turn in the picture plane.
    axes = np.array([[1.0, 0, 0], [0, -1.0, 0], [0, 0, 1.0]])
    axes = axes @ _rotation(1, yaw) @ _rotation(0, pitch) @ _rotation(2, turn)
    palm = size * 0.30 * signer.hand_size * rng.uniform(0.92, 1.08 + 0.3 * max(0.0, variety - 1))
    values = posture(name).copy()
    lax = signer.lax * 0.4 + rng.normal(0, 1.5 * variety)
    values[:16] += rng.normal(0, 5 * max(0.0, variety - 1), 16)
    points = joints(values, lax=lax) @ axes * (mirror, 1, 1) * palm
    # The hand's box is centred in the picture, up to a small random offset.
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    centre = np.array([size / 2, size / 2]) - (low + high) / 2 + rng.normal(0, 0.02 * size, 2)
    return points + (*centre, 0), axes[1] * (mirror, 1, 1), palm


def _rgb(colour: np.ndarray) -> tuple[int, int, int]:
    red, green, blue = np.clip(colour, 20, 250).astype(int).tolist()
    return red, green, blue


def _rotation(axis: int, angle: float) -> np.ndarray:
    """Return the matrix that rotates row vectors about a coordinate axis."""
    first, second = [k for k in range(3) if k != axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[first, second], matrix[second, first] = np.sin(angle), -np.sin(angle)
    return matrix
