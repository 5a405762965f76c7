import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_lib._util import jobs as parallel
from asl_lib.data.clips import make_clips
from asl_lib.data.registry import get_dataset
from asl_lib.data.video import clip_frames, write_video
from asl_lib.landmarks import extract
from asl_lib.landmarks.extract import extract_clip, extract_clips, extraction_state, take_shard, track_clip
from asl_lib.landmarks.landmarks import LandmarkError
from asl_lib.landmarks.pose_file import read_pose
from asl_lib.landmarks.tracker import FRAME_S, HolisticTracker
from tests.conftest import ROOT, make_frames
from tests.data.test_video import encode

PARTS = ("pose", "left_hand", "right_hand")


@pytest.fixture
def folder(tmp_path):
    """Six videos: two good ones and four that cannot be extracted."""
    write_video(tmp_path / "good.mp4", make_frames(6), fps=25)
    write_video(tmp_path / "fine.mp4", make_frames(4, seed=9), fps=25)
    write_video(tmp_path / "single.mp4", make_frames(1), fps=25)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("a text file named .mp4")
    return tmp_path


def table(*names):
    return make_clips([{"clip_id": n, "path": f"{n}.mp4", "gloss": "HELLO", "signer": "ana"} for n in names])


def run(folder, clips, **options):
    return extract_clips(get_dataset("recordings"), folder, clips, PARTS, **options)


def test_unreadable_clips_are_listed_with_their_reasons_and_the_others_are_extracted(folder):
    clips = table("empty", "good", "text", "gone", "fine", "single")
    extraction = run(folder, clips, workers=2, failures_path=folder / "failures.csv")
    assert (extraction.done, extraction.skipped) == (2, 0)
    reasons = extraction.failures.set_index("clip_id").reason
    assert list(reasons.index) == ["empty", "gone", "single", "text"]
    for clip_id, words in [
        ("empty", "0 bytes"),
        ("gone", "no video at"),
        ("single", "at least 2 frames; got 1"),
        ("text", "not a video"),
    ]:
        assert words in reasons[clip_id]
    assert sorted(os.listdir(folder / "poses")) == ["fine.json", "fine.pose", "good.json", "good.pose"]
    assert len(read_pose(folder / "poses" / "good.pose").points) == 6
    assert (folder / "failures.csv").read_text().count("\n") == 5

    again = run(folder, clips)
    assert (again.done, again.skipped, len(again.failures)) == (0, 2, 4)


def test_a_damaged_result_is_recomputed_and_a_finished_one_is_untouched(folder):
    run(folder, table("good", "fine"), workers=1)
    good, fine = folder / "poses" / "good.pose", folder / "poses" / "fine.pose"
    whole = good.read_bytes()
    good.write_bytes(whole[:100])
    before = fine.stat().st_mtime_ns
    extraction = run(folder, table("good", "fine"), workers=1)
    assert (extraction.done, extraction.skipped) == (1, 1)
    assert good.read_bytes() == whole
    assert fine.stat().st_mtime_ns == before


