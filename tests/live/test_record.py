"""Recording one's own signs: prompts, captures, files that the course reads."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from asl_lib.data.registry import get_dataset
from asl_lib.data.video import read_frames, video_info
from asl_lib.live.errors import LiveError
from asl_lib.live.record import RecordingSession
from tests.conftest import make_frames


def session_in(folder, **options):
    return RecordingSession(
        folder, signer="ana", glosses=["HELLO", "BOOK"], repetitions=2, countdown_s=0.4, capture_s=0.8, **options
    )


def sign_once(session, start_s, *, fps=25):
    """Start, and show frames until there is something to keep; return the phases."""
    session.start(start_s)
    phases = []
    for index, frame in enumerate(make_frames(round(1.6 * fps))):
        prompt = session.process(frame, start_s + index / fps)
        phases.append(prompt.phase)
        if prompt.phase == "review":
            return phases
    return phases


def test_a_sign_is_counted_down_captured_and_kept_where_the_course_finds_it(tmp_path):
    session = session_in(tmp_path / "recordings")
    assert session.prompt.phase == "ready"
    assert session.prompt.gloss == "HELLO"
    start_s = 10.0
    for _ in range(4):
        assert list(dict.fromkeys(sign_once(session, start_s))) == ["countdown", "capture", "review"]
        session.keep()
        start_s += 5
    assert session.prompt.phase == "finished"
    assert [path.relative_to(tmp_path).as_posix() for path in session.kept] == [
        "recordings/ana/HELLO/01.mp4",
        "recordings/ana/BOOK/01.mp4",
        "recordings/ana/HELLO/02.mp4",
        "recordings/ana/BOOK/02.mp4",
    ]
    clips = get_dataset("recordings").find_clips(tmp_path / "recordings")
    assert sorted(clips.gloss) == ["BOOK", "BOOK", "HELLO", "HELLO"]


@pytest.mark.parametrize("fps", [12, 25, 50])
def test_a_recording_lasts_as_long_as_it_was_signed_whatever_the_camera(tmp_path, fps):
    session = session_in(tmp_path)
    sign_once(session, 0.0, fps=fps)
    path = session.keep()
    assert video_info(path).fps == 25
    assert abs(len([picture for _, picture in read_frames(path)]) / 25 - 0.8) <= 0.1


def test_a_rejected_recording_is_discarded_and_repeated(tmp_path):
    session = session_in(tmp_path)
    sign_once(session, 0.0)
    sign_once(session, 5.0)
    assert list(tmp_path.iterdir()) == []
    session.keep()
    assert session.prompt.gloss == "BOOK"


def test_a_sign_can_be_skipped(tmp_path):
    session = session_in(tmp_path)
    for _ in range(4):
        session.skip()
    assert session.prompt.phase == "finished"
    session.start(0.0)
    assert session.process(make_frames(1)[0], 0.0).phase == "finished"


def test_existing_recordings_are_not_overwritten(tmp_path):
    for _ in range(2):
        session = session_in(tmp_path)
        sign_once(session, 0.0)
        session.keep()
    assert sorted(path.name for path in (tmp_path / "ana" / "HELLO").iterdir()) == ["01.mp4", "02.mp4"]


def test_a_camera_that_is_turned_while_it_records_asks_for_the_sign_again(tmp_path):
    session = session_in(tmp_path)
    session.start(0.0)
    session.process(np.zeros((48, 64, 3), np.uint8), 0.5)
    assert session.process(np.zeros((64, 48, 3), np.uint8), 0.6).phase == "ready"


@pytest.mark.parametrize("name", ["../away", "", ".hidden", "a/b", "a\\b", "ends.", "nul\0", "a" * 91, "\u0301"])
def test_a_name_that_could_leave_the_folder_is_refused(tmp_path, name):
    with pytest.raises(LiveError, match="becomes a folder"):
        RecordingSession(tmp_path, signer=name, glosses=["HELLO"])
    with pytest.raises(LiveError, match="becomes a folder"):
        RecordingSession(tmp_path, signer="ana", glosses=[name])


def test_a_signer_is_not_named_like_a_folder_of_the_course(tmp_path):
    with pytest.raises(LiveError, match="writes a folder 'poses' itself: give the signer another name"):
        RecordingSession(tmp_path, signer="poses", glosses=["HELLO"])


@pytest.mark.parametrize("name", ["मीरा", "नमस्ते", "شُكْرًا", "Zoë", "Zoe\u0308", "O'Neill-Smith", "a" * 90])
def test_a_name_of_any_script_is_a_folder(tmp_path, name):
    session = RecordingSession(tmp_path, signer=name, glosses=[name], countdown_s=0.5, capture_s=0.8)
    sign_once(session, 0.0)
    folder = unicodedata.normalize("NFC", name)
    assert session.keep() == tmp_path / folder / folder / "01.mp4"
    assert set(get_dataset("recordings").find_clips(tmp_path).signer) == {folder}


def test_an_empty_recording_and_an_empty_gloss_list_are_reported(tmp_path):
    with pytest.raises(LiveError, match="nothing to keep"):
        session_in(tmp_path).keep()
    with pytest.raises(LiveError, match="at least one gloss"):
        RecordingSession(tmp_path, signer="ana", glosses=[])


def test_frames_a_millisecond_apart_do_not_fill_the_memory(tmp_path):
    session = RecordingSession(tmp_path, signer="ana", glosses=["A"], countdown_s=0.0, capture_s=1.0)
    session.start(0.0)
    frame = np.zeros((8, 8, 3), np.uint8)
    for index in range(1500):
        session.process(frame, index / 1000)
    assert len(session.prompt.frames) <= 85
