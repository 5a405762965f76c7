"""What mediapipe 0.10.21 (`mp.solutions`) makes of pictures: the reference of the tracker.

It runs in an environment of its own, as benchmarks/solutions.py says: `run` calls this file there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.solutions import open_holistic

PARTS = {"pose": 33, "face": 468, "left_hand": 21, "right_hand": 21}


@dataclass(frozen=True)
class Result:
    """What a tracker made of some clips.

    Attributes:
        landmarks: clip -> (T, L, 3): x and y in px, and visibility of the pose; NaN where nothing was found.
        cpu_ms, wall_ms: time a frame, loading excluded.
    """

    landmarks: dict[str, np.ndarray]
    cpu_ms: float
    wall_ms: float


def run(python: str, graph: str, clips: Mapping[str, np.ndarray]) -> Result:
    """Return what a graph of mediapipe 0.10.21 makes of clips, each (T, H, W, 3) uint8 RGB.

    Args:
        python: an interpreter with mediapipe 0.10.21.
        graph: "holistic", "body" (holistic without the face), "hand" (one hand in a stream), or "photographs" (one hand
            in each picture).
        clips: they follow each other; a blank picture ends each.
    """
    with tempfile.TemporaryDirectory() as folder:
        pictures, found = Path(folder) / "pictures.npz", Path(folder) / "found.npz"
        np.savez(pictures, **clips)  # type: ignore[arg-type]  # NumPy's types take a name for an option
        command = [python, "-m", "benchmarks.reference", graph, str(pictures), str(found)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command[:4])} failed:\n{done.stderr[-3000:]}")
        with np.load(found) as file:
            landmarks = {name: file[f"clip {name}"] for name in clips}
            return Result(landmarks, float(file["cpu_ms"]), float(file["wall_ms"]))


def _open(name: str) -> Any:
    if name in ("holistic", "body"):
        return open_holistic(face=name == "holistic")
    import mediapipe

    still, confidence = name == "photographs", 0.1 if name == "photographs" else 0.4
    return mediapipe.solutions.hands.Hands(
        static_image_mode=still, max_num_hands=1, min_detection_confidence=confidence
    )


def _row(result: Any, graph: str, width: int, height: int) -> np.ndarray:
    if graph in ("holistic", "body"):
        found = {part: getattr(result, f"{part}_landmarks", None) for part in PARTS}
    else:
        found = {"right_hand": result.multi_hand_landmarks and result.multi_hand_landmarks[0]}
    rows = []
    for part, marks in found.items():
        if part == "face" and graph == "body":
            continue
        row = np.full((PARTS[part], 3), np.nan, np.float32)
        if marks:
            row[:] = [(mark.x * width, mark.y * height, mark.visibility) for mark in marks.landmark]
        rows.append(row)
    return np.concatenate(rows)


def main(name: str, pictures: str, found: str) -> None:
    clips, results = np.load(pictures), {}
    graph, blank = _open(name), np.full((64, 64, 3), 255, np.uint8)
    graph.process(blank)
    cpu_s = wall_s = 0.0
    frames = 0
    for clip in clips.files:
        rows = []
        for frame in clips[clip]:
            cpu, wall = time.process_time(), time.perf_counter()
            result = graph.process(frame)
            cpu_s, wall_s = cpu_s + time.process_time() - cpu, wall_s + time.perf_counter() - wall
            rows.append(_row(result, name, frame.shape[1], frame.shape[0]))
        graph.process(blank)
        frames += len(rows)
        results[f"clip {clip}"] = np.stack(rows)
    times = {"cpu_ms": np.array(1000 * cpu_s / frames), "wall_ms": np.array(1000 * wall_s / frames)}
    np.savez(found, **results, **times)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(*sys.argv[1:])
