"""`.pose` files: landmarks in the format of the library pose-format."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from pose_format import Pose
from pose_format.numpy import NumPyPoseBody
from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

from asl_lib._util.files import atomic_write, read_json
from asl_lib.landmarks.landmarks import PARTS, LandmarkError, Landmarks

COMPONENTS = {part: f"{part.upper()}_LANDMARKS" for part in PARTS}
HEAD = ("LEFT_EYE_INNER", "LEFT_EYE", "LEFT_EYE_OUTER", "RIGHT_EYE_INNER", "RIGHT_EYE", "RIGHT_EYE_OUTER",
        "LEFT_EAR", "RIGHT_EAR", "MOUTH_LEFT", "MOUTH_RIGHT")  # fmt: skip
JOINTS = ("SHOULDER", "ELBOW", "WRIST", "PINKY", "INDEX", "THUMB", "HIP", "KNEE", "ANKLE", "HEEL", "FOOT_INDEX")
FINGERS = ("INDEX_FINGER", "MIDDLE_FINGER", "RING_FINGER", "PINKY")
HAND_POINTS = ("WRIST", "THUMB_CMC", "THUMB_MCP", "THUMB_IP", "THUMB_TIP",
               *(f"{finger}_{joint}" for finger in FINGERS for joint in ("MCP", "PIP", "DIP", "TIP")))  # fmt: skip
POINTS = {
    "pose": ("NOSE", *HEAD, *(f"{side}_{joint}" for joint in JOINTS for side in ("LEFT", "RIGHT"))),
    "face": tuple(map(str, range(PARTS["face"]))),
    "left_hand": HAND_POINTS,
    "right_hand": HAND_POINTS,
}
"""MediaPipe's names of the landmarks, by which other tools find them."""
BODY_LIMBS = ((0, 1), (1, 2), (2, 3), (3, 7), (0, 4), (4, 5), (5, 6), (6, 8), (9, 10), (11, 12), (23, 24),
              (11, 13), (13, 15), (15, 17), (15, 19), (15, 21), (17, 19), (11, 23), (23, 25), (25, 27), (27, 29),
              (27, 31), (29, 31), (12, 14), (14, 16), (16, 18), (16, 20), (16, 22), (18, 20), (12, 24), (24, 26),
              (26, 28), (28, 30), (28, 32), (30, 32))  # fmt: skip
HAND_LIMBS = ((0, 5), (5, 9), (9, 13), (13, 17), (0, 17), *((tip - 1, tip) for tip in range(1, 21) if tip % 4 != 1),
              (0, 1))  # fmt: skip
LIMBS = {"pose": BODY_LIMBS, "face": (), "left_hand": HAND_LIMBS, "right_hand": HAND_LIMBS}
"""Pairs of landmarks that viewers join by a line."""
COLOURS = {"pose": (255, 0, 0), "face": (128, 0, 0), "left_hand": (0, 128, 255), "right_hand": (0, 192, 64)}
# MediaPipe's own z stays within a few widths of the hips or the wrist.
LARGEST_Z_IN_WIDTHS = 10.0
LARGEST_PX = 1e6
POSE_VERSIONS = (0.1, 0.2)
# What pose-format raises at damaged files.
DAMAGE = (ValueError, IndexError, KeyError, TypeError, ArithmeticError, struct.error, NotImplementedError, MemoryError)


def write_pose(path: str | Path, landmarks: Landmarks) -> None:
    """Write landmarks as a `.pose` file (pose-format 0.2), whole or not at all.

    As in the files of pose-format's own tools, x and y are in px, z in image widths, and missing landmarks have a
    confidence of 0. The format has a frame rate and no times: those of another rate are kept in the file's record.
    """
    scale = np.array([landmarks.width, landmarks.height, 1], np.float32)
    data = np.nan_to_num(landmarks.points * scale)[:, None]  # (T, 1 person, L, 3)
    body = NumPyPoseBody(landmarks.fps, data, landmarks.confidence[:, None])
    size = PoseHeaderDimensions(landmarks.width, landmarks.height, 0)
    header = PoseHeader(0.2, size, [_component(part) for part in landmarks.parts])
    with atomic_write(path) as tmp, tmp.open("wb") as file:
        Pose(header, body).write(file)


