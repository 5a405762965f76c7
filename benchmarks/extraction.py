"""How fast landmarks are extracted and read back, as ratios to the plain way and to pose-format's converter.

    python -m benchmarks.extraction --reference PYTHON [--videos FOLDER] [--clips 36] [--repeat 4] [--rounds 3]
    python -m benchmarks.extraction --only reading

All contenders get the same files: real videos (`video/` of the shared data, or any folder), each `--repeat` times, and
`--clips` clips of the demo. Each runs in a fresh interpreter, its start and imports included; they take turns
(`--rounds`), and the median of each counts. A ratio above 1 means that asl_lib takes less time.

asl_lib         `extract_clips`, on this Python
plain loop      the usual notebook: one process, one Holistic, landmarks drawn on every frame, one .npy a frame
pose-format     its own `videos_to_poses` with the same number of workers
graph           nothing but MediaPipe's own graph: the same frames, decoded beforehand, the start left out, in the
                better of two numbers of processes

The last three need mediapipe 0.10.21, in an environment of its own whose Python is PYTHON: see benchmarks/solutions.py.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from asl_lib._util.files import write_json
from asl_lib._util.jobs import cores
from asl_lib.data.clips import make_clips
from asl_lib.data.dataset import shared_folder
from asl_lib.data.demo import load_lexicon, load_signers, write_clip
from asl_lib.data.registry import get_dataset
from asl_lib.data.video import read_frames
from asl_lib.landmarks.extract import extract_clips, extraction_settings
from asl_lib.landmarks.landmarks import PARTS, Landmarks
from asl_lib.landmarks.pose_file import read_pose, write_pose
from asl_lib.landmarks.store import load_landmarks
from benchmarks.rows import Row, tell

WITHOUT_FACE = ("pose", "left_hand", "right_hand")
READING_CLIPS, READING_FRAMES, FINISHED_CLIPS = 1000, 30, 21_000


# --- the contenders; each is called in an interpreter of its own ---


def asl_lib(videos: Path, out: Path, workers: int, parts: tuple[str, ...] = tuple(PARTS)) -> None:
    names = sorted(path.name for path in videos.glob("*.mp4"))
    clips = make_clips(
        [{"clip_id": Path(name).stem, "path": name, "gloss": "BENCHMARK", "signer": "all"} for name in names]
    ).assign(path=[str((videos / name).absolute()) for name in names])
    done = extract_clips(get_dataset("recordings"), out, clips, parts, workers=workers)
    assert done.done == len(names), done.failures.to_string()


def asl_lib_without_face(videos: Path, out: Path, workers: int) -> None:
    asl_lib(videos, out, workers, WITHOUT_FACE)


CONTENDERS = {f.__name__: f for f in (asl_lib, asl_lib_without_face)}


def measure(name: str, videos: Path, workers: int, *, reference: str = "") -> float:
    """Return the seconds that a contender takes, from the start of its interpreter to its end, or that it prints."""
    with tempfile.TemporaryDirectory() as folder:
        out = str(Path(folder) / "out")
        if name in CONTENDERS:
            command = [sys.executable, "-m", "benchmarks.extraction", "--contender", name, "--videos", str(videos)]
            command += ["--out", out, "--workers", str(workers)]
        else:
            command = [reference, str(Path(__file__).with_name("solutions.py")), name, str(videos), out, str(workers)]
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
    return float(done.stdout.splitlines()[-1]) if name.startswith("graph") else seconds


# --- the report ---


def compare_extraction(options: argparse.Namespace) -> None:
    """Print times and ratios of all contenders."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        videos, decoded = folder / "videos", folder / "decoded"
        real = gather(videos, Path(options.videos), clips=options.clips, repeat=options.repeat)
        frames = decode(videos, decoded)
        print(f"{frames:,} frames of {len(list(videos.glob('*.mp4')))} clips ({real} of them real videos), ", end="")
        print(f"{options.workers} workers on {cores()} cores, median of {options.rounds} rounds\n", flush=True)
        runs = [(contender, videos, options.workers) for contender in CONTENDERS]
        if options.reference:
            runs += [(rival, videos, options.workers) for rival in ("plain_loop", "pose_format")]
            for processes in (options.workers, options.workers + 1):
                runs += [(rival, decoded, processes) for rival in ("graph", "graph_without_face")]
        times: dict[tuple[str, int], list[float]] = {}
        for _ in range(options.rounds):
            for contender, source, workers in runs:
                seconds = measure(contender, source, workers, reference=options.reference)
                times.setdefault((contender, workers), []).append(seconds)
    medians: dict[str, float] = {}
    for (contender, workers), values in times.items():
        seconds = statistics.median(values)
        medians[contender] = min(seconds, medians.get(contender, seconds))
        label = f"{contender}, {workers} processes" if contender.startswith("graph") else contender
        spread = f"{min(values):.1f} to {max(values):.1f}"
        print(f"{label:32s} {seconds:7.1f} s ({spread}) {frames / seconds:7.1f} frames/s")
    print()
    for words, key, graph in (
        ("with the face", "asl_lib", "graph"),
        ("without the face", "asl_lib_without_face", "graph_without_face"),
    ):
        if not options.reference:
            rate = f"{frames / medians[key]:.0f} frames/s on this machine"
            tell(Row("extraction", f"{frames:,} frames, {words}", fact=rate))
            continue
        for against, rival in (
            ("the usual notebook's loop", "plain_loop"),
            ("pose-format's videos_to_poses", "pose_format"),
            ("nothing but MediaPipe's own graph", graph),
        ):
            tell(Row("extraction", f"{frames:,} frames, {words}", against, medians[rival] / medians[key]))


