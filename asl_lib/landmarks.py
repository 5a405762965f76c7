"""One clip to landmarks with MediaPipe Holistic, and `.pose` files to keep them in.

Landmarks are image-normalised: x from 0 (left) to 1 (right), y from 0 (top) to 1 (bottom), z in image
widths with the wrist or the hips as 0. What was not detected is NaN, never 0: a zero is a place in the
picture (its corner), and a model cannot tell it from a hand.
"""

from __future__ import annotations

import os
import struct
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from asl_lib.files import whole_file
from asl_lib.quiet import quiet_native_stderr

PARTS: dict[str, int] = {"pose": 33, "face": 468, "left_hand": 21, "right_hand": 21}
"""The parts MediaPipe Holistic tracks, in the order of the arrays, and how many landmarks each has."""
COMPONENTS = {part: f"{part.upper()}_LANDMARKS" for part in PARTS}
SUPPORTED_MEDIAPIPE = "0.10.21"
# MediaPipe's own z stays within a few widths of the hips or the wrist.
LARGEST_Z_IN_WIDTHS = 10.0
LARGEST_PX = 1e6
POSE_VERSIONS = (0.1, 0.2)
# What pose-format raises where a file is damaged, by the place.
DAMAGE = (ValueError, IndexError, KeyError, TypeError, ArithmeticError, struct.error, NotImplementedError, MemoryError)


class LandmarkError(ValueError):
    """Landmarks that cannot be read, or a MediaPipe that cannot make them."""


@dataclass(frozen=True)
class Landmarks:
    """The landmarks of one clip.

    Attributes:
        points: (T, L, 3) float32, image-normalised; NaN where a landmark was not detected.
        confidence: (T, L) float32 from 0 (not detected) to 1.
        parts: which parts the L landmarks are, in the order of `PARTS`.
        fps: frames per second.
        width, height: size of the video in px; their ratio tells how long a unit of y is in units of x.
    """

    points: np.ndarray
    confidence: np.ndarray
    parts: tuple[str, ...]
    fps: float
    width: int
    height: int

    def part(self, name: str) -> np.ndarray:
        """Return the (T, l, 3) points of one part.

        Raises:
            LandmarkError: the clip has no such part.
        """
        if name not in self.parts:
            raise LandmarkError(f"These landmarks have no part '{name}'. They have: {', '.join(self.parts)}.")
        start = sum(PARTS[part] for part in self.parts[: self.parts.index(name)])
        return self.points[:, start : start + PARTS[name]]

    def seen(self, name: str) -> np.ndarray:
        """Return (T,) bool: in which frames a part was detected."""
        return ~np.isnan(self.part(name)).all(axis=(1, 2))


class HolisticDetector:
    """MediaPipe Holistic for many clips in turn; use it in a `with` block.

    The tracker carries what it saw from frame to frame. It is shown a blank picture between clips, so
    that a clip's landmarks do not depend on the clips before it.

    Args:
        parts: the parts to return. Without "face" the face model, a third of the work, does not run;
            the other parts are the same to the last bit.

    Raises:
        LandmarkError: this version of MediaPipe has no `mp.solutions`.
    """

    def __init__(self, parts: Sequence[str] = tuple(PARTS)) -> None:
        self.parts = tuple(part for part in PARTS if part in parts)
        if unknown := set(parts) - set(PARTS):
            raise LandmarkError(f"There is no part '{sorted(unknown)[0]}'. Known: {', '.join(PARTS)}.")
        solutions = require_mediapipe()
        self._graph = solutions.holistic.Holistic() if "face" in self.parts else holistic_without_face(solutions)

    def __enter__(self) -> HolisticDetector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._graph.close()

    def detect(self, frames: Iterable[np.ndarray], *, fps: float) -> Landmarks:
        """Return the landmarks of one clip.

        Args:
            frames: (H, W, 3) uint8 RGB frames in order; only one is held at a time.
            fps: their rate.

        Raises:
            LandmarkError: there is no frame.
        """
        found: list[np.ndarray] = []
        size = None
        try:
            for frame in frames:
                size = size or (frame.shape[1], frame.shape[0])
                found.append(self.track(frame))
        finally:
            self.forget()
        if size is None:
            raise LandmarkError("A clip must have at least one frame; got none. Check its start and end.")
        values = np.stack(found)  # (T, L, 4)
        return Landmarks(values[..., :3], values[..., 3], self.parts, float(fps), *size)

    def forget(self) -> None:
        """End a clip: the next frame is looked at as if there had been none before."""
        self._graph.process(np.full((64, 64, 3), 255, np.uint8))

    def track(self, frame: np.ndarray) -> np.ndarray:
        """Return the landmarks of the next frame of a clip, for a stream that nobody knows the end of.

        Args:
            frame: (H, W, 3) uint8 RGB.

        Returns:
            (L, 4) float32: x, y, z (NaN where not detected) and confidence.
        """
        result = self._graph.process(frame)
        rows = []
        for part in self.parts:
            found = getattr(result, f"{part}_landmarks")
            if found is None:
                rows.append(np.full((PARTS[part], 4), np.nan, np.float32))
                rows[-1][:, 3] = 0.0
                continue
            # A landmark that is there has a confidence above 0: in a .pose file 0 means missing.
            rows.append(
                np.array(
                    [(p.x, p.y, p.z, max(p.visibility, 1e-6) if part == "pose" else 1.0) for p in found.landmark],
                    np.float32,
                )
            )
        return np.concatenate(rows)


