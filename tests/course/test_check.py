"""What `asl datasets check` finds: present, missing, broken."""

import errno
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from asl_lib._util.jobs import Outcome
from asl_lib.course import check
from asl_lib.course.check import take_inventory
from asl_lib.data.registry import get_dataset
from asl_lib.data.video import write_video
from tests.conftest import ROOT, make_frames
from tests.data.test_published_forms import paint, touch


def test_a_sign_and_a_signer_without_any_clip_are_named(tmp_path):
    for sign in range(71, 170):
        touch(tmp_path, *(f"{signer}/train/{sign:04d}/{n}.mp4" for signer in ("01", "03") for n in range(50)))
    inventory = take_inventory(get_dataset("karsl"), tmp_path, subset="100", files="count")
    said = str(inventory)
    assert "published: 15,000 clips, 100 signs, 3 signers" in said
    assert "signs without any clip: 1 (0170)" in said
    assert "signers without any clip: 1; there are 01, 03" in said
    assert inventory.problems().problem.tolist() == ["sign 0170: no clip"]
    (tmp_path / "03" / "train" / "0080" / "7.mp4").unlink()
    problems = take_inventory(get_dataset("karsl"), tmp_path, subset="100", files="count").problems()
    assert problems.problem.tolist() == ["sign 0080, signer 03: 49 of 50 clips", "sign 0170: no clip"]


def test_an_unreadable_picture_is_named_with_a_reason(tmp_path):
    paint(tmp_path / "0" / "IMG_1.JPG")
    paint(tmp_path / "1" / "IMG_2.JPG")
    whole = (tmp_path / "1" / "IMG_2.JPG").read_bytes()
    (tmp_path / "1" / "IMG_2.JPG").write_bytes(whole[:200])
    touch(tmp_path, "2/IMG_3.JPG")
    (tmp_path / "3").mkdir()
    (tmp_path / "3" / "IMG_4.JPG").touch()
    inventory = take_inventory(get_dataset("asl_digits"), tmp_path)
    assert len(inventory.present) == 1
    problems = inventory.problems().set_index("path").problem
    assert list(problems.index) == ["1/IMG_2.JPG", "2/IMG_3.JPG", "3/IMG_4.JPG"]
    assert "cannot be read as a picture" in problems["1/IMG_2.JPG"]
    assert "0 bytes" in problems["3/IMG_4.JPG"]


def test_unreadable_videos_are_named_with_a_reason(tmp_path):
    write_video(tmp_path / "ana" / "HELLO" / "1.mp4", make_frames(3), fps=25)
    touch(tmp_path, "ana/HELLO/2.mp4")
    (tmp_path / "ana" / "HELLO" / "3.mp4").touch()
    inventory = take_inventory(get_dataset("recordings"), tmp_path)
    assert len(inventory.present) == 1
    text = str(inventory)
    assert "broken:  2" in text
    assert "ana/HELLO/2.mp4: is not a video" in text
    assert "ana/HELLO/3.mp4: the file is empty" in text


def test_a_folder_in_which_every_file_is_broken_has_no_clip_present(tmp_path):
    touch(tmp_path, "01/train/0071/a.mp4")
    inventory = take_inventory(get_dataset("karsl"), tmp_path)
    assert (len(inventory.present), len(inventory.broken), len(inventory.thin)) == (0, 1, 0)
    assert "signers without any clip: 3; there are none" in str(inventory)


@pytest.fixture
def cut_short(tmp_path, shared_cases):
    """Recordings: one whole, two cut off, one that is no video."""
    folder = tmp_path / "ana" / "MOTHER"
    folder.mkdir(parents=True)
    for name, source in (("1", "base"), ("2", "trunc90"), ("3", "trunc60")):
        (folder / f"{name}.mp4").write_bytes((shared_cases / f"{source}.mp4").read_bytes())
    (folder / "4.mp4").write_bytes(b"\0\0\0\x18ftypmp42 and then nothing")
    return tmp_path


def test_cut_off_and_unreadable_videos_are_reported_separately_with_a_remedy_each(cut_short):
    inventory = take_inventory(get_dataset("recordings"), cut_short)
    assert inventory.present.path.tolist() == ["ana/MOTHER/1.mp4"]
    assert inventory.incomplete.reason.tolist() == [
        "24 of 32 frames, cut off at 0.96 s",
        "6 of 32 frames, cut off at 0.24 s",
    ]
    assert inventory.broken.path.tolist() == ["ana/MOTHER/4.mp4"]
    said = str(inventory)
    assert "incomplete: 2\n    ana/MOTHER/2.mp4: 24 of 32 frames, cut off at 0.96 s" in said
    assert "Download or record these again. They are left out; `incomplete: keep` uses" in said
    assert re.search(r"broken:  1\n    ana/MOTHER/4\.mp4: .*(Convert|Record|record)", said)
    assert sorted(inventory.problems().path) == [f"ana/MOTHER/{n}.mp4" for n in (2, 3, 4)]


