"""How long others take for extraction, on mediapipe 0.10.21 (`mp.solutions`): the rivals of `benchmarks.extraction`.

This file runs in an environment of its own, which `benchmarks.extraction --reference` names, because that release ends
with Python 3.12 and NumPy 1. It imports nothing of asl_lib.

    python3.12 -m venv reference
    reference/bin/python -m pip install mediapipe==0.10.21 pose-format==0.15.0 opencv-contrib-python==4.11.0.86 av
"""

from __future__ import annotations

import multiprocessing
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

PARTS = {"pose": 33, "face": 468, "left_hand": 21, "right_hand": 21}


def plain_loop(videos: Path, out: Path, _: int) -> None:
    """What the usual notebook does: one process, one Holistic, landmarks drawn on every frame, one .npy a frame."""
    import cv2
    from mediapipe import solutions

    drawing, holistic = solutions.drawing_utils, solutions.holistic
    links = {"pose": holistic.POSE_CONNECTIONS, "face": holistic.FACEMESH_CONTOURS}
    links |= dict.fromkeys(("left_hand", "right_hand"), holistic.HAND_CONNECTIONS)
    with holistic.Holistic(min_detection_confidence=0.5, min_tracking_confidence=0.5) as model:
        for path in sorted(videos.glob("*.mp4")):
            folder = out / path.stem
            folder.mkdir(parents=True)
            capture, number = cv2.VideoCapture(str(path)), 0
            while True:
                ok, frame = capture.read()
                if not ok:
                    break
                picture = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
                picture.flags.writeable = False
                result = model.process(picture)
                picture.flags.writeable = True
                picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
                for part, lines in links.items():
                    drawing.draw_landmarks(picture, getattr(result, f"{part}_landmarks"), lines)
                np.save(folder / f"{number}.npy", _keypoints(result))
                number += 1
            capture.release()


def _keypoints(result: object) -> np.ndarray:
    rows = []
    for part, count in PARTS.items():
        found = getattr(result, f"{part}_landmarks")
        values = 4 if part == "pose" else 3
        if found is None:
            rows.append(np.zeros(count * values))
        else:
            points = [[p.x, p.y, p.z, p.visibility][:values] for p in found.landmark]
            rows.append(np.array(points).flatten())
    return np.concatenate(rows)


def pose_format(videos: Path, out: Path, workers: int) -> None:
    """pose-format's converter of a folder, as its command `videos_to_poses` runs it."""
    from pose_format.bin import directory

    out.mkdir()
    for path in videos.glob("*.mp4"):
        (out / path.name).symlink_to(path)
    sys.argv = ["videos_to_poses", "-d", str(out), "--num-workers", str(workers)]
    directory.main()
    assert len(list(out.glob("*.pose"))) == len(list(videos.glob("*.mp4")))


def graph(decoded: Path, _: Path, workers: int) -> None:
    """Print the seconds that Holistic's graph alone takes, the start left out: see `_graph`."""
    _graph(decoded, workers, face=True)


def graph_without_face(decoded: Path, _: Path, workers: int) -> None:
    """The same without the face's models."""
    _graph(decoded, workers, face=False)


def _graph(decoded: Path, workers: int, *, face: bool) -> None:
    """Share clips that are decoded already (.npy) out among processes, the largest first."""
    shares: list[list[Path]] = [[] for _ in range(workers)]
    loads = [0] * workers
    for path in sorted(decoded.glob("*.npy"), key=lambda path: -path.stat().st_size):
        least = loads.index(min(loads))
        shares[least].append(path)
        loads[least] += path.stat().st_size
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        print(max(pool.starmap(infer, [(share, face) for share in shares], chunksize=1)))


def infer(paths: list[Path], face: bool) -> float:
    """Return the seconds of the graph for some clips, after a first frame that loads the models."""
    blank = np.full((64, 64, 3), 255, np.uint8)
    holistic = open_holistic(face=face)
    holistic.process(blank)
    seconds = 0.0
    for path in paths:
        frames = np.load(path)
        started = time.perf_counter()
        for frame in frames:
            holistic.process(frame)
        holistic.process(blank)  # it forgets the clip
        seconds += time.perf_counter() - started
    return seconds


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


RIVALS = {f.__name__: f for f in (plain_loop, pose_format, graph, graph_without_face)}

if __name__ == "__main__":
    name, videos, out, workers = sys.argv[1:]
    RIVALS[name](Path(videos), Path(out), int(workers))
