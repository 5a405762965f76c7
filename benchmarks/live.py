"""How calm, right and fast the live demo is, on the demo's clips of signers that the network has never seen.

    python -m benchmarks.live [--model outputs/demo/attention_lstm/held_out_ben+eli] [--soak 600]

It needs what `make demo` leaves behind. Four parts, of which `--only` chooses some:

calm      the clips of the held-out signers one after the other, as one stream of landmarks: changes of the label that
          is shown, words, and the time from the end of a sign to its word, beside the usual loop, which names the last
          30 frames at every frame, shows the best label and says it whenever it is sure (0.5) and another than before
window    one window of 30 frames: features and network, beside the same features and `model.predict`
video     a 640 x 480 file at its own speed through tracker, recogniser and picture: frames per second, latency, frames
          that were left out
soak      the same, in a loop for `--soak` seconds: memory after the first fifth, and at the end
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np

from asl_lib.landmarks import Landmarks, read_pose
from asl_lib.live.activity import hands_up
from asl_lib.live.pipeline import Pipeline
from asl_lib.live.recogniser import Classifier, LiveSettings, Recogniser, Seen
from asl_lib.live.sources import open_source
from asl_lib.params import project_folder, relative

FPS, PAUSE_FRAMES, LOOP_FRAMES, SURE = 25.0, 12, 30, 0.5
LATE_S = 1.0
"""A word counts for a sign until so long after the sign's end."""
SIZE = (640, 480)


@dataclass
class Outcome:
    """What one way of recognising made of a stream."""

    labels: list[tuple[float, str]] = field(default_factory=list)
    words: list[tuple[float, str]] = field(default_factory=list)


def clips_of(model: Path) -> list[tuple[str, str, Path]]:
    """Return (gloss, path of the video, path of the landmarks) of the test clips that a network was tested on."""
    import pandas as pd

    from asl_lib.clips import read_clips
    from asl_lib.datasets import get_dataset

    folder = project_folder() / "data" / "demo"
    dataset, clips = get_dataset("demo"), read_clips(folder / "clips.csv")
    tested = set(pd.read_csv(model / "predictions.csv", dtype=str)["clip_id"])
    return [
        (row["gloss"], str(dataset.source_dir(folder) / row["path"]), dataset.pose_path(folder, row))
        for row in clips.to_dict("records")
        if row["clip_id"] in tested
    ]


def stream_of(
    clips: list[tuple[str, Landmarks]], parts: tuple[str, ...]
) -> tuple[list[tuple[float, np.ndarray]], list[tuple[str, float, float]]]:
    """Return a stream of (time, values), and of each sign its gloss, its beginning and when the hands came down."""
    frames: list[tuple[float, np.ndarray]] = []
    signs = []
    for gloss, landmarks in clips:
        values = np.concatenate([landmarks.points, landmarks.confidence[..., None]], axis=-1)
        split = [{part: landmarks.part(part)[index] for part in parts} for index in range(len(values))]
        up = [index for index, points in enumerate(split) if hands_up(points, (landmarks.width, landmarks.height))]
        start_s = len(frames) / FPS
        signs.append((gloss, start_s, start_s + (up[-1] if up else len(values)) / FPS))
        for one in [*values, *[values[-1]] * PAUSE_FRAMES]:
            frames.append((len(frames) / FPS, one))
    return frames, signs


def usual_loop(
    frames: list[tuple[float, np.ndarray]], classifier: Classifier, size: tuple[int, int], parts: tuple[str, ...]
) -> Outcome:
    """Name the last frames at every frame, as most tutorials do."""
    outcome, last, window = Outcome(), "", deque[np.ndarray](maxlen=LOOP_FRAMES)
    for time_s, values in frames:
        window.append(values)
        if len(window) < LOOP_FRAMES:
            continue
        stacked = np.stack(window)
        probabilities = classifier(Landmarks(stacked[..., :3], stacked[..., 3], parts, FPS, *size))
        best = int(probabilities.argmax())
        outcome.labels.append((time_s, classifier.glosses[best]))
        if probabilities[best] >= SURE and classifier.glosses[best] != last:
            last = classifier.glosses[best]
            outcome.words.append((time_s, last))
    return outcome