def test_a_video_of_one_frame_is_not_a_clip(tmp_path):
    write_video(tmp_path / "ana" / "HELLO" / "1.mp4", make_frames(1), fps=25)
    inventory = take_inventory(get_dataset("recordings"), tmp_path)
    assert inventory.present.empty
    assert "one frame only" in inventory.broken.reason[0]


@pytest.mark.parametrize("files", ["open", "decode"])
def test_a_file_without_read_permission_does_not_stop_the_check(tmp_path, monkeypatch, files):
    write_video(tmp_path / "ana" / "HELLO" / "1.mp4", make_frames(3), fps=25)
    shutil.copy(tmp_path / "ana" / "HELLO" / "1.mp4", tmp_path / "ana" / "HELLO" / "2.mp4")
    opened = Path.open

    def refuse(path, *options, **more):
        if path.name == "2.mp4":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, *options, **more)

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(check, "run_jobs", lambda function, items, **_: map(Outcome, range(2), map(function, items)))
    inventory = take_inventory(get_dataset("recordings"), tmp_path, files=files)
    assert inventory.present.path.tolist() == ["ana/HELLO/1.mp4"]
    assert "cannot be opened: Permission denied" in inventory.broken.reason[0]


def test_a_quick_check_opens_files_only(cut_short):
    inventory = take_inventory(get_dataset("recordings"), cut_short, files="open")
    assert (len(inventory.present), len(inventory.incomplete)) == (3, 0)
    assert inventory.broken.path.tolist() == ["ana/MOTHER/4.mp4"]


def test_unchanged_files_are_not_decoded_again_and_an_interrupted_check_resumes(cut_short, monkeypatch):
    decoded, real = [], check.run_jobs

    def watched(function, items, **options):
        for outcome in real(function, items, **options):
            decoded.append(items[outcome.index].name)
            yield outcome
            if len(decoded) == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(check, "run_jobs", watched)
    recordings = get_dataset("recordings")
    with pytest.raises(KeyboardInterrupt):
        take_inventory(recordings, cut_short, workers=1)
    first = take_inventory(recordings, cut_short, workers=1)
    assert sorted(decoded) == ["1.mp4", "2.mp4", "3.mp4", "4.mp4"], "the second one was kept when the first call ended"
    (cut_short / "ana" / "MOTHER" / "4.mp4").write_bytes((cut_short / "ana" / "MOTHER" / "1.mp4").read_bytes())
    second = take_inventory(recordings, cut_short, workers=1)
    assert len(decoded) == 5
    assert (len(first.present), len(second.present)) == (1, 2)
    assert recordings.find_clips(cut_short).path.str.startswith("ana/").all(), "the findings are no clips"


def test_a_read_only_folder_can_be_checked(cut_short):
    (cut_short / "checked").write_text("in the way")
    assert len(take_inventory(get_dataset("recordings"), cut_short).incomplete) == 2


def asl_check(folder, **environment):
    command = [sys.executable, "-m", "asl_lib.course.cli", "datasets", "check", "recordings", "--data-dir", str(folder)]
    done = subprocess.run(command, env={**os.environ, **environment}, cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def arabic(tmp_path):
    write_video(tmp_path / "recordings" / "سارة" / "كتاب" / "01.mp4", make_frames(3), fps=25)
    touch(tmp_path / "recordings", "سارة/كتاب/02.mp4")
    return tmp_path


def test_names_that_a_pipe_cannot_write_are_printed_with_replacement(arabic):
    said = asl_check(arabic, PYTHONIOENCODING="cp1252")
    assert b"present: 1 clip" in said
    assert b"????/????/02.mp4" in said


@pytest.mark.skipif(not shutil.which("localedef"), reason="localedef is needed to make a locale that is not UTF-8")
def test_in_a_locale_that_is_not_utf8_videos_are_opened_by_their_names(arabic, tmp_path):
    made = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(tmp_path / "de_DE.ISO-8859-1")]
    subprocess.run(made, capture_output=True, check=False)
    if not (tmp_path / "de_DE.ISO-8859-1").is_dir():
        pytest.skip("this system has no sources of locales")
    said = asl_check(arabic, LOCPATH=str(tmp_path), LC_ALL="de_DE.ISO-8859-1", PYTHONUTF8="0")
    assert b"present: 1 clip" in said
    assert "سارة/كتاب/02.mp4".encode() in said
