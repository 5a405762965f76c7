import errno
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from asl_lib import extract
from asl_lib.clips import make_clips
from asl_lib.extract import Job, extract_clip, extract_clips, write_failures
from asl_lib.landmarks import LandmarkError, read_pose
from asl_lib.video import write_video
from tests.conftest import ROOT, make_frames

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
    return extract_clips(
        clips,
        source_dir=folder,
        pose_path=lambda clip: folder / "poses" / f"{clip.clip_id}.pose",
        parts=PARTS,
        **options,
    )


def test_bad_clips_are_listed_with_their_reason_and_stop_nobody(folder):
    clips = table("empty", "good", "text", "gone", "fine", "single")
    extraction = run(folder, clips, workers=2)
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
    assert sorted(os.listdir(folder / "poses")) == ["fine.pose", "good.pose"]
    assert len(read_pose(folder / "poses" / "good.pose").points) == 6
    write_failures(extraction, folder / "failures.csv")
    assert (folder / "failures.csv").read_text().count("\n") == 5

    again = run(folder, clips)
    assert (again.done, again.skipped, len(again.failures)) == (0, 2, 4)


def test_a_damaged_result_is_made_again_and_a_finished_one_is_not_touched(folder):
    run(folder, table("good", "fine"), workers=1)
    good, fine = folder / "poses" / "good.pose", folder / "poses" / "fine.pose"
    whole = good.read_bytes()
    good.write_bytes(whole[:100])
    before = fine.stat().st_mtime_ns
    extraction = run(folder, table("good", "fine"), workers=1)
    assert (extraction.done, extraction.skipped) == (1, 1)
    assert good.read_bytes() == whole
    assert fine.stat().st_mtime_ns == before


def test_a_cut_out_takes_its_frames_only(folder):
    extract_clip(Job(folder / "good.mp4", folder / "cut.pose", 1, 4), parts=PARTS)
    assert len(read_pose(folder / "cut.pose").points) == 3


def test_a_full_disk_leaves_no_half_file(folder, monkeypatch):
    from pose_format import Pose

    def full(self, buffer):
        buffer.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Pose, "write", full)
    with pytest.raises(OSError, match="No space left"):
        extract_clip(Job(folder / "good.mp4", folder / "poses" / "good.pose", 0, -1), parts=PARTS)
    assert os.listdir(folder / "poses") == []


def test_a_kill_leaves_only_whole_files_and_the_next_call_goes_on(folder):
    names = [f"clip{index}" for index in range(12)]
    for index, name in enumerate(names):
        write_video(folder / f"{name}.mp4", make_frames(25, seed=index), fps=25)
    program = (
        "from tests.test_extract import run, table; from pathlib import Path; import sys\n"
        f"if __name__ == '__main__': run(Path(sys.argv[1]), table(*{names!r}), workers=1)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL
    )
    poses = folder / "poses"
    deadline = time.monotonic() + 120
    while not (poses.is_dir() and len(list(poses.glob("*.pose"))) >= 2):
        assert time.monotonic() < deadline
        assert process.poll() is None, "extraction ended before it could be killed"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = sorted(path.name for path in poses.glob("[!.]*.pose"))
    assert 2 <= len(done) < len(names)
    for name in done:
        assert len(read_pose(poses / name).points) == 25
    extraction = run(folder, table(*names), workers=2)
    assert (extraction.done, extraction.skipped) == (len(names) - len(done), len(done))


def test_the_number_of_processes_changes_nothing(folder):
    results = []
    for workers in (1, 2):
        run(folder, table("good", "fine"), workers=workers)
        results.append([(folder / "poses" / f"{name}.pose").read_bytes() for name in ("good", "fine")])
        for name in ("good", "fine"):
            (folder / "poses" / f"{name}.pose").unlink()
    assert results[0] == results[1]


def test_without_mediapipe_the_reason_is_given_once(folder, monkeypatch):
    def missing():
        raise LandmarkError("MediaPipe 0.10.31 has no mp.solutions")

    monkeypatch.setattr(extract, "require_mediapipe", missing)
    with pytest.raises(LandmarkError, match=r"mp\.solutions"):
        run(folder, table("good"))


def test_a_real_clip_is_extracted_whole(shared_data, tmp_path):
    video = shared_data / "video" / "conversation_sign.mp4"
    frames = extract_clip(Job(video, tmp_path / "sign.pose", 0, -1), parts=PARTS)
    landmarks = read_pose(tmp_path / "sign.pose")
    assert frames == len(landmarks.points) == 58
    assert (landmarks.width, landmarks.height) == (540, 720)
    assert landmarks.seen("pose").mean() == 1
    assert 0.2 < landmarks.seen("right_hand").mean() < 0.6
    assert np.isnan(landmarks.part("right_hand")[~landmarks.seen("right_hand")]).all()