def test_a_cut_off_clip_is_named_and_skipped_unless_the_caller_keeps_it(folder):
    frames = [np.random.default_rng(i).integers(0, 255, (64, 64, 3), dtype=np.uint8) for i in range(30)]
    write_video(folder / "cut.mp4", frames, fps=25)
    content = (folder / "cut.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(content[: len(content) // 2])
    clips = table("cut", "good")
    extraction = run(folder, clips, workers=1)
    assert extraction.failures.clip_id.tolist() == ["cut"]
    [reason] = extraction.failures.reason
    assert re.search(
        r"cut\.mp4 is incomplete: \d+ of 30 frames, cut off at 0\.\d\d s\. .* set incomplete: keep", reason
    )
    kept = run(folder, clips, workers=1, incomplete="keep")
    assert (kept.done, kept.skipped, len(kept.failures)) == (1, 1, 0)
    assert "of 30 frames, cut off" in json.loads((folder / "poses" / "cut.json").read_text())["incomplete"]
    assert run(folder, clips, incomplete="keep").skipped == 2
    left_out = run(folder, clips, workers=1)
    assert left_out.failures.clip_id.tolist() == ["cut"]
    assert (left_out.done, left_out.renewed) == (0, 0), "nothing was made in its place"
    assert sorted(os.listdir(folder / "poses")) == ["good.json", "good.pose"], "nor are its landmarks left to be used"


def test_the_cut_off_end_of_a_video_does_not_matter_to_a_clip_before_it(folder):
    frames = [np.random.default_rng(i).integers(0, 255, (64, 64, 3), dtype=np.uint8) for i in range(30)]
    write_video(folder / "cut.mp4", frames, fps=25)
    content = (folder / "cut.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(content[: len(content) // 2])
    assert run(folder, table("cut").assign(end=4), workers=1).done == 1


def test_frames_at_uneven_times_keep_their_times(folder):
    stamps = [0, 40, 80, 200, 240, 640]
    encode(folder / "uneven.mp4", make_frames(6), stamps=[700 + stamp for stamp in stamps])
    run(folder, table("uneven"), workers=1)
    path = folder / "poses" / "uneven.pose"
    landmarks = read_pose(path)
    assert landmarks.times == pytest.approx(np.array(stamps) / 1000)
    assert landmarks.fps == pytest.approx(5 / 0.64), "other readers of the file see the mean rate"
    record = json.loads(path.with_suffix(".json").read_text())
    for times in ([0.0], "soon", [0, 1, 2, 3, 4, None], [5, 4, 3, 2, 1, 0]):
        path.with_suffix(".json").write_text(json.dumps({**record, "times": times}))
        with pytest.raises(LandmarkError, match=r"uneven\.json is damaged"):
            read_pose(path)
    path.with_suffix(".json").unlink()
    assert read_pose(path).has_constant_rate


def test_the_smoothing_filters_use_the_true_times_of_uneven_frames(folder, monkeypatch):
    steps = []
    track = HolisticTracker.track

    def watched(self, frame, *, seconds):
        steps.append(seconds)
        return track(self, frame, seconds=seconds)

    monkeypatch.setattr(HolisticTracker, "track", watched)
    frames = make_frames(6)
    encode(folder / "even.mp4", frames, rate=12)
    encode(folder / "uneven.mp4", frames, stamps=[0, 50, 80, 200, 240, 640])
    clips = table("even", "uneven")
    for _, clip in clips.iterrows():
        track_clip(clip, source_dir=folder, parts=("pose",))
    assert steps[1:6] == [FRAME_S] * 5
    assert steps[7:] == pytest.approx([0.05, 0.03, 0.12, 0.04, 0.4])


def test_landmarks_of_an_earlier_version_are_kept_where_their_times_are_even(folder):
    encode(folder / "uneven.mp4", make_frames(6), stamps=[0, 50, 80, 200, 240, 640])
    clips = table("good", "uneven")
    run(folder, clips, workers=1)
    for path in (folder / "poses").glob("*.json"):
        path.write_text(path.read_text().replace('"extraction": 3', '"extraction": 2'))
    settings = {"source_dir": folder, "parts": tuple(PARTS), "tracker": "litert", "incomplete": "keep"}
    states = [
        extraction_state(clip, folder / "poses" / f"{clip.clip_id}.pose", **settings) for _, clip in clips.iterrows()
    ]
    assert states == ["done", "changed"]


def test_repeated_frames_are_tracked_once_and_reported(folder, monkeypatch):
    seen = []
    track = HolisticTracker.track
    monkeypatch.setattr(
        HolisticTracker, "track", lambda self, frame, **how: (seen.append(frame), track(self, frame, **how))[1]
    )
    frames = [frame for frame in make_frames(5) for _ in range(2)]
    encode(folder / "dark.mkv", frames, codec="ffv1", form="bgr0", rate=10)
    record = extract_clip({**table("dark").iloc[0], "path": "dark.mkv"}, folder / "d.pose", source_dir=folder)
    assert len(seen) == 5
    assert (record["frames"], record["repeats"]) == (6, 4)
    landmarks = read_pose(folder / "d.pose")
    assert landmarks.times == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 0.9])
    np.testing.assert_array_equal(landmarks.points[5], landmarks.points[4])
    extraction = run(folder, table("dark").assign(path="dark.mkv"), workers=1)
    assert "4 more frames repeated the picture before and were dropped: in one clip the camera gave 6" in str(
        extraction
    )


def test_a_clip_within_a_video_uses_only_its_own_frames(folder):
    clip = table("good").assign(start=1, end=4).iloc[0]
    extract_clip(clip, folder / "cut.pose", source_dir=folder, parts=PARTS)
    assert len(read_pose(folder / "cut.pose").points) == 3
    assert len([picture for _, picture in clip_frames(clip, folder)]) == 3


