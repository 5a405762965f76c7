"""How steady, right and fast live recognition is, on the demo's clips of signers that the network has never seen.

    python -m benchmarks.live [--model outputs/demo/attention_lstm/held_out_ben+eli+hana] [--soak 600]

It needs what `make demo` leaves behind. Five parts, of which `--only` chooses some:

stream    the clips of the held-out signers one after the other, as one stream of landmarks: changes of the label that
          is shown, words, and the time from the end of a sign to its word, beside a sliding window, which classifies
          the last 30 frames at every frame, shows the best label, and makes it a word whenever its probability
          reaches the threshold and it differs from the last word
window    one window of 30 frames: features and network, beside the same features and `model.predict`
file      the clips through the exported file, and frame by frame through the recogniser: the largest difference from
          the probabilities that the notebook wrote
video     a 640 x 480 file at its own speed through tracker, recogniser and picture: frames per second, latency, frames
          that were left out
soak      the same, in a loop for `--soak` seconds: memory after the first fifth, and at the end
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

from asl_lib._util.paths import project_folder, relative
from asl_lib.evaluation.metrics import rate
from asl_lib.landmarks.landmarks import Landmarks
from asl_lib.landmarks.pose_file import read_pose
from asl_lib.live.networks import Classifier
from asl_lib.live.pipeline import Pipeline
from asl_lib.live.recogniser import LiveSettings, SignRecogniser
from asl_lib.live.replay import (
    FPS,
    SIZE,
    StreamOutput,
    StreamScore,
    join_landmarks,
    join_videos,
    recognise_landmarks,
    score_stream,
    sliding_window,
)
from asl_lib.live.sources import open_source
from benchmarks.rows import Row, tell


def clips_of(model: Path) -> list[tuple[str, str, Path]]:
    """Return (gloss, path of the video, path of the landmarks) of the test clips that a network was tested on."""
    from asl_lib.data.clips import read_clips
    from asl_lib.data.registry import get_dataset

    folder = project_folder() / "data" / "demo"
    dataset, clips = get_dataset("demo"), read_clips(folder / "clips.csv")
    tested = set(pd.read_csv(model / "predictions.csv", dtype=str, keep_default_na=False)["clip_id"])
    return [
        (row["gloss"], str(dataset.source_dir(folder) / row["path"]), dataset.pose_path(folder, row))
        for row in clips.to_dict("records")
        if row["clip_id"] in tested
    ]


def report_stream(model: Path, classifier: Classifier, *, threshold: float) -> None:
    parts = classifier.recipe.tracked_parts
    by_signer: dict[str, list[tuple[str, Landmarks]]] = {}
    for gloss, _, pose in clips_of(model):
        by_signer.setdefault(pose.stem.split("-")[0], []).append((gloss, read_pose(pose)))
    rng = np.random.default_rng(42)
    results: dict[str, list[StreamScore]] = {"sliding window": [], "asl_lib": []}
    signed = []  # (signer, gloss) of every sign, in the order of the streams
    for signer, clips in by_signer.items():
        frames, signs = join_landmarks([clips[i] for i in rng.permutation(len(clips))], parts)
        signed += [(signer, sign.gloss) for sign in signs]
        size = (clips[0][1].width, clips[0][1].height)
        usual = sliding_window(frames, classifier, classifier.glosses, parts, size=size, threshold=threshold)
        results["sliding window"].append(score_stream(usual, signs))
        results["asl_lib"].append(
            score_stream(
                StreamOutput.of(recognise_landmarks(frames, classifier, size=size, threshold=threshold)), signs
            )
        )
    for name, scores in results.items():
        named = rate(np.concatenate([one.named for one in scores]), pd.DataFrame(signed, columns=["signer", "gloss"]))
        wrong, needless = (sum(getattr(one, what) for one in scores) for what in ("wrong", "needless"))
        delays = [delay for one in scores for delay in one.delays_s]
        changes = sum(one.changes for one in scores) / sum(one.seconds for one in scores)
        fact = (
            f"at threshold {threshold:g}, {named} of the signs of {', '.join(by_signer)} got their word, {wrong} words "
            f"were wrong or too many; the label changed {changes:.2f} times/s, {needless} times to a sign that was not "
            f"signed; delay from the end of a sign: median {median(delays or [0]):.2f} s, at most "
            f"{max(delays or [0]):.2f} s"
        )
        tell(Row("live", f"a stream of signs, {name}", fact=fact))


def report_window(model: Path, classifier: Classifier) -> None:
    from asl_lib.features.recipe import FeatureRecipe
    from asl_lib.training.saved import glosses_of, load_model, mean_over_views

    landmarks = read_pose(clips_of(model)[0][2])
    network, recipe = load_model(model, FeatureRecipe)

    def slow() -> None:
        points = recipe.points(landmarks)[None]
        mean_over_views(lambda X: glosses_of(network.predict(X, verbose=0)), recipe, points)

    times = {}
    for name, function in (("asl_lib", lambda: classifier(landmarks)), ("model.predict", slow)):
        function()
        runs = []
        for _ in range(50):
            start = time.perf_counter()
            function()
            runs.append(time.perf_counter() - start)
        times[name] = 1000 * median(runs)
    print(f"window: {times['asl_lib']:.2f} ms (median of 50), with model.predict {times['model.predict']:.1f} ms")
    ratio = times["model.predict"] / times["asl_lib"]
    tell(Row("live", "features and network, one window", "the same features and model.predict", ratio))


def report_file(model: Path, classifier: Classifier) -> None:
    from ai_edge_litert.interpreter import Interpreter

    from asl_lib.training.export import export_recogniser, recogniser_inputs
    from asl_lib.training.saved import load_model

    kept = np.load(model / "probabilities.npz")
    written = dict(zip(kept["clip_id"].tolist(), kept["probabilities"], strict=True))
    glosses, parts = kept["glosses"].tolist(), classifier.recipe.tracked_parts
    file, live, times = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        path = export_recogniser(*load_model(model), folder, settings={})
        run = Interpreter(str(path)).get_signature_runner()
        for _, _, pose in clips_of(model):
            clip, expected = read_pose(pose).with_parts(parts), written[pose.stem]
            given = recogniser_inputs(clip, fps=clip.fps)
            start = time.perf_counter()
            answers = run(**given)
            times.append(1000 * (time.perf_counter() - start))
            file.append(np.abs(answers["probabilities"][0] - expected).max())
            recogniser = SignRecogniser(classifier, settings=LiveSettings(fps=clip.fps))
            recogniser.start(0.0, countdown_s=0, capture_s=60)
            for time_s, values in join_landmarks([("", clip)], parts)[0][: len(clip.points)]:
                recogniser.process_landmarks(values, time_s, size=(clip.width, clip.height))
            live.append(max(abs(share - expected[glosses.index(gloss)]) for gloss, share in recogniser.finish().top))
    fact = (
        f"{len(file)} clips: at most {max(file):.1e} from the notebook's probabilities, frame by frame through the "
        f"recogniser {max(live):.1e}; median {median(times):.1f} ms a clip with LiteRT on this machine"
    )
    tell(Row("live", "the exported file", fact=fact))


def report_video(model: Path, classifier: Classifier, *, soak_s: float) -> None:
    from asl_lib.data.video import read_frames
    from asl_lib.live.picture import compose

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stream.mp4"
        join_videos(path, ((gloss, read_frames(video)) for gloss, video, _ in clips_of(model)[::6]))
        source = open_source(str(path), loop=soak_s > 0)
        memory: list[float] = []
        pictures = 0
        with (
            SignRecogniser(classifier, settings=LiveSettings(fps=FPS)) as recogniser,
            Pipeline(source, recogniser) as pipeline,
        ):
            started = time.monotonic()
            while not pipeline.ended and (not soak_s or time.monotonic() - started < soak_s):
                view = pipeline.view()
                if view is None:
                    continue
                compose(view.frame, view.recognition, speed=view.speed)
                pictures += 1
                speed = view.speed
                if time.monotonic() - started > (len(memory) + 1) * max(soak_s, 1) / 20:
                    memory.append(resident_mb())
            seconds = time.monotonic() - started
    fact = (
        f"pictures {pictures / seconds:.1f} frames/s, recognised {speed.recognised / seconds:.1f} frames/s, median "
        f"latency {speed.latency_ms:.0f} ms, {speed.dropped} frames left out"
    )
    if soak_s and len(memory) > 5:
        fact += f"; memory {memory[3]:,.0f} MB after a fifth, {memory[-1]:,.0f} MB at the end"
    what = f"{seconds:.0f} s of {SIZE[0]} x {SIZE[1]} at {FPS:.0f} frames/s"
    tell(Row("live", f"{what}, in a loop" if soak_s else what, fact=fact))


def resident_mb() -> float:
    """Return how much memory this process holds now, in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", default="outputs/demo/attention_lstm/held_out_ben+eli+hana", help="folder of the network"
    )
    parser.add_argument(
        "--threshold", type=float, default=LiveSettings().threshold, help="least probability of a word, of both methods"
    )
    parser.add_argument("--only", default="stream,window,file,video", help="which parts")
    parser.add_argument("--soak", type=float, default=0.0, metavar="SECONDS", help="also run this long")
    options = parser.parse_args()
    model = project_folder() / options.model
    classifier = Classifier.load(model)
    print(f"network: {relative(model)}")
    if "stream" in options.only:
        report_stream(model, classifier, threshold=options.threshold)
    if "window" in options.only:
        report_window(model, classifier)
    if "file" in options.only:
        report_file(model, classifier)
    if "video" in options.only:
        report_video(model, classifier, soak_s=0.0)
    if options.soak:
        report_video(model, classifier, soak_s=options.soak)


if __name__ == "__main__":
    main()
