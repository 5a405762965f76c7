"""Make the golden landmarks of the tests: what mediapipe 0.10.21 finds in pictures that the tests make again.

    python -m scripts.make_golden_landmarks --reference PYTHON

PYTHON is an interpreter with mediapipe 0.10.21, as benchmarks/solutions.py says. Only the values are stored, in px.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from asl_lib.data.dataset import shared_folder
from asl_lib.data.demo import load_lexicon, load_signers
from benchmarks import reference
from benchmarks.tracker import agreement, brighten, photographs, render

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "landmarks" / "golden.npz"
CLIPS = dict(zip(load_signers(), list(load_lexicon())[::2], strict=True))
"""Clips of the demo, signer -> sign: every second sign of the lexicon, each by another signer; none chosen by hand."""
STREAM = next(iter(CLIPS))
"""The signer whose dominant hand is tracked as a stream."""
FACE_EVERY = 6
"""Of the 468 landmarks of the face, only those of every sixth frame are stored."""
LEGS = slice(25, 33)
"""Landmarks of the pose that lie outside the pictures: guesses, and not stored."""
BODY = {"head": (0, 11), "arms": (11, 23), "left hand": (25, 46), "right hand": (46, 67)}
"""Groups of landmarks in the stored values of the body."""
PHOTOGRAPHS = 206
"""Every tenth of asl_digits."""


def golden_clips() -> dict[str, np.ndarray]:
    """Return the demo's clips with golden landmarks: "signer sign" -> (T, H, W, 3) uint8 frames."""
    return {f"{signer} {sign}": render(sign, signer) for signer, sign in CLIPS.items()}


def without_face(landmarks: np.ndarray) -> np.ndarray:
    """Return x and y of (T, 543, 2 or more) landmarks without the face and the legs: (T, 67, 2)."""
    pose, _, hands = np.split(landmarks[..., :2], (33, 501), axis=1)
    return np.concatenate([np.delete(pose, LEGS, axis=1), hands], axis=1)


def hand_stream() -> np.ndarray:
    """Return (T, 300, 300, 3) uint8: the part of a clip's frames in which the signer's right hand is."""
    return render(CLIPS[STREAM], STREAM)[:, 60:360, :300]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", required=True, help="an interpreter with mediapipe 0.10.21")
    python = parser.parse_args().reference
    clips = golden_clips()
    landmarks = reference.run(python, "holistic", clips).landmarks
    bodies = {clip: without_face(points) for clip, points in landmarks.items()}
    # How far a change that nobody sees, one grey level up, moves MediaPipe's own landmarks.
    brighter = {clip: brighten(frames) for clip, frames in clips.items()}
    moved = reference.run(python, "holistic", brighter).landmarks
    moved_bodies = {clip: without_face(points) for clip, points in moved.items()}
    values = {f"{clip}: body": body for clip, body in bodies.items()}
    values |= {f"{clip}: face": points[::FACE_EVERY, 33:501, :2] for clip, points in landmarks.items()}
    for group, rows in BODY.items():
        values[f"one grey level: {group}"] = np.array(agreement(moved_bodies, bodies, rows)["mean_px"])
    digits = shared_folder(ROOT / "data" / "asl_digits", holds="0")
    found = reference.run(python, "photographs", photographs(digits, PHOTOGRAPHS)).landmarks
    values["photographs"] = np.concatenate([landmarks[..., :2] for landmarks in found.values()])
    values["stream"] = reference.run(python, "hand", {"": hand_stream()}).landmarks[""][..., :2]
    np.savez_compressed(GOLDEN, **values)  # type: ignore[arg-type]  # NumPy's types take a name for an option
    print(f"{GOLDEN.relative_to(ROOT)}: {GOLDEN.stat().st_size / 1000:,.0f} kB")


if __name__ == "__main__":
    main()