def test_a_full_disk_leaves_no_partial_file(folder, monkeypatch):
    from pose_format import Pose

    def full(self, buffer):
        buffer.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Pose, "write", full)
    with pytest.raises(OSError, match="No space left"):
        extract_clip(table("good").iloc[0], folder / "poses" / "good.pose", source_dir=folder, parts=PARTS)
    assert os.listdir(folder / "poses") == []


def contents(folder):
    """Return name -> bytes of the finished files in a folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("[!.]*"))}


def start_extraction(folder, names, **options):
    """Start an extraction in a process group of its own, as from a shell."""
    program = (
        "from tests.landmarks.test_extract import run, table; from pathlib import Path; import sys\n"
        f"if __name__ == '__main__': run(Path(sys.argv[1]), table(*{names!r}), **{options!r})"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        cwd=ROOT,
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts its background jobs with Ctrl-C ignored, and what they start inherits it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_for_files(folder, count, process):
    while not (folder.is_dir() and len(list(folder.glob("[!.]*.pose"))) >= count):
        if process.poll() is not None:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def twelve(tmp_path):
    """A folder of twelve videos, and their names."""
    names = [f"clip{index:02d}" for index in range(12)]
    for index, name in enumerate(names):
        write_video(tmp_path / f"{name}.mp4", make_frames(25, seed=7 * index), fps=25)
    return tmp_path, names


def test_an_extraction_killed_five_times_gives_the_same_bytes_as_an_uninterrupted_one(twelve):
    folder, names = twelve
    run(folder, table(*names), workers=2)
    undisturbed = contents(folder / "poses")
    (folder / "poses").rename(folder / "undisturbed")
    rng = np.random.default_rng(0)
    finished = []
    for _ in range(5):
        before = len(list((folder / "poses").glob("[!.]*.pose")))
        process = start_extraction(folder, names, workers=1)
        if wait_for_files(folder / "poses", before + 1, process):
            time.sleep(rng.uniform(0, 0.6))  # anywhere in the next clip: decoding, tracking or writing
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        now = contents(folder / "poses")
        poses = [name for name in now if name.endswith(".pose")]
        assert all(now[name] == undisturbed[name] for name in poses), "a file that is there must be whole"
        finished.append(len(poses))
    assert finished[0] < len(names), "the kills must have hit a run at work"
    run(folder, table(*names), workers=2)
    assert contents(folder / "poses") == undisturbed


def test_ctrl_c_ends_cleanly_and_the_next_call_continues(twelve):
    folder, names = twelve
    process = start_extraction(folder, ["gone", *names], workers=1, failures_path=str(folder / "failures.csv"))
    assert wait_for_files(folder / "poses", 2, process)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=600)
    assert process.returncode != 0
    assert errors.strip().splitlines()[-1].startswith("KeyboardInterrupt")
    assert "gone" in (folder / "failures.csv").read_text(), "the failures so far must be kept"
    assert not list((folder / "poses").glob(".*")), "nothing unfinished may stay"
    done = len(list((folder / "poses").glob("*.pose")))
    assert 2 <= done < len(names)
    extraction = run(folder, table(*names), workers=2)
    assert (extraction.done, extraction.skipped) == (len(names) - done, done)


def test_shards_in_any_order_and_two_at_once_equal_one_undivided_run(folder):
    names = ["good", "fine", "third", "fourth"]
    write_video(folder / "third.mp4", make_frames(5, seed=3), fps=25)
    write_video(folder / "fourth.mp4", make_frames(3, seed=4), fps=25)
    run(folder, table(*names), workers=2)
    undivided = contents(folder / "poses")
    (folder / "poses").rename(folder / "undivided")
    last = run(folder, table(*names), workers=1, shard="3/3")
    both = [start_extraction(folder, names, workers=1, shard=shard) for shard in ("2/3", "1/3")]
    for process in both:
        _, errors = process.communicate(timeout=600)
        assert process.returncode == 0, errors
    assert contents(folder / "poses") == undivided
    assert (last.done, last.skipped) == (1, 0)
    again = run(folder, table(*names))
    assert (again.done, again.skipped) == (0, 4)


@given(st.integers(1, 12), st.integers(0, 30))
def test_every_clip_is_in_one_shard_and_the_order_of_the_table_does_not_matter(total, count):
    clips = make_clips([{"clip_id": f"c{i}", "path": "a", "gloss": "A", "signer": "b"} for i in range(count + 1)])
    shards = [set(take_shard(clips, f"{number}/{total}").clip_id) for number in range(1, total + 1)]
    assert sorted(name for shard in shards for name in shard) == sorted(clips.clip_id)
    shuffled = clips.sample(frac=1, random_state=1)
    assert [set(take_shard(shuffled, f"{number}/{total}").clip_id) for number in range(1, total + 1)] == shards


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1", "a/b", "-1/3"])
def test_a_shard_that_does_not_exist_is_refused(shard):
    with pytest.raises(ValueError, match="like 3/100"):
        take_shard(table("good"), shard)


def test_a_dask_cluster_that_loses_a_worker_extracts_every_clip_once(twelve):
    from distributed import Client, LocalCluster

    folder, names = twelve
    run(folder, table(*names), workers=2)
    alone = contents(folder / "poses")
    (folder / "poses").rename(folder / "alone")
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
        Client(cluster) as client,
        ThreadPoolExecutor(1) as thread,
    ):
        pids = list(client.run(os.getpid).values())
        call = thread.submit(run, folder, table("text", *names), scheduler=cluster.scheduler_address)
        while len(list((folder / "poses").glob("[!.]*.pose"))) < 3:
            assert not call.done(), "extraction ended before its worker could be killed"
            time.sleep(0.01)
        written = {path: path.stat().st_mtime_ns for path in (folder / "poses").glob("[!.]*.json")}
        os.kill(pids[0], signal.SIGKILL)
        extraction = call.result(timeout=600)
    assert extraction.failures.clip_id.tolist() == ["text"]
    assert extraction.done == len(names)
    assert contents(folder / "poses") == alone
    assert {path: path.stat().st_mtime_ns for path in written} == written, "finished clips must not be made twice"


def test_a_scheduler_that_does_not_answer_is_named(folder, monkeypatch):
    monkeypatch.setattr(parallel, "CONNECT_TIMEOUT_S", 1)
    with pytest.raises(ConnectionError, match=r"No Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        run(folder, table("good"), scheduler="tcp://127.0.0.1:9")


def test_landmarks_of_different_settings_are_not_mixed(folder):
    clips = table("good", "fine")
    run(folder, clips, workers=1)
    before = contents(folder / "poses")
    assert json.loads(before["good.json"]) == {
        "extraction": 3,
        "tracker": "litert",
        "start": 0,
        "end": -1,
        "box": "",
        "video_bytes": (folder / "good.mp4").stat().st_size,
        "video_hash": extract.video_hash(folder / "good.mp4"),
        "parts": list(PARTS),
        "frames": 6,
        "fps": 25.0,
        "repeats": 0,
        "incomplete": "",
        "pose_bytes": len(before["good.pose"]),
    }
    cut = clips.assign(end=[4, -1], box=["10 10 150 110", ""])
    extraction = run(folder, cut, workers=1)
    assert (extraction.done, extraction.renewed, extraction.skipped) == (1, 1, 1)
    assert "1 of them had landmarks from other settings" in str(extraction)
    landmarks = read_pose(folder / "poses" / "good.pose")
    assert len(landmarks.points) == 4
    assert (landmarks.width, landmarks.height) == (140, 100)
    write_video(folder / "fine.mp4", make_frames(5, seed=11), fps=25)
    assert run(folder, cut, workers=1).renewed == 1, "a replaced video is another clip"
    (folder / "fine.mp4").unlink()
    assert run(folder, cut, workers=1).skipped == 2, "a video removed after extraction is no change"
    (folder / "poses" / "good.json").unlink()
    assert run(folder, cut, workers=1).done == 1, "landmarks of unknown origin are made again"


def raw_video(path, *, mirrored):
    """Write an uncompressed video, whose size does not depend on its content; its upper and lower edges are grey."""
    frames = [np.full_like(frame, 128) for frame in make_frames(4)]
    for frame, picture in zip(frames, make_frames(4), strict=True):
        frame[40:-40] = picture[40:-40, ::-1] if mirrored else picture[40:-40]
    encode(path, frames, codec="rawvideo", form="bgr24")


def test_another_video_of_the_same_size_is_extracted_again_and_a_copy_with_another_date_is_not(folder):
    video, clips = folder / "raw.avi", table("raw").assign(path="raw.avi")
    raw_video(video, mirrored=False)
    first = video.read_bytes()
    run(folder, clips, workers=1)
    old = read_pose(folder / "poses" / "raw.pose")
    os.utime(video, (1, 1))
    assert run(folder, clips, workers=1).skipped == 1, "a date is no other content"

    raw_video(video, mirrored=True)
    second = video.read_bytes()
    assert len(first) == len(second)
    assert (first[: 1 << 14], first[-1 << 14 :]) == (second[: 1 << 14], second[-1 << 14 :])
    extraction = run(folder, clips, workers=1)
    assert (extraction.done, extraction.renewed) == (1, 1)
    assert len(read_pose(folder / "poses" / "raw.pose").points) == len(old.points)
    assert run(folder, clips, workers=1).skipped == 1
    video.unlink()
    assert run(folder, clips, workers=1).skipped == 1, "a video removed after extraction is no change"


def test_a_video_replaced_while_it_is_tracked_is_extracted_again(folder, monkeypatch):
    video, clips = folder / "raw.avi", table("raw").assign(path="raw.avi")
    raw_video(video, mirrored=False)
    track = extract.track_clip

    def replace_after_tracking(clip, **settings):
        result = track(clip, **settings)
        raw_video(video, mirrored=True)
        return result

    monkeypatch.setattr(extract, "track_clip", replace_after_tracking)
    extract_clip(clips.iloc[0], folder / "poses" / "raw.pose", source_dir=folder, parts=PARTS)
    monkeypatch.undo()
    assert run(folder, clips, workers=1).renewed == 1


def test_landmarks_of_a_version_that_wrote_no_hash_are_kept_where_the_size_of_the_video_agrees(folder):
    video, clips = folder / "raw.avi", table("raw").assign(path="raw.avi")
    raw_video(video, mirrored=False)
    run(folder, clips, workers=1)
    path = folder / "poses" / "raw.json"
    record = json.loads(path.read_text())
    assert record.pop("video_hash")
    path.write_text(json.dumps(record))
    assert run(folder, clips, workers=1).skipped == 1
    assert "video_hash" not in json.loads(path.read_text()), "nobody knows which video it was"
    path.write_text(json.dumps({**record, "video_bytes": record["video_bytes"] - 1}))
    assert run(folder, clips, workers=1).renewed == 1
    assert json.loads(path.read_text())["video_hash"] == extract.video_hash(video)


def test_pixels_outside_the_box_are_ignored(folder):
    clip = table("good")
    whole = [picture for _, picture in clip_frames(clip.iloc[0], folder)]
    frames = [picture for _, picture in clip_frames(clip.assign(box="10 20 50 100").iloc[0], folder)]
    assert frames[0].shape == (80, 40, 3)
    np.testing.assert_array_equal(frames[1], whole[1][20:100, 10:50])
    extraction = run(folder, clip.assign(box="700 20 750 100"), workers=1)
    assert "160x120 px; the box '700 20 750 100' of a clip is outside" in extraction.failures.reason[0]


def test_a_finished_extraction_does_not_read_the_landmarks_again(folder, monkeypatch):
    run(folder, table("good", "fine"), workers=1)
    monkeypatch.setattr(extract, "run_jobs", None)
    monkeypatch.setattr("pose_format.Pose.read", None)
    assert run(folder, table("good", "fine")).skipped == 2


def test_the_number_of_processes_and_the_order_of_clips_change_nothing(folder):
    results = []
    for workers, names in ((1, ("good", "fine")), (2, ("good", "fine")), (1, ("fine", "text", "good"))):
        run(folder, table(*names), workers=workers)
        results.append([(folder / "poses" / f"{name}.pose").read_bytes() for name in ("good", "fine")])
        for name in ("good", "fine"):
            (folder / "poses" / f"{name}.pose").unlink()
    assert results[0] == results[1] == results[2]


def test_missing_tracker_models_are_reported_once(folder, monkeypatch):
    monkeypatch.setenv("ASL_CACHE", str(folder / "empty"))
    with pytest.raises(LandmarkError, match=r"pose_detection\.tflite is not in"):
        run(folder, table("good"))


def test_a_real_clip_is_extracted_completely(shared_data, tmp_path):
    video = shared_data / "video" / "conversation_sign.mp4"
    record = extract_clip(
        table("sign").assign(path=str(video)).iloc[0], tmp_path / "sign.pose", source_dir="", parts=PARTS
    )
    landmarks = read_pose(tmp_path / "sign.pose")
    assert record["frames"] == len(landmarks.points) == 58
    assert (landmarks.width, landmarks.height) == (540, 720)
    assert landmarks.seen("pose").mean() == 1
    assert 0.2 < landmarks.seen("right_hand").mean() < 0.6
    assert np.isnan(landmarks.part("right_hand")[~landmarks.seen("right_hand")]).all()
