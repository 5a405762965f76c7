"""How well landmarks straight from joints resemble those that the tracker finds in the rendered clips.

    python -m benchmarks.simulated [--data-dir data]

It needs the demo's clips and their landmarks (notebooks 01 and 02). Prints, for the tracker and for
`simulate_landmarks`, in shoulder widths and over all clips: how far landmarks are from the drawn joints (median, and
the 90th percentile, of hands that sign), how much of this is the same in all frames of a clip, and how often a hand is
found.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from asl_lib.data.clips import read_clips
from asl_lib.data.demo import Performance, load_lexicon, load_signers, perform
from asl_lib.data.registry import get_dataset
from asl_lib.landmarks.landmarks import Landmarks
from asl_lib.landmarks.simulated import simulate_landmarks
from asl_lib.landmarks.store import load_landmarks

PARTS = ("pose", "left_hand", "right_hand")
ARMS = (11, 12, 13, 14, 15, 16)


def residuals(performance: Performance, landmarks: Landmarks) -> dict[str, np.ndarray]:
    """Return errors (n, 2) in shoulder widths by what they are of, and how often hands were found (n, 1)."""
    size, unit = np.array(performance.size), performance.signer.shoulders_px
    pose = landmarks.part("pose")[..., :2] * size
    middle = performance.arms[:, :, 0, :2].mean(axis=1)
    drawn = np.stack([performance.arms[:, side, joint, :2] for joint in range(3) for side in (0, 1)], axis=1)
    arms = (pose[:, ARMS] - drawn) / unit
    head = (pose[:, :11] - middle[:, None]) / unit
    found: dict[str, np.ndarray] = {
        "shoulders": arms[:, :2].reshape(-1, 2),
        "wrists, whose hand signs": arms[:, 4:][performance.signing],
        "head in a clip": (head - head.mean(axis=0)).reshape(-1, 2),
    }
    low = performance.joints[:, :, 0, 1] > performance.size[1]
    for side, part in enumerate(("left_hand", "right_hand")):
        hand = landmarks.part(part)[..., :2] * size
        seen, signs = landmarks.seen(part), performance.signing[:, side]
        error = ((hand - performance.hands[:, side]) / unit)[seen & signs]
        shares = {"found, signing": seen[signs], "found, wrist below the picture": seen[low[:, side]]}
        parts = {"hand": error, "hand, the same in all frames": error.mean(axis=0, keepdims=True)} if len(error) else {}
        for name, values in {name: values.reshape(-1, 2) for name, values in parts.items()}.items():
            found[name] = np.concatenate([found.get(name, np.empty((0, 2))), values])
        for name, share in shares.items():
            found[name] = np.concatenate([found.get(name, np.empty((0, 1))), share[:, None]])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="folder of the data sets (default: data)")
    parser.add_argument("--seed", type=int, default=42, help="seed of the clips")
    options = parser.parse_args()
    folder = options.data_dir / "demo"
    clips = read_clips(folder / "clips.csv")
    tracked = load_landmarks(get_dataset("demo"), folder, clips, PARTS)
    rng = np.random.default_rng(options.seed)
    both: dict[str, list[dict[str, np.ndarray]]] = {"tracker": [], "simulated": []}
    for clip in clips.itertuples():
        repetition = int(clip.clip_id.rsplit("-", 1)[1]) - 1
        signer = load_signers()[clip.signer]
        performance = perform(load_lexicon()[clip.gloss], signer, repetition=repetition, seed=options.seed)
        both["tracker"].append(residuals(performance, tracked[clip.clip_id]))
        both["simulated"].append(residuals(performance, simulate_landmarks(performance, rng)))
    print(f"{len(clips)} clips; error in shoulder widths: median, 90th percentile")
    for name in both["tracker"][0]:
        cells = []
        for parts in both.values():
            values = np.concatenate([part[name] for part in parts if name in part])
            size = np.linalg.norm(values, axis=1)
            cells.append(f"{values.mean():.3f}" if values.shape[1] == 1 else "{:.4f} {:.4f}".format(
                *np.nanpercentile(size, [50, 90])
            ))  # fmt: skip
        print(f"{name:32s} tracker {cells[0]:16s} simulated {cells[1]}")


if __name__ == "__main__":
    main()
