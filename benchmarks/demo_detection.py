"""How well the tracker sees the procedural signers, and how fast they are rendered.

Renders every sign by every signer, decodes the video files, tracks them, and compares with the joints that were drawn.
Prints a table by signer, one by sign, and the total:

    python benchmarks/demo_detection.py [--repetitions 1] [--workers 2]

pose            frames in which the body was found (%)
dominant        of the frames in which the dominant hand signs, those in which it was found (%)
any hand        the same for both hands together: each in the frames in which it signs (%)
error           mean distance from the drawn joints, in % of the diagonal of the hand's box
rendered/s      frames rendered and encoded per second and core (single-threaded)
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from asl_lib._util.jobs import quiet_worker, run_jobs
from asl_lib.data.demo import load_lexicon, load_signers, write_clip
from asl_lib.landmarks.extract import track_clip

PARTS = ("pose", "left_hand", "right_hand")
HANDS = ("left_hand", "right_hand")


def measure(job: tuple[str, str, int], *, folder: str, seed: int) -> dict[str, object]:
    """Render and detect one clip; return counts of frames and the summed errors."""
    name, gloss, repetition = job
    signer, sign = load_signers()[name], load_lexicon()[gloss]
    path = Path(folder) / f"{name}-{gloss}-{repetition}.mp4"
    started = time.process_time()
    performance = write_clip(path, sign, signer, repetition=repetition, seed=seed)
    rendering_s = time.process_time() - started
    found, _ = track_clip({"path": path, "start": 0, "end": -1, "box": ""}, source_dir="", parts=PARTS)
    row: dict[str, object] = {"signer": name, "gloss": gloss, "frames": len(found.points), "rendering_s": rendering_s}
    row["pose"] = int(found.seen("pose").sum())
    dominant = HANDS.index(f"{performance.dominant}_hand")
    for key, sides in (("dominant", [dominant]), ("any", [0, 1])):
        row[f"{key}_signing"] = int(performance.signing[:, sides].sum())
        row[f"{key}_found"] = sum(int((performance.signing[:, k] & found.seen(HANDS[k])).sum()) for k in sides)
    errors = []
    for k, hand in enumerate(HANDS):
        both = performance.signing[:, k] & found.seen(hand)
        true = performance.hands[both, k]  # (t, 21, 2)
        seen = found.part(hand)[both][..., :2] * performance.size
        diagonal = np.linalg.norm(true.max(axis=1) - true.min(axis=1), axis=-1)
        errors.extend(np.linalg.norm(seen - true, axis=-1).mean(axis=1) / diagonal)
    row["error_sum"], row["error_frames"] = float(np.sum(errors)), len(errors)
    return row


def table(rows: pd.DataFrame, by: str | None) -> pd.DataFrame:
    """Return the shares in per cent, by a column or in total."""
    numbers = rows.drop(columns=["signer", "gloss"])
    sums = numbers.groupby(rows[by]).sum() if by else numbers.sum().to_frame("total").T
    return pd.DataFrame(
        {
            "frames": sums["frames"].astype(int),
            "pose": 100 * sums["pose"] / sums["frames"],
            "dominant": 100 * sums["dominant_found"] / sums["dominant_signing"],
            "any hand": 100 * sums["any_found"] / sums["any_signing"],
            "error": 100 * sums["error_sum"] / sums["error_frames"],
            "rendered/s": sums["frames"] / sums["rendering_s"],
        }
    ).round(1)


def main() -> None:
    parser = argparse.ArgumentParser(description="Detection of the procedural signers, by signer and sign.")
    parser.add_argument("--repetitions", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0, help="processes; 0 for one per core")
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    jobs = [(n, g, r) for n in load_signers() for g in load_lexicon() for r in range(options.repetitions)]
    with tempfile.TemporaryDirectory() as folder:
        work = partial(measure, folder=folder, seed=options.seed)
        outcomes = list(run_jobs(work, jobs, workers=options.workers, setup=quiet_worker))
    for outcome in outcomes:
        if outcome.error:
            raise SystemExit(f"{jobs[outcome.index]} failed: {outcome.error}")
    rows = pd.DataFrame([outcome.result for outcome in sorted(outcomes, key=lambda outcome: outcome.index)])
    for by in ("signer", "gloss", None):
        print(table(rows, by).to_string(), end="\n\n")


if __name__ == "__main__":
    main()
