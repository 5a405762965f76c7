"""The graph of mediapipe 0.10.21, `mp.solutions`, which ends with Python 3.12: the reference of the tracker.

It runs in an environment of its own: python3.12 -m venv reference, then reference/bin/pip install mediapipe==0.10.21
"""

from __future__ import annotations

from pathlib import Path
from typing import Any


def open_holistic(*, face: bool) -> Any:
    """Return `mp.solutions.holistic.Holistic()`, or the same graph without its face branch."""
    import mediapipe

    if face:
        return mediapipe.solutions.holistic.Holistic()
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
