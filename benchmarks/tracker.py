"""The tracker against MediaPipe's own graph (`mp.solutions` of 0.10.21) on the same pictures: landmarks and time.

    python -m benchmarks.tracker --reference PYTHON [--clips 12] [--photographs 200] [--rounds 3]

PYTHON is an interpreter with mediapipe 0.10.21, as benchmarks/solutions.py says. The pictures are clips of the demo as
they are rendered, the real videos of the shared data, and the photographs of asl_digits; no video is decoded twice. The
two take turns, and the median of each counts.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path

import cv2
import numpy as np

from asl_lib.data.dataset import shared_folder
from asl_lib.data.demo import load_lexicon, load_signers, perform, render_frames
from asl_lib.data.video import read_frames
from asl_lib.landmarks.hands import CONFIDENCE, HandFinder, add_border
from asl_lib.landmarks.landmarks import PARTS
from asl_lib.landmarks.tracker import HolisticTracker
from benchmarks import reference
from benchmarks.reference import Result
from benchmarks.rows import Row, tell

BODY = ("pose", "left_hand", "right_hand")
GRAPHS = {"holistic": tuple(PARTS), "body": BODY}
GROUPS = {
    "body": {"head": (0, 11), "arms": (11, 23), "left hand": (33, 54), "right hand": (54, 75)},
    "holistic": {
        "head": (0, 11), "arms": (11, 23), "face": (33, 501), "left hand": (501, 522), "right hand": (522, 543),
    },
    "photographs": {"hand": (0, 21)},
}  # fmt: skip
"""Graph -> group of landmarks -> its first row and the one to stop before; the legs, outside the picture, are none."""
START = "from asl_lib.landmarks.tracker import HolisticTracker; HolisticTracker()"


def agreement(new: Mapping[str, np.ndarray], old: Mapping[str, np.ndarray], rows: tuple[int, int]) -> dict[str, float]:
    """Return how well two trackers agree on one group of landmarks in some clips.

    Args:
        new, old: clip -> (T, L, 2 or more) px; NaN where nothing was found.
        rows: first row of the group, and the one to stop before.

    Returns:
        found: in how many frames the old tracker found the group; same: the share of all frames in which both did or
        neither; kept: the share of the old one's frames in which the new one found it, too; mean_px and median_px: the
        mean and the median distance.
    """
    group = slice(*rows)
    one = np.concatenate([new[clip][:, group, :2] for clip in old])
    other = np.concatenate([old[clip][:, group, :2] for clip in old])
    in_one, in_other = ~np.isnan(one[:, 0, 0]), ~np.isnan(other[:, 0, 0])
    both = in_one & in_other
    distance = np.linalg.norm(one[both] - other[both], axis=-1) if both.any() else np.array([np.nan])
    return {
        "found": float(in_other.sum()),
        "same": float((in_one == in_other).mean()),
        "kept": float(in_one[in_other].mean()) if in_other.any() else float("nan"),
        "mean_px": float(distance.mean()),
        "median_px": float(np.median(distance)),
    }


def track(clips: Mapping[str, np.ndarray], step: Callable[[np.ndarray], np.ndarray], end: Callable[[], None]) -> Result:
    """Return what a tracker makes of clips.

    Args:
        clips: clip -> (T, H, W, 3).
        step: called with each frame; returns its (L, 3 or 4) image-normalised landmarks.
        end: called after each clip.
    """
    cpu_s = wall_s = 0.0
    frames = 0
    landmarks = {}
    for clip, pictures in clips.items():
        rows = []
        for picture in pictures:
            cpu, wall = time.process_time(), time.perf_counter()
            rows.append(step(picture))
            cpu_s, wall_s = cpu_s + time.process_time() - cpu, wall_s + time.perf_counter() - wall
        end()
        frames += len(rows)
        landmarks[clip] = np.stack(rows)[..., :2] * (pictures.shape[2], pictures.shape[1])
    return Result(landmarks, 1000 * cpu_s / frames, 1000 * wall_s / frames)


def track_body(clips: Mapping[str, np.ndarray], *, graph: str, threads: int = 1) -> Result:
    """Return what our tracker makes of clips, with the same parts as a graph of MediaPipe."""
    with HolisticTracker(GRAPHS[graph], threads=threads) as tracker:
        return track(clips, tracker.track, tracker.reset)


def track_photographs(clips: Mapping[str, np.ndarray]) -> Result:
    """Return the hand that we find in each picture."""
    finder = HandFinder(confidence=CONFIDENCE)
    missing = np.full((21, 3), np.nan, np.float32)

    def step(picture: np.ndarray) -> np.ndarray:
        finder.reset()
        found = finder.track(picture)
        return missing if found is None else found

    return track(clips, step, finder.reset)


def demo_clips(count: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield `count` clips of the demo as they are rendered, spread over its signs, signers and repetitions."""
    signers, signs = load_signers(), load_lexicon()
    every = list(product(range(2), signs, signers))
    for number in np.linspace(0, len(every) - 1, count).round().astype(int):
        repetition, sign, signer = every[number]
        yield f"{signer} {sign} {repetition + 1}", render(sign, signer, repetition)