def ours(frames: list[tuple[float, np.ndarray]], classifier: Classifier, size: tuple[int, int]) -> Outcome:
    """Follow the stream with the recogniser."""
    outcome, recogniser = Outcome(), Recogniser(classifier)
    for time_s, values in frames:
        note(outcome, recogniser.follow(values, time_s, size=size))
    note(outcome, recogniser.finish())
    return outcome


def note(outcome: Outcome, seen: Seen) -> None:
    outcome.labels.append((seen.time_s, seen.shown))
    if seen.committed:
        outcome.words.append((seen.time_s, seen.committed))


def judge(outcome: Outcome, signs: list[tuple[str, float, float]]) -> tuple[int, int, list[float]]:
    """Return how many signs got their word, how many words were wrong or too many, and the delays of the right ones."""
    right, delays, used = 0, [], set()
    for gloss, start_s, end_s in signs:
        own = [
            index
            for index, (time_s, word) in enumerate(outcome.words)
            if index not in used and word == gloss and start_s <= time_s <= end_s + LATE_S
        ]
        if own:
            used.add(own[0])
            right += 1
            delays.append(outcome.words[own[0]][0] - end_s)
    return right, len(outcome.words) - right, delays


def count_changes(outcome: Outcome, signs: list[tuple[str, float, float]]) -> tuple[int, int]:
    """Return how often the label changes, and how often to a gloss that is neither this sign's nor the last one's."""
    changes = needless = 0
    for (_, before), (time_s, label) in pairwise(outcome.labels):
        if label == before:
            continue
        changes += 1
        begun = [gloss for gloss, start_s, _ in signs if start_s <= time_s]
        needless += bool(label) and label not in begun[-2:]
    return changes, needless


def report_calm(model: Path, classifier: Classifier) -> None:
    parts = classifier.recipe.tracked_parts
    by_signer: dict[str, list[tuple[str, Landmarks]]] = {}
    for gloss, _, pose in clips_of(model):
        by_signer.setdefault(pose.stem.split("-")[0], []).append((gloss, with_parts(read_pose(pose), parts)))
    rng = np.random.default_rng(42)
    totals = {name: np.zeros(5) for name in ("usual loop", "asl_lib")}  # right, wrong, seconds, changes, needless
    late: dict[str, list[float]] = {name: [] for name in totals}
    for clips in by_signer.values():
        order = rng.permutation(len(clips))
        frames, signs = stream_of([clips[i] for i in order], parts)
        size = (clips[0][1].width, clips[0][1].height)
        for name, outcome in (
            ("usual loop", usual_loop(frames, classifier, size, parts)),
            ("asl_lib", ours(frames, classifier, size)),
        ):
            right, wrong, delays = judge(outcome, signs)
            totals[name] += (right, wrong, len(frames) / FPS, *count_changes(outcome, signs))
            late[name] += delays
    count = sum(len(clips) for clips in by_signer.values())
    print(f"calm: {count} signs of {', '.join(by_signer)}")
    for name, (right, wrong, seconds, changes, needless) in totals.items():
        delay = f"{median(late[name]):.2f} s, at most {max(late[name]):.2f} s" if late[name] else "none"
        print(
            f"  {name:10s} {right:.0f} of {count} signs got their word, {wrong:.0f} words were wrong or too many; "
            f"the label changed {changes / seconds:.2f} times/s, {needless:.0f} times to a sign that was not signed; "
            f"delay from the end of a sign: {delay}"
        )


def with_parts(landmarks: Landmarks, parts: tuple[str, ...]) -> Landmarks:
    points = np.concatenate([landmarks.part(part) for part in parts], axis=1)
    seen = (~np.isnan(points[..., 0])).astype(np.float32)
    return Landmarks(points, seen, parts, landmarks.fps, landmarks.width, landmarks.height)