def gather(folder: Path, real: Path, *, clips: int, repeat: int) -> int:
    """Put the videos to work on into a folder, and return how many of them are real."""
    folder.mkdir()
    found = sorted(real.glob("*.mp4"))
    for path in found:
        for number in range(repeat):
            shutil.copy(path, folder / f"{path.stem}-{number}.mp4")
    signers, signs = load_signers(), load_lexicon()
    pairs = [(signer, sign) for sign in signs for signer in signers]
    for signer, sign in pairs[:: max(1, len(pairs) // max(1, clips))][:clips]:
        write_clip(folder / f"demo-{signer}-{sign}.mp4", signs[sign], signers[signer], repetition=0, seed=42)
    return len(found) * repeat


def decode(videos: Path, folder: Path) -> int:
    """Write the frames of each clip as one array, and return how many there are."""
    folder.mkdir()
    count = 0
    for path in videos.glob("*.mp4"):
        frames = np.stack([picture for _, picture in read_frames(path)])
        np.save(folder / f"{path.stem}.npy", frames)
        count += len(frames)
    return count


def compare_reading() -> None:
    """Print how long all landmarks of 1,000 clips take to read, and a finished set of 21,000 clips to open."""
    rng = np.random.default_rng(42)
    count = sum(PARTS[part] for part in WITHOUT_FACE)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [
            {"clip_id": f"{i:04d}", "path": f"{i:04d}.mp4", "gloss": "A", "signer": "a"} for i in range(READING_CLIPS)
        ]
        clips, recordings = make_clips(rows), get_dataset("recordings")
        for clip_id in clips.clip_id:
            points = rng.random((READING_FRAMES, count, 3), np.float32)
            confidence = np.ones(points.shape[:2], np.float32)
            write_pose(
                folder / "poses" / f"{clip_id}.pose", Landmarks(points, confidence, WITHOUT_FACE, 25.0, 640, 480)
            )
            (folder / clip_id).mkdir()
            for number, frame in enumerate(points):
                np.save(folder / clip_id / f"{number}.npy", frame.astype(float).flatten())

        def load() -> float:
            store = load_landmarks(recordings, folder, clips, WITHOUT_FACE)
            return float(store.arrays()[0].sum())  # every value is used

        def one_file_a_frame() -> float:
            clip_arrays = [
                np.stack([np.load(folder / clip_id / f"{number}.npy") for number in range(READING_FRAMES)])
                for clip_id in clips.clip_id
            ]
            return float(np.stack(clip_arrays).sum())

        def one_pose_a_clip() -> float:
            return float(sum(read_pose(folder / "poses" / f"{name}.pose").points.sum() for name in clips.clip_id))

        first = timed(load)
        frames, poses, stored = (
            statistics.median(timed(f) for _ in range(5)) for f in (one_file_a_frame, one_pose_a_clip, load)
        )
    print(f"\nAll landmarks of {READING_CLIPS:,} clips of {READING_FRAMES} frames (files in the system's cache)")
    for label, seconds in (("one .npy a frame", frames), ("one .pose a clip", poses), ("from the store", stored)):
        print(f"{label:42s} {seconds * 1000:7.0f} ms {frames / seconds:7.1f} x")
    print(f"{'making the store, once':42s} {first * 1000:7.0f} ms")
    what = f"landmarks of {READING_CLIPS:,} clips from the store"
    tell(Row("reading", what, "one .npy a frame", frames / stored))
    tell(Row("reading", what, "one .pose a clip", poses / stored))
    compare_opening()


def compare_opening() -> None:
    """Print how long it takes to find that 21,000 clips are done already."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "video.mp4").write_bytes(b"not looked into")
        (folder / "poses").mkdir()
        rows = [
            {"clip_id": f"{i:05d}", "path": "video.mp4", "gloss": "A", "signer": "a"} for i in range(FINISHED_CLIPS)
        ]
        clips = make_clips(rows)
        for clip in clips.to_dict("records"):
            pose = folder / "poses" / f"{clip['clip_id']}.pose"
            pose.write_bytes(b"landmarks")
            made = {"parts": list(PARTS), "frames": 30, "pose_bytes": 9, "video_hash": "not looked into"}
            write_json(
                pose.with_suffix(".json"), {**extraction_settings(clip, source_dir=folder, tracker="litert"), **made}
            )
        started = time.perf_counter()
        found = extract_clips(get_dataset("recordings"), folder, clips)
        seconds = time.perf_counter() - started
        assert found.skipped == FINISHED_CLIPS, str(found)
    tell(Row("extraction", f"a finished set of {FINISHED_CLIPS:,} clips", fact=f"found done in {seconds:.1f} s"))


def timed(function: object) -> float:
    started = time.perf_counter()
    function()  # type: ignore[operator]
    return time.perf_counter() - started


def main() -> None:
    shared = shared_folder(Path(__file__).resolve().parent.parent / "data" / "video", holds="thumb_up.mp4")
    parser = argparse.ArgumentParser(description="Extraction and reading of landmarks, as ratios to the plain way.")
    parser.add_argument("--videos", default=str(shared), help="folder of real videos (default: the shared data's)")
    parser.add_argument("--clips", type=int, default=36, help="clips of the demo")
    parser.add_argument("--repeat", type=int, default=4, help="how often each real video is taken")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--reference", default="", help="Python of an environment with mediapipe 0.10.21")
    parser.add_argument("--only", choices=("extraction", "reading"), default="")
    parser.add_argument("--contender", choices=tuple(CONTENDERS), help=argparse.SUPPRESS)
    parser.add_argument("--out", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        CONTENDERS[options.contender](Path(options.videos), Path(options.out), options.workers)
        return
    if options.only != "reading":
        compare_extraction(options)
    if options.only != "extraction":
        compare_reading()


if __name__ == "__main__":
    main()
