"""Make the golden landmarks of the tests: what mediapipe 0.10.21 finds in pictures that the tests make again.

    python -m scripts.make_golden_landmarks --reference PYTHON

PYTHON is an interpreter with mediapipe 0.10.21, as benchmarks/solutions.py says. Only the values are stored, in px.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from asl_lib.data.dataset import shared_folder
from benchmarks import reference
from benchmarks.tracker import photographs, render

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "landmarks" / "golden.npz"
CLIPS = {"ana": "HELLO", "ben": "WHERE", "chen": "PLEASE", "dara": "YES", "eli": "BOOK", "fay": "THANK-YOU"}
"""Clips of the demo: signer -> sign."""
FACE_EVERY = 6
"""Of the 468 landmarks of the face, only those of every sixth frame are stored."""
LEGS = slice(25, 33)
"""Landmarks of the pose that lie outside the pictures: guesses, and not stored."""
PHOTOGRAPHS = 206
"""Every tenth of asl_digits."""


def golden_clips() -> dict[str, np.ndarray]:
    """Return the demo's clips with golden landmarks: "signer sign" -> (T, H, W, 3) uint8 frames."""
    return {f"{signer} {sign}": render(sign, signer) for signer, sign in CLIPS.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", required=True, help="an interpreter with mediapipe 0.10.21")
    python = parser.parse_args().reference
    values = {}
    for clip, landmarks in reference.run(python, "holistic", golden_clips()).landmarks.items():
        pose, face, hands = np.split(landmarks[..., :2], (33, 501), axis=1)
        values[f"{clip}: body"] = np.concatenate([np.delete(pose, LEGS, axis=1), hands], axis=1)
        values[f"{clip}: face"] = face[::FACE_EVERY]
    digits = shared_folder(ROOT / "data" / "asl_digits", holds="0")
    found = reference.run(python, "photographs", photographs(digits, PHOTOGRAPHS)).landmarks
    values["photographs"] = np.concatenate([landmarks[..., :2] for landmarks in found.values()])
    # The stream of a hand: the part of each frame where the signer's right hand is.
    stream = {"stream": golden_clips()["ana HELLO"][:, 60:360, :300]}
    values["stream"] = reference.run(python, "hand", stream).landmarks["stream"][..., :2]
    np.savez_compressed(GOLDEN, **values)  # type: ignore[arg-type]  # NumPy's types take a name for an option
    print(f"{GOLDEN.relative_to(ROOT)}: {GOLDEN.stat().st_size / 1000:,.0f} kB")


if __name__ == "__main__":
    main()