def read_pose(path: str | Path) -> Landmarks:
    """Read the landmarks of the first person in a `.pose` file.

    Only the components of MediaPipe Holistic are read; others, such as world landmarks, are left out. The times of the
    frames are taken from its record, if it has some.

    Raises:
        LandmarkError: the file is missing, damaged, empty or of another tracker.
    """
    path = Path(path)
    if not path.is_file():
        raise LandmarkError(
            f"There are no landmarks at {path}. Run notebook 02 first, or read there why this clip failed."
        )
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LandmarkError(f"{path} cannot be opened: {error.strerror}.") from error
    version = struct.unpack("<f", content[:4])[0] if len(content) >= 4 else 0.0
    try:
        # Version 0.0 is no longer written, and lets a file of some kB keep a reader busy for hours.
        if round(version, 3) not in POSE_VERSIONS:
            raise ValueError(f"its version is {version:.3g}; {' and '.join(map(str, POSE_VERSIONS))} are read")
        pose = Pose.read(content)
        data, confidence = np.asarray(pose.body.data.data), np.asarray(pose.body.confidence)
        fps = float(pose.body.fps)
        if not 0 < fps < np.inf:
            raise ValueError(f"it has {fps} frames a second")
    except DAMAGE as error:
        raise LandmarkError(
            f"{path} is not a whole .pose file ({error}). Delete it and extract the clip again."
        ) from error
    if data.ndim != 4 or not len(data) or not data.shape[1]:
        raise LandmarkError(f"{path} must hold at least one frame of one person; its data has shape {data.shape}.")
    columns, parts = _columns(pose.header.components, path)
    if data.shape[3] < 3:
        raise LandmarkError(f"{path} must hold x, y and z of every landmark; its data has shape {data.shape}.")
    size = pose.header.dimensions
    points = np.array(data[:, 0, columns, :3], np.float32)
    visible = np.array(confidence[:, 0, columns], np.float32)
    # A landmark a thousand pictures away is damage, and would overflow in every sum.
    visible[~(visible > 0) | ~(np.abs(points) < LARGEST_PX).all(axis=-1)] = 0
    points[visible == 0] = np.nan
    width, height = max(1, size.width), max(1, size.height)
    points[..., 2] = _depth_in_widths(points[..., 2], width)
    points[..., :2] /= np.array([width, height], np.float32)
    record = read_record(path)
    times: Any = record.get("times") if record.get("pose_bytes") == len(content) else None
    try:
        return Landmarks(points, np.minimum(visible, 1), parts, fps, width, height, times)
    except (TypeError, ValueError, OverflowError) as error:
        raise LandmarkError(
            f"{record_path(path)} is damaged ({error}). Delete it and extract the clip again."
        ) from error


def record_path(pose_path: Path) -> Path:
    """Return the path of the record of how a `.pose` file was made."""
    return pose_path.with_suffix(".json")


def read_record(pose_path: Path) -> dict[str, Any]:
    """Return the record of how a `.pose` file was made; empty if there is none."""
    try:
        record = read_json(record_path(pose_path))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _depth_in_widths(depth: np.ndarray, width: int) -> np.ndarray:
    """Return (T, L) z in image widths around 0, for the three conventions that are found in files.

    Some files have z in px, like x and y. Others were centred in a box after extraction, z with the rest but without
    its scale: of these only the offset is removed.
    """
    known = depth[~np.isnan(depth)]
    if not len(known):
        return depth
    offset = float(np.median(known))
    spread = float(np.percentile(np.abs(known - offset), 95))
    if spread > LARGEST_Z_IN_WIDTHS:
        return depth / width
    return depth - offset if abs(offset) > LARGEST_Z_IN_WIDTHS else depth


def _columns(components: Sequence[Any], path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return the columns of Holistic's landmarks in a file, in the order of `PARTS`, and their parts."""
    starts: dict[str, tuple[int, int]] = {}
    offset = 0
    for component in components:
        starts[component.name] = (offset, len(component.points))
        offset += len(component.points)
    parts = tuple(part for part, name in COMPONENTS.items() if starts.get(name, (0, 0))[1] >= PARTS[part])
    if not parts:
        raise LandmarkError(
            f"{path} must hold landmarks of MediaPipe Holistic ({', '.join(COMPONENTS.values())}); "
            f"it holds {', '.join(starts) or 'nothing'}. Extract the clip again with notebook 02."
        )
    # A refined face has 478 points: the first 468 are the ones every face has.
    ranges = [np.arange(PARTS[part]) + starts[COMPONENTS[part]][0] for part in parts]
    return np.concatenate(ranges), parts


@cache
def _component(part: str) -> PoseHeaderComponent:
    """Return what viewers need to know about a part: names, limbs and colours."""
    return PoseHeaderComponent(COMPONENTS[part], list(POINTS[part]), list(LIMBS[part]), [COLOURS[part]], "XYZC")
