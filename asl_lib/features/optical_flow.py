"""Optical flow between frames, by one of three methods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import cv2
import numpy as np

METHODS = ("tvl1", "farneback", "dis")
"""TV-L1 (Zach, Pock and Bischof 2007) is what I3D was trained with; Farneback (2003) is faster, and DIS (Kroeger et al.
2016) the fastest."""
BOUND_PX = 20.0
"""I3D's flow is cut off at +-20 px."""


def optical_flow(frames: Iterable[np.ndarray], *, method: str = "tvl1") -> Iterator[np.ndarray]:
    """Yield the flow from each frame to the next.

    Args:
        frames: (H, W, 3) RGB or (H, W) gray uint8 frames, at least two, all of one size; only two are held at a time.
        method: "tvl1", "farneback" or "dis".

    Yields:
        (H, W, 2) float32: by how many px each point moves to the right, and down; one fewer than there are frames.

    Raises:
        ValueError: there is no such method, there are fewer than two frames, or they differ in size.
    """
    compute = _method(method)
    before = None
    count = 0
    for frame in frames:
        gray = _gray(frame)
        if before is not None:
            if gray.shape != before.shape:
                raise ValueError(f"All frames must have one size; got {before.shape} and then {gray.shape}.")
            yield np.asarray(compute(before, gray), np.float32)
            count += 1
        before = gray
    if not count:
        raise ValueError(f"Flow needs at least two frames; got {0 if before is None else 1}.")


def quantise_flow(flow: np.ndarray) -> np.ndarray:
    """Return a flow (..., 2) in px as uint8, as I3D expects it: to -20 px is 0, no motion 128, from 20 px 255."""
    share = (np.clip(flow, -BOUND_PX, BOUND_PX) + BOUND_PX) / (2 * BOUND_PX)
    return np.minimum(share * 256, 255).astype(np.uint8)


def restore_flow(quantised: np.ndarray) -> np.ndarray:
    """Return the flow that `quantise_flow` quantised, in px, to within a sixth of a px."""
    return (quantised.astype(np.float32) - 128) / 128 * BOUND_PX


def reverse_flow(quantised: np.ndarray) -> np.ndarray:
    """Return quantised flow (..., 2) with right and left exchanged, as in a mirror: 128, no motion, stays as it is."""
    return np.stack([np.minimum(256 - quantised[..., 0].astype(int), 255), quantised[..., 1]], axis=-1).astype(np.uint8)


def flow_colours(flow: np.ndarray, *, bound_px: float = BOUND_PX) -> np.ndarray:
    """Return a flow as an RGB picture: the hue is the direction, the strength of the colour the length (colour wheel).

    Args:
        flow: (H, W, 2) float, in px.
        bound_px: length that gets the full colour.
    """
    length = np.linalg.norm(flow, axis=-1)
    angle = np.arctan2(flow[..., 1], flow[..., 0])  # to the right is 0, down a quarter turn
    hue = np.uint8(np.round((angle + 2 * np.pi) % (2 * np.pi) / (2 * np.pi) * 179))
    strength = np.uint8(np.clip(length / bound_px, 0, 1) * 255)
    return np.asarray(cv2.cvtColor(np.dstack([hue, strength, np.full_like(hue, 255)]), cv2.COLOR_HSV2RGB))


def _method(name: str) -> Any:
    """Return a function from two gray pictures to the flow between them."""
    contributed: Any = cv2  # its types do not know the contributed modules
    if name == "tvl1":
        solver = contributed.optflow.DualTVL1OpticalFlow_create()
    elif name == "dis":
        solver = contributed.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    elif name == "farneback":
        return lambda one, other: contributed.calcOpticalFlowFarneback(one, other, None, 0.5, 4, 15, 5, 7, 1.5, 0)
    else:
        raise ValueError(f"method must be one of {', '.join(METHODS)}; got {name!r}.")
    return lambda one, other: solver.calc(one, other, None)


def _gray(frame: np.ndarray) -> np.ndarray:
    frame = np.asarray(frame)
    if frame.dtype != np.uint8 or frame.ndim not in (2, 3) or (frame.ndim == 3 and frame.shape[2] != 3):
        raise ValueError(f"Frames must be (H, W, 3) or (H, W) uint8; got {frame.shape} {frame.dtype}.")
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)) if frame.ndim == 3 else frame