def require_mediapipe() -> Any:
    """Return `mediapipe.solutions`.

    Raises:
        LandmarkError: MediaPipe is missing or of a version without it; the sentence names the one to install.
    """
    # MediaPipe's C++ side tells at every start which processor it found.
    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        with quiet_native_stderr(), _tensorflow_out_of_sight():
            import mediapipe
    except ImportError as error:
        raise LandmarkError(
            f"MediaPipe cannot be imported ({error}). Install it with: pip install mediapipe=={SUPPORTED_MEDIAPIPE}"
        ) from error
    if not hasattr(mediapipe, "solutions"):
        version = getattr(mediapipe, "__version__", "of unknown version")
        raise LandmarkError(
            f"MediaPipe {version} has no mp.solutions and no models in its package; {SUPPORTED_MEDIAPIPE} is the last "
            f"release that has. Install it with: pip install mediapipe=={SUPPORTED_MEDIAPIPE}"
        )
    return mediapipe.solutions


def pose_format_holistic() -> Any:
    """Return pose-format's module about MediaPipe Holistic, without the five seconds its own import would take."""
    require_mediapipe()
    from pose_format.utils import holistic

    return holistic


@contextmanager
def _tensorflow_out_of_sight() -> Iterator[None]:
    """Let MediaPipe find no TensorFlow while it is imported.

    It would load all of TensorFlow, for five seconds in every process, for a decorator that marks what to leave
    out of its documentation, and does without where TensorFlow is not installed.
    """
    thread = threading.get_ident()

    class Blind(MetaPathFinder):
        def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
            if fullname.partition(".")[0] == "tensorflow" and threading.get_ident() == thread:
                raise ModuleNotFoundError(f"{fullname} is not needed by MediaPipe", name=fullname)

    finder = Blind()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def holistic_without_face(solutions: Any) -> Any:
    """Return Holistic's own graph with its face branch cut off."""
    import mediapipe
    from mediapipe.framework import calculator_pb2
    from mediapipe.python.solution_base import SolutionBase

    path = Path(mediapipe.__file__).parent / "modules/holistic_landmark/holistic_landmark_cpu.binarypb"
    graph = calculator_pb2.CalculatorGraphConfig()
    graph.ParseFromString(path.read_bytes())
    kept = [node for node in graph.node if node.calculator in ("PoseLandmarkCpu", "HandLandmarksLeftAndRightCpu")]
    outputs = [name for name in graph.output_stream if not name.startswith("FACE")]
    side_inputs = [name for name in graph.input_side_packet if "face" not in name]
    for field, values in (("node", kept), ("output_stream", outputs), ("input_side_packet", side_inputs)):
        graph.ClearField(field)
        getattr(graph, field).extend(values)
    graph.ClearField("type")
    return SolutionBase(
        graph_config=graph,
        side_inputs={
            "model_complexity": 1,
            "smooth_landmarks": True,
            "enable_segmentation": False,
            "smooth_segmentation": True,
            "use_prev_landmarks": True,
        },
        outputs=["pose_landmarks", "left_hand_landmarks", "right_hand_landmarks"],
    )


def write_pose(path: str | Path, landmarks: Landmarks) -> None:
    """Write landmarks as a `.pose` file (pose-format 0.2), whole or not at all.

    As in the files of pose-format's own tools, x and y are in px, z in image widths, and a confidence of
    0 marks what is missing.
    """
    from pose_format import Pose
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderDimensions

    scale = np.array([landmarks.width, landmarks.height, 1], np.float32)
    data = np.nan_to_num(landmarks.points * scale)[:, None]  # (T, 1 person, L, 3)
    body = NumPyPoseBody(landmarks.fps, data, landmarks.confidence[:, None])
    size = PoseHeaderDimensions(landmarks.width, landmarks.height, 0)
    header = PoseHeader(0.2, size, [_component(part) for part in landmarks.parts])
    with whole_file(path) as unfinished, unfinished.open("wb") as file:
        Pose(header, body).write(file)


def read_pose(path: str | Path) -> Landmarks:
    """Read the landmarks of the first person in a `.pose` file.

    Files differ in their components: those of MediaPipe Holistic are taken, whatever else there is (world
    landmarks, for example) is left out.

    Raises:
        LandmarkError: the file is missing, damaged, empty or of another tracker.
    """
    from pose_format import Pose

    path = Path(path)
    if not path.is_file():
        raise LandmarkError(f"There are no landmarks at {path}. Run notebook 02 first, or look why it failed there.")
    content = path.read_bytes()
    version = struct.unpack("<f", content[:4])[0] if len(content) >= 4 else 0.0
    try:
        # Version 0.0, which nobody writes any more, lets a file of some kB keep a reader busy for hours.
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
    # What lies a thousand pictures away is damage: it would overflow in every sum.
    visible[~(visible > 0) | ~(np.abs(points) < LARGEST_PX).all(axis=-1)] = 0
    points[visible == 0] = np.nan
    width, height = max(1, size.width), max(1, size.height)
    points[..., 2] = _depth_in_widths(points[..., 2], width)
    points[..., :2] /= np.array([width, height], np.float32)
    return Landmarks(points, np.minimum(visible, 1), parts, fps, width, height)


def _depth_in_widths(depth: np.ndarray, width: int) -> np.ndarray:
    """Return (T, L) z in image widths around 0, whatever a file's makers did to it.

    Some files carry z in px, like x and y. Others were moved into the middle of a box after extraction, z with the
    rest but without its scale: there only the offset has to go.
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
    """Return which landmarks of a file are Holistic's, in our order, and their parts."""
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
def _component(part: str) -> Any:
    """Return pose-format's own description of a part: names, limbs and colours for its viewers."""
    components = pose_format_holistic().holistic_components()
    return next(component for component in components if component.name == COMPONENTS[part])
