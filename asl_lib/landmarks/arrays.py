"""Landmarks as arrays: one `.npy` file per frame, as in a popular tutorial, or one `.npy` or `.npz` file per clip."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from asl_lib._util.cache import map_npy
from asl_lib._util.files import NPZ_DAMAGE, read_npz
from asl_lib.data.recorded import frame_numbers, rate_and_size
from asl_lib.data.video import too_short
from asl_lib.landmarks.landmarks import PARTS, LandmarkError, Landmarks

ASSUMED = (30.0, 640, 480)
"""Frames per second, width and height (px) of most webcams, assumed if no table says otherwise."""
HANDS = 2 * 3 * PARTS["left_hand"]
FACES = (PARTS["face"], 478)
"""Points of a face: MediaPipe's own, and with the irises of `refine_face_landmarks`, which are left out."""
FORMS = {33 * pose + 3 * face + HANDS: (pose, face) for pose in (0, 3, 4) for face in (0, *FACES)}
"""Values a frame -> values of a point of the pose (x, y, z and visibility, or without it), and points of the face."""
LARGEST = 1e4
FARTHEST = 10
"""Half of a clip's landmarks must be within this many widths and heights of the picture from its corner."""


def read_arrays(path: str | Path) -> Landmarks:
    """Read the landmarks of one clip from a folder of frames, or from a `.npy` or `.npz` file.

    A frame is pose, face, left hand and right hand one after the other, x, y, z of each point (and visibility, in the
    pose): 1,662 values; without visibility 1,629, without a face 258 or 225. An array is (T, values) or (T, points, 3),
    that of one frame (values,) or (1, values). A face that comes first is recognised by the pose's visibility, which is
    from 0 to 1, or by frames without a face or a pose. Where neither decides, the pose is taken to come first.
    An `.npz` file has one such array, or one for each part, under its name. A point of zeros was not detected. Frames
    are in order of their numbers, and a number that is missing between them is a gap in time.

    Frame rate and picture size are those of the nearest `signers.csv` (see `asl_lib.data.recorded`), else 30 frames/s
    and 640x480 px.

    Raises:
        LandmarkError: the files are missing, damaged, hold pickled objects, have another form, fewer than 2 frames, or
            numbers in px.
    """
    path = Path(path)
    try:
        if path.is_dir():
            values, numbers = _frames(path)
        else:
            values = _npz(path) if path.suffix.lower() == ".npz" else np.array(map_npy(path))
            numbers = np.arange(len(values)) if values.ndim else np.empty(0)
        points, confidence, parts = _decode(values)
        fps, width, height = rate_and_size(path, assumed=ASSUMED)
    except FileNotFoundError as error:
        raise LandmarkError(f"There are no landmarks at {path}. Copy them there again.") from error
    except (ValueError, OSError) as error:
        raise LandmarkError(f"{path} cannot be read as landmarks: {str(error)[:300]}.") from error
    check_clip(path, points)
    return Landmarks(points, confidence, parts, fps, width, height, times=numbers / fps)


def check_clip(path: Path, points: np.ndarray) -> None:
    """Raise LandmarkError where the (T, L, 3) points of a file, NaN where undetected, are no clip or are in px."""
    if problem := too_short(path, frames=len(points)):
        raise LandmarkError(problem)
    xy = points[..., :2]
    xy = np.abs(xy[~np.isnan(xy)])
    if xy.size and np.median(xy) > FARTHEST:
        raise LandmarkError(
            f"{path} must have x and y in widths and heights of the picture, from 0 to 1; these seem to be px. Divide "
            "x by the picture's width and y by its height."
        )