def render(sign: str, signer: str, repetition: int = 0) -> np.ndarray:
    """Return the (T, H, W, 3) frames of a clip of the demo, before they are encoded."""
    return np.stack(
        list(render_frames(perform(load_lexicon()[sign], load_signers()[signer], repetition=repetition, seed=42)))
    )


def photographs(folder: Path, count: int) -> dict[str, np.ndarray]:
    """Return `count` photographs of asl_digits, with the border that `find_hands` gives them; 0 for all."""
    paths = sorted(folder.glob("*/*.*"))
    count = min(count, len(paths))
    chosen = np.linspace(0, len(paths) - 1, count).round().astype(int) if count else range(len(paths))
    clips: dict[str, np.ndarray] = {}
    for path in (paths[number] for number in chosen):
        picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        clips[path.relative_to(folder).as_posix()] = add_border(picture)[None]
    return clips


def compare(what: str, graph: str, clips: Mapping[str, np.ndarray], options: argparse.Namespace) -> None:
    """Print times and agreement of the two trackers on clips."""
    times: dict[str, list[float]] = {"ours": [], "theirs": [], "ours, 2 threads": [], "their latency": []}
    for _ in range(options.rounds):
        ours, theirs = track_body(clips, graph=graph), reference.run(options.reference, graph, clips)
        two = track_body(clips, graph=graph, threads=2)
        for key, value in zip(times, (ours.cpu_ms, theirs.cpu_ms, two.wall_ms, theirs.wall_ms), strict=True):
            times[key].append(value)
    medians = {key: statistics.median(values) for key, values in times.items()}
    print(", ".join(f"{key} {value:.1f} ms a frame" for key, value in medians.items()))
    face = "with the face" if graph == "holistic" else "without the face"
    frames = sum(map(len, clips.values()))
    tell(Row("tracker", f"CPU time, {what}, {face}", "mp.solutions.holistic", medians["theirs"] / medians["ours"]))
    tell(Row("tracker", f"latency on 2 threads, {what}, {face}", "mp.solutions.holistic",
             medians["their latency"] / medians["ours, 2 threads"]))  # fmt: skip
    tell_agreement(f"{what}, {frames:,} frames, {face}", graph, ours, theirs)
    if graph == "body":  # how well conditioned these pictures are: a tracker follows itself from frame to frame
        brighter = reference.run(options.reference, graph, {clip: brighten(rows) for clip, rows in clips.items()})
        tell_agreement(f"{what}, one grey level brighter, 0.10.21 itself", graph, brighter, theirs)
        first = [Result({clip: rows[:1] for clip, rows in one.landmarks.items()}, 0, 0) for one in (ours, theirs)]
        tell_agreement(f"{what}, first frames, {face}", graph, *first)


def brighten(pictures: np.ndarray) -> np.ndarray:
    """Return 8-bit pictures one grey level brighter; white stays white."""
    return cv2.add(pictures, np.ones_like(pictures))


def tell_agreement(what: str, graph: str, new: Result, old: Result) -> None:
    """Print how well two results agree, a line for each group of landmarks; `old` is of 0.10.21."""
    for group, rows in GROUPS[graph].items():
        found = agreement(new.landmarks, old.landmarks, rows)
        if found["found"]:
            fact = (
                f"{found['mean_px']:.3f} px from 0.10.21 in the mean, {found['median_px']:.3f} in the median; of its "
                f"{found['found']:,.0f} frames {found['kept']:.1%} found; {found['same']:.1%} of all frames alike"
            )
            tell(Row("tracker", f"{what}, {group}", fact=fact))


def start_s() -> float:
    """Return the seconds that a fresh interpreter takes to load the tracker: the least of three."""
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", START], check=True)
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def main() -> None:
    data = shared_folder(Path(__file__).resolve().parent.parent / "data" / "video", holds="thumb_up.mp4").parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reference", required=True, help="an interpreter with mediapipe 0.10.21")
    parser.add_argument("--clips", type=int, default=12, help="clips of the demo, of 400")
    parser.add_argument("--photographs", type=int, default=200, help="of asl_digits; 0 for all 2,062")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=data, help="folder of the shared data: video, asl_digits")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    tell(Row("tracker", "an interpreter that loads the tracker", fact=f"starts in {start_s():.2f} s"))
    demo = dict(demo_clips(options.clips))
    videos = {
        path.stem: np.stack([picture for _, picture in read_frames(path)])
        for path in sorted((options.data / "video").glob("*.mp4"))
    }
    for graph in ("body", "holistic"):
        compare("the demo", graph, demo, options)
        if videos:
            compare("real videos", graph, videos, options)
    if stills := photographs(options.data / "asl_digits", options.photographs):
        theirs = reference.run(options.reference, "photographs", stills)
        tell_agreement(f"{len(stills):,} photographs of digits", "photographs", track_photographs(stills), theirs)


if __name__ == "__main__":
    main()
