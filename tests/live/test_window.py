"""The desktop window: a real one on a virtual screen, keys, recordings; and none where there is no screen."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager

import numpy as np
import pytest

from asl_lib.course.cli import main
from asl_lib.data.video import read_frames, video_info, write_video
from asl_lib.live import window
from asl_lib.live.errors import LiveError
from asl_lib.live.picture import state_of
from asl_lib.live.recogniser import LiveSettings, Recognition, SignRecogniser
from asl_lib.live.window import VideoRecorder, require_display
from tests.conftest import ROOT, make_frames
from tests.live.test_recogniser import Oracle
from tests.live.test_sources import Feed, Slow

pytestmark = pytest.mark.usefixtures("home")  # what this machine has learned must not matter
linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="The virtual screen is Xvfb, for Linux.")


@pytest.fixture(scope="module")
def screen():
    """A virtual screen, or a skip that says what is missing."""
    missing = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"A window cannot be tested without {', '.join(missing)}: apt-get install xvfb xdotool.")
    reading, writing = os.pipe()
    # Without -noreset the server starts over whenever its last client leaves, as each call of xdotool does: a program
    # that connects at that moment is turned away. -s 0: no screen saver, which would blacken a busy machine's pictures.
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writing), "-screen", "0", "1024x768x24", "-nolisten", "tcp", "-noreset", "-s", "0"],
        pass_fds=[writing], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writing)
    with os.fdopen(reading) as number:
        display = f":{number.readline().strip()}"
    yield display
    server.terminate()
    server.wait(timeout=600)


def wait_for(condition, program):
    """Return what `condition` finds; a program that ended before fails with what it printed."""
    while program.poll() is None:
        if found := condition():
            return found
        time.sleep(0.2)
    raise AssertionError(f"The program ended ({program.returncode}). It printed:\n{program.communicate()[0]}")


def xdotool(display, *arguments):
    environment = {**os.environ, "DISPLAY": display}
    done = subprocess.run(["xdotool", *arguments], capture_output=True, text=True, env=environment, check=False)
    return done.stdout.strip()


def press(display, window, key):
    xdotool(display, "windowfocus", window, "key", "--window", window, key)


@contextmanager
def started(arguments, display, home):
    """A command of the course in a process of its own, which ends with the test whatever happens."""
    environment = {**os.environ, "DISPLAY": display, "ASL_HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", "import sys; from asl_lib.course.cli import main; sys.exit(main())", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, **pipes, text=True, env=environment) as program:
        try:
            yield program
        finally:
            program.kill()


@linux_only
def test_a_real_window_shows_the_picture_obeys_its_keys_and_closes(screen, clip, model_folder, tmp_path):
    arguments = ["live", "--source", str(clip), "--loop", "--model", str(model_folder)]
    with started(arguments, screen, tmp_path) as program:
        window = wait_for(lambda: xdotool(screen, "search", "--name", "asl live").split("\n")[0], program)
        picture = wait_for(lambda: shown(screen, window), program)
        artifacts = ROOT / "build" / "screenshots"
        artifacts.mkdir(parents=True, exist_ok=True)
        picture.save(artifacts / "window.png")
        press(screen, window, "r")
        time.sleep(2)
        press(screen, window, "r")
        recording = wait_for(lambda: list((tmp_path / "outputs" / "live").glob("live-01.mp4")), program)[0]
        press(screen, window, "q")
        output, _ = program.communicate(timeout=600)
    assert program.returncode == 0, output
    assert "transcript:" in output
    assert len([picture for _, picture in read_frames(recording)]) >= 10


def shown(display, window, patience_s=15.0):
    """Return a screenshot with the camera's picture and the panel in it, or None; a window that stays black is hidden
    and shown again.

    On a busy machine OpenCV's Qt misses in about one start of five that its window was mapped, and paints it only when
    it is mapped once more, as a user does who minimises and restores it. Measured with four busy processes on two
    cores, with a window manager and without: the X server shows the window as viewable, Qt logs no XCB_MAP_NOTIFY.
    """
    from PIL import ImageGrab

    for _ in range(int(patience_s / 0.2)):
        picture = ImageGrab.grab(xdisplay=display)
        if len(np.unique(np.asarray(picture).reshape(-1, 3), axis=0)) > 2000:
            return picture
        time.sleep(0.2)
    xdotool(display, "windowunmap", window, "windowmap", window)
    return None


@linux_only
def test_signs_are_recorded_in_a_window_and_kept_with_a_key(screen, clip, tmp_path):
    arguments = ["record", "--source", str(clip), "--signer", "ana", "--glosses", "HELLO", "--repetitions", "1"]
    clip_long = tmp_path / "long.mp4"
    write_video(clip_long, [picture for _, picture in read_frames(clip)] * 20, fps=25)
    arguments[2] = str(clip_long)
    with started([*arguments, "--countdown", "0.2", "--seconds", "0.6"], screen, tmp_path) as program:
        window = wait_for(lambda: xdotool(screen, "search", "--name", "asl record").split("\n")[0], program)
        wanted = tmp_path / "data" / "recordings" / "ana" / "HELLO" / "01.mp4"
        wait_for(lambda: press(screen, window, "space") or wanted.exists(), program)
        press(screen, window, "q")
        output, _ = program.communicate(timeout=600)
    assert program.returncode == 0, output
    assert "1 recording in data/recordings/ana" in output
    assert 2 <= len([picture for _, picture in read_frames(wanted)]) <= 20  # a machine that is busy leaves frames out


def test_without_a_screen_a_sentence_says_what_to_do(monkeypatch, capsys, clip, model_folder):
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(LiveError, match="no display.*--web.*--no-window"):
        require_display()
    assert main(["live", "--source", str(clip), "--model", str(model_folder)]) == 1
    assert "There is no display to open a window on." in capsys.readouterr().err


@linux_only
def test_a_screen_that_does_not_answer_gives_an_error_message(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":987")
    with pytest.raises(LiveError, match="OpenCV cannot open a window"):
        require_display()


def test_without_a_window_every_frame_of_a_file_is_recorded_with_what_was_seen(tmp_path, clip, model_folder, capsys):
    target = tmp_path / "out.mp4"
    arguments = ["live", "--source", str(clip), "--model", str(model_folder), "--no-window"]
    assert main([*arguments, "--threshold", "0", "--record", str(target)]) == 0
    printed = capsys.readouterr().out
    assert "transcript: " in printed
    assert "(nothing)" not in printed
    assert "left out" not in printed
    frames = [picture for _, picture in read_frames(clip)]
    assert abs(len([picture for _, picture in read_frames(target)]) - len(frames)) <= 1
    assert video_info(target).width > frames[0].shape[1]


def test_without_a_window_no_frame_of_a_file_is_left_out_however_slow_recognition_is(tmp_path, monkeypatch):
    write_video(tmp_path / "clip.mp4", make_frames(8), fps=50)
    recogniser = Unhurried(0.1)
    monkeypatch.setattr(window, "open_recogniser", lambda *_, **__: recogniser)
    log = []
    window.run_live(str(tmp_path / "clip.mp4"), model="any", window=False, log=log.append)
    assert recogniser.times == pytest.approx(np.arange(8) / 50)
    assert not any("left out" in line for line in log)


def test_frames_that_are_left_out_are_counted_at_the_end():
    log = []
    window.run_recogniser(Feed(make_frames(30), pause_s=0.01), Slow(0.2), window=False, log=log.append)
    assert re.fullmatch(r"\d+ of 30 frames of feed were left out: recognition was too slow for them\.", log[-1])


class Unhurried(Slow):
    """A recogniser as `open_recogniser` returns it."""

    settings = LiveSettings()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def test_the_tracker_is_loaded_before_the_first_frame_is_read(monkeypatch):
    order = []

    class Watched(Feed):
        def frames(self):
            order.append("frames")
            yield from super().frames()

    def load(*_, **__):
        order.append("tracker")
        return Still()

    class Still:
        def track(self, _, *, seconds):
            return np.full((75, 4), np.nan, np.float32)

        def close(self):
            pass

    monkeypatch.setattr("asl_lib.live.recogniser.open_tracker", load)
    with SignRecogniser(Oracle()) as recogniser:
        window.run_recogniser(Watched(make_frames(2), live=False), recogniser, window=False, log=lambda _: None)
    assert order == ["tracker", "frames"]


def test_the_panel_says_how_to_go_on_after_press_and_sign():
    assert state_of(Recognition(0.0))[0] == "hands down"
    assert state_of(Recognition(0.0, phase="done"))[0] == "space, then the next sign"


@pytest.mark.parametrize("name", ["a" * 300 + ".mp4", "file/out.mp4"])
def test_a_recording_that_cannot_be_written_is_refused_before_the_model_is_loaded(tmp_path, capsys, clip, name):
    (tmp_path / "file").touch()
    target = tmp_path / name
    assert main(["live", "--source", str(clip), "--no-window", "--model", "no model", "--record", str(target)]) == 1
    said = capsys.readouterr().err
    assert "cannot be written" in said
    assert str(tmp_path) not in said


def test_a_folder_and_what_is_played_are_refused_as_recordings_before_the_model_is_loaded(tmp_path, capsys, clip):
    played, link = tmp_path / "c.mp4", tmp_path / "link.mp4"
    played.write_bytes(clip.read_bytes())
    arguments = ["live", "--source", str(played), "--no-window", "--model", "no model", "--record"]
    link.symlink_to(played)
    for name in (played, link):
        assert main([*arguments, str(name)]) == 1
        assert "is what is played: choose another name with --record" in capsys.readouterr().err
    assert played.read_bytes() == clip.read_bytes()
    assert main([*arguments, str(tmp_path)]) == 1
    assert "cannot be written: it is a folder" in capsys.readouterr().err


@linux_only
def test_the_first_of_two_recording_errors_is_reported(tmp_path):
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    source = Feed(make_frames(3), live=False, error=LiveError("the camera is gone"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))  # as on a full disk
    try:
        with pytest.raises(LiveError, match="the camera is gone"):
            window.run_recogniser(source, Slow(), window=False, record=tmp_path / "out.mp4", log=lambda _: None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_model_is_named(tmp_path, monkeypatch, capsys, clip):
    monkeypatch.setenv("ASL_HOME", str(tmp_path))
    assert main(["live", "--source", str(clip), "--no-window"]) == 1
    assert "Run make demo" in capsys.readouterr().err


def test_a_recording_keeps_the_time_of_pictures_that_come_unevenly(tmp_path):
    frames = make_frames(6)
    times = [0.0, 0.04, 0.30, 0.34, 0.80, 1.0]
    with VideoRecorder(tmp_path, fps=25, log=lambda _: None) as recorder:
        recorder.start()
        for frame, time_s in zip(frames, times, strict=True):
            recorder.write(frame, time_s)
    assert len([picture for _, picture in read_frames(tmp_path / "live-01.mp4")]) == 26


def test_a_picture_of_another_size_goes_on_in_the_same_recording(tmp_path):
    with VideoRecorder(tmp_path, fps=25, log=lambda _: None) as recorder:
        recorder.start()
        for index, (height, width) in enumerate([(48, 64), (64, 48), (100, 200)]):
            frame = np.zeros((height, width, 3), np.uint8)
            recorder.write(frame, index / 25)
    assert [picture.shape for _, picture in read_frames(tmp_path / "live-01.mp4")] == [(48, 64, 3)] * 3


def test_a_recording_is_complete_up_to_a_camera_failure(tmp_path):
    source = Feed(make_frames(9), live=False, error=LiveError("the camera is gone"))
    with pytest.raises(LiveError, match="the camera is gone"):
        window.run_recogniser(source, Slow(), window=False, record=tmp_path / "out.mp4", log=lambda _: None)
    assert len([picture for _, picture in read_frames(tmp_path / "out.mp4")]) == 9
