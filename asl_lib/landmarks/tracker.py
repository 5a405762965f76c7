"""MediaPipe Holistic: landmarks from the frames of a clip or a stream."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from asl_lib._util.console import quiet_native_stderr
from asl_lib.landmarks.landmarks import PARTS, LandmarkError, Landmarks

SUPPORTED_MEDIAPIPE = "0.10.21"


class HolisticTracker:
    """MediaPipe Holistic for many clips in turn; use it in a `with` block.

    The tracker carries its state from frame to frame. A blank picture between clips resets it: a clip's landmarks do
    not depend on the clips before it.

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

    def __enter__(self) -> HolisticTracker:
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
            self.reset()
        if size is None:
            raise LandmarkError("A clip must have at least one frame; got none. Check its start and end.")
        values = np.stack(found)  # (T, L, 4)
        return Landmarks(values[..., :3], values[..., 3], self.parts, float(fps), *size)

    def reset(self) -> None:
        """End a clip: the next frame is tracked as the first of another clip."""
        self._graph.process(np.full((64, 64, 3), 255, np.uint8))

    def track(self, frame: np.ndarray) -> np.ndarray:
        """Return the landmarks of the next frame of a clip, for a stream without a known end.

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
            # A detected landmark has a confidence above 0: in a .pose file 0 means missing.
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
        LandmarkError: MediaPipe is missing or of a version without it; the message names the one to install.
    """
    # MediaPipe's C++ side reports at every start which processor it found.
    os.environ.setdefault("GLOG_minloglevel", "2")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        with quiet_native_stderr(), _without_tensorflow():
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
    """Return pose-format's module for MediaPipe Holistic, without the five seconds that its own import would take."""
    require_mediapipe()
    from pose_format.utils import holistic

    return holistic


@contextmanager
def _without_tensorflow() -> Iterator[None]:
    """Hide TensorFlow from MediaPipe while it is imported.

    MediaPipe would load all of TensorFlow, for five seconds in every process, for one decorator of its documentation,
    and works without it where TensorFlow is not installed.
    """
    thread = threading.get_ident()

    class HideTensorFlow(MetaPathFinder):
        def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:
            if fullname.partition(".")[0] == "tensorflow" and threading.get_ident() == thread:
                raise ModuleNotFoundError(f"{fullname} is not needed by MediaPipe", name=fullname)

    finder = HideTensorFlow()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


def holistic_without_face(solutions: Any) -> Any:
    """Return Holistic's own graph without its face branch."""
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