def report_window(model: Path, classifier: Classifier) -> None:
    from asl_lib.training import load_model

    landmarks = with_parts(read_pose(clips_of(model)[0][2]), classifier.recipe.tracked_parts)
    network, recipe = load_model(model)

    def slow() -> None:
        network.predict(recipe.transform(landmarks)[None], verbose=0)

    times = {}
    for name, function in (("asl_lib", lambda: classifier(landmarks)), ("model.predict", slow)):
        function()
        runs = []
        for _ in range(50):
            start = time.perf_counter()
            function()
            runs.append(time.perf_counter() - start)
        times[name] = 1000 * median(runs)
    print(
        f"window: features and network {times['asl_lib']:.2f} ms (median of 50), with model.predict "
        f"{times['model.predict']:.1f} ms: {times['model.predict'] / times['asl_lib']:.0f} x"
    )


def large_frames(model: Path) -> Iterator[np.ndarray]:
    """Yield the test clips as one 640 x 480 video."""
    import cv2

    from asl_lib.video import read_frames

    for _, video, _ in clips_of(model)[::6]:
        for frame in read_frames(video):
            scale = min(SIZE[0] / frame.shape[1], SIZE[1] / frame.shape[0])
            resized = cv2.resize(frame, None, fx=scale, fy=scale)
            gap = SIZE[0] - resized.shape[1], SIZE[1] - resized.shape[0]
            sides = gap[1] // 2, gap[1] - gap[1] // 2, gap[0] // 2, gap[0] - gap[0] // 2
            yield np.asarray(cv2.copyMakeBorder(resized, *sides, cv2.BORDER_REPLICATE))


def report_video(model: Path, classifier: Classifier, *, soak_s: float) -> None:
    from asl_lib.live.picture import compose
    from asl_lib.video import write_video

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stream.mp4"
        count = write_video(path, large_frames(model), fps=FPS)
        source = open_source(str(path), loop=soak_s > 0)
        memory: list[float] = []
        pictures = 0
        with (
            Recogniser(classifier, settings=LiveSettings(fps=FPS)) as recogniser,
            Pipeline(source, recogniser) as pipeline,
        ):
            started = time.monotonic()
            while not pipeline.ended and (not soak_s or time.monotonic() - started < soak_s):
                view = pipeline.view()
                if view is None:
                    continue
                compose(view.frame, view.seen, speed=view.speed)
                pictures += 1
                speed = view.speed
                if time.monotonic() - started > (len(memory) + 1) * max(soak_s, 1) / 20:
                    memory.append(resident_mb())
            seconds = time.monotonic() - started
    what = (
        f"soak, {seconds:.0f} s" if soak_s else f"video, {count} frames of {SIZE[0]} x {SIZE[1]} at {FPS:.0f} frames/s"
    )
    print(
        f"{what}: pictures {pictures / seconds:.1f} frames/s, recognised {speed.recognised / seconds:.1f} frames/s, "
        f"median latency {speed.latency_ms:.0f} ms, {speed.dropped} frames left out"
    )
    if soak_s and len(memory) > 5:
        print(f"  memory {memory[3]:.0f} MB after a fifth, {memory[-1]:.0f} MB at the end")


def resident_mb() -> float:
    """Return how much memory this process holds now, in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="outputs/demo/attention_lstm/held_out_ben+eli", help="folder of the network")
    parser.add_argument("--only", default="calm,window,video", help="which parts")
    parser.add_argument("--soak", type=float, default=0.0, metavar="SECONDS", help="also run for so long")
    options = parser.parse_args()
    model = project_folder() / options.model
    classifier = Classifier.load(model)
    print(f"network: {relative(model)}")
    if "calm" in options.only:
        report_calm(model, classifier)
    if "window" in options.only:
        report_window(model, classifier)
    if "video" in options.only:
        report_video(model, classifier, soak_s=0.0)
    if options.soak:
        report_video(model, classifier, soak_s=options.soak)


if __name__ == "__main__":
    main()