def _frames(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return (T, values) and (T,) numbers from 0 of a folder with a file a frame."""
    names = [path.name for path in folder.iterdir() if path.suffix.lower() == ".npy" and path.name[0] != "."]
    numbers = frame_numbers(names)
    first = min(numbers)
    arrays: dict[int, np.ndarray] = {}
    for number, name in numbers.items():
        try:
            array = map_npy(folder / name)
            arrays[number] = array[0] if array.ndim == 2 and len(array) == 1 else array
        except (OSError, ValueError) as error:
            raise ValueError(f"{name}: {error}") from error
    shape = arrays[first].shape
    for number, array in arrays.items():
        if array.shape != shape or array.ndim != 1:
            raise ValueError(f"{numbers[number]} must be of the shape of the other frames, {shape}; got {array.shape}")
    return np.stack(list(arrays.values())), np.array([number - first for number in arrays])


def _npz(path: Path) -> np.ndarray:
    """Return (T, values) of the one array in a file, or of the arrays named like the parts."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
    except NPZ_DAMAGE as error:
        raise ValueError(f"it is damaged: {error}") from error
    parts = [part for part in PARTS if part in names]
    if len(names) != 1 and not {"left_hand", "right_hand"} <= set(parts):
        raise ValueError(f"it must hold one array, or arrays named {', '.join(PARTS)}; it holds {', '.join(names)}")
    arrays = read_npz(path, parts or names)
    return np.concatenate([array.reshape(len(array), -1) for array in map(np.atleast_1d, arrays.values())], axis=1)


def _decode(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return (T, L, 3) points, (T, L) confidence, and the parts, of (T, values) or (T, points, 3) numbers."""
    flat = values.reshape(len(values), 3 * values.shape[1]) if values.ndim == 3 and values.shape[2] == 3 else values
    if flat.dtype.kind not in "fiu" or flat.ndim != 2 or not flat.size or flat.shape[1] not in FORMS:
        raise ValueError(
            f"a clip must be numbers of shape (frames, {' or '.join(map(str, sorted(FORMS)))}); "
            f"got {values.dtype} of shape {values.shape}"
        )
    of_pose, face = FORMS[flat.shape[1]]
    with np.errstate(over="ignore", invalid="ignore"):
        flat = flat.astype(np.float32)
    if of_pose == 4 and face and _is_face_first(flat, 3 * face):
        flat = np.concatenate([flat[:, 3 * face : 3 * face + 132], flat[:, : 3 * face], flat[:, -HANDS:]], axis=1)
    pose, rest = np.split(flat, [33 * of_pose], axis=1)
    rest = rest.reshape(len(flat), -1, 3)
    pose = pose.reshape(len(flat), 33, of_pose)
    blocks = {"pose": pose[..., :3]} if of_pose else {}
    blocks |= {"face": rest[:, : PARTS["face"]]} if face else {}
    blocks |= {"left_hand": rest[:, face : face + 21], "right_hand": rest[:, face + 21 :]}
    points = np.concatenate(list(blocks.values()), axis=1)
    confidence = np.ones(points.shape[:2], np.float32)
    if of_pose == 4:
        confidence[:, :33] = np.nan_to_num(np.clip(pose[..., 3], 0, 1))
    # Numbers that large are damage, and would overflow in every sum.
    missing = (points == 0).all(axis=-1) | ~(np.abs(points) < LARGEST).all(axis=-1)
    points[missing], confidence[missing] = np.nan, 0
    return points, confidence, tuple(blocks)


def _is_face_first(flat: np.ndarray, face: int) -> bool:
    """Return whether the `face` values of the face come before the 132 of the pose; False where nothing decides."""
    pose_first, face_first = (_is_visibility(flat[:, start + 3 : start + 132 : 4]) for start in (0, face))
    if pose_first != face_first:
        return face_first
    # In both orders the values between the two places of the pose are of the face. Where only one of the places is
    # empty, it is the pose's if the frame has a face, and else the end of the face.
    found = ~np.isnan(flat) & (flat != 0)
    first, middle, last = (part.any(axis=1) for part in np.split(found[:, : face + 132], [132, face], axis=1))
    return bool(((first != last) & (middle == first)).sum() > ((first != last) & (middle == last)).sum())


def _is_visibility(values: np.ndarray) -> bool:
    """Return whether values may be visibilities: from 0 to 1, where they are not NaN, and not all 0 (not detected)."""
    values = values[~np.isnan(values)]
    return bool(values.any() and ((values >= 0) & (values <= 1)).all())
