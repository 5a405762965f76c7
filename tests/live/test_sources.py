"""Where frames come from, and what happens when they stop, stall or are no frames."""

from __future__ import annotations

import functools
import itertools
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from asl_lib.data.video import MediaError, clip_frames, write_video
from asl_lib.live import sources
from asl_lib.live.errors import LiveError
from asl_lib.live.pipeline import Pipeline
from asl_lib.live.recogniser import Recognition
from asl_lib.live.sources import Camera, FrameReader, VideoFile, open_source
from tests.conftest import make_frames
from tests.data.test_video import encode


class Feed:
    """A source whose frames a test decides on."""

    name, fps = "feed", 0.0

    def __init__(self, frames, *, live=True, pause_s=0.0, error=None):
        self._frames, self.live, self._pause_s, self._error = frames, live, pause_s, error

    def frames(self):
        for index, frame in enumerate(self._frames):
            time.sleep(self._pause_s)
            yield index / 25, frame
        if self._error:
            raise self._error


class Slow:
    """Looks at a frame for a while."""

    def __init__(self, seconds=0.0):
        self.seconds, self.times, self.started = seconds, [], []

    def process(self, frame, time_s):
        time.sleep(self.seconds)
        self.times.append(time_s)
        return Recognition(time_s, committed="WORD" if len(self.times) == 3 else "")

    def start(self, time_s, **_):
        self.started.append(time_s)

    def finish(self):
        return Recognition(self.times[-1], committed="LAST")


def watch(pipeline, views=None):
    views = [] if views is None else views
    with pipeline:
        while not pipeline.ended:
            view = pipeline.view()
            if view is not None:
                views.append(view)
    return views


@pytest.fixture
def clip(tmp_path):
    write_video(tmp_path / "a.mp4", make_frames(12), fps=50)
    return tmp_path / "a.mp4"


def test_a_file_gives_its_frames_at_its_own_times(clip):
    source = open_source(str(clip), pace=False)
    times = [time_s for time_s, _ in source.frames()]
    assert source.fps == 50
    assert times == pytest.approx(np.arange(12) / 50)


def test_a_file_of_uneven_times_gives_its_frames_at_these(tmp_path):
    stamps = [0, 40, 80, 400, 410, 900]
    encode(tmp_path / "uneven.mp4", make_frames(6), stamps=stamps)
    times = [time_s for time_s, _ in open_source(str(tmp_path / "uneven.mp4"), pace=False).frames()]
    assert times == pytest.approx(np.array(stamps) / 1000)


def test_a_file_is_played_at_its_own_speed_and_begins_again(clip):
    started, times = time.monotonic(), []
    for time_s, _ in VideoFile(clip, loop=True).frames():
        times.append(time_s)
        if len(times) == 20:
            break
    assert time.monotonic() - started >= 19 / 50
    assert times == pytest.approx(np.arange(20) / 50)


def test_a_file_whose_picture_changes_its_size_gives_the_frames_that_extraction_sees(shared_cases):
    seen = list(open_source(str(shared_cases / "size_change.webm"), pace=False).frames())
    clip = {"path": "size_change.webm", "start": 0, "end": -1, "box": ""}
    extracted = list(clip_frames(clip, shared_cases))
    assert len(seen) == len(extracted) == 32
    for (time_s, picture), frame in zip(seen, extracted, strict=True):
        assert time_s == frame.time_s
        np.testing.assert_array_equal(picture, frame.picture)


def test_a_file_that_was_cut_off_says_so_once_though_it_is_played_again(shared_cases, clip):
    logged = []
    source = VideoFile(shared_cases / "trunc90.mp4", pace=False, loop=True, log=logged.append)
    assert len(list(itertools.islice(source.frames(), 60))) == 60
    [line] = logged
    assert line.endswith("trunc90.mp4 is incomplete: 24 of 32 frames, cut off at 0.96 s. Only these frames are used.")
    assert len(list(open_source(str(clip), pace=False, log=logged.append).frames())) == 12
    assert logged == [line], "a whole file says nothing"


def test_an_invalid_source_is_refused_with_a_reason(tmp_path):
    with pytest.raises(LiveError, match=r"There is no video at nothing\.mp4"):
        open_source("nothing.mp4")
    (tmp_path / "text.mp4").write_text("hello")
    with pytest.raises(MediaError, match="not a video"):
        open_source(str(tmp_path / "text.mp4"))


def test_a_missing_camera_is_reported_with_a_remedy():
    source = open_source("77")
    assert source.name == "camera 77"
    with pytest.raises(LiveError, match="camera 77 cannot be opened.*asl live --web"):
        next(iter(source.frames()))


def test_a_stream_that_does_not_answer_is_named_without_its_password():
    source = open_source("rtsp://127.0.0.1:9/stream?password=secret")
    with pytest.raises(LiveError, match="rtsp://127.0.0.1:9/stream cannot be opened") as caught:
        next(iter(source.frames()))
    assert "secret" not in str(caught.value)


def test_an_unplugged_camera_delivers_its_frames_and_then_an_error(monkeypatch):
    class Capture:
        left = 4

        def isOpened(self):
            return True

        def read(self):
            self.left -= 1
            return (True, np.zeros((8, 8, 3), np.uint8)) if self.left >= 0 else (False, None)

        def release(self):
            self.released = True

    capture = Capture()
    monkeypatch.setattr(Camera, "_open", lambda self: capture)
    monkeypatch.setattr(sources, "SILENCE_S", 0.1)
    seen = []
    with pytest.raises(LiveError, match="stopped sending pictures after 4 frames"):
        seen.extend(frame for _, frame in Camera(0).frames())
    assert len(seen) == 4
    assert capture.released


def test_a_video_at_an_address_is_played_at_its_own_speed_and_ends_without_an_error(clip):
    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(clip.parent))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        times = [time_s for time_s, _ in open_source(f"http://127.0.0.1:{server.server_port}/a.mp4").frames()]
        server.shutdown()
    assert times == pytest.approx(np.arange(12) / 50, abs=1e-3)


def test_a_stalled_stream_is_distinguished_from_a_finished_one(monkeypatch):
    class Capture:
        left = 4

        def isOpened(self):
            return True

        def get(self, _):
            return 0.0

        def read(self):
            self.left -= 1
            if self.left < 0:
                time.sleep(0.2)  # longer than anyone waits
            return (True, np.zeros((8, 8, 3), np.uint8)) if self.left >= 0 else (False, None)

        def release(self):
            pass

    monkeypatch.setattr(Camera, "_open", lambda self: Capture())
    monkeypatch.setattr(sources, "SILENCE_S", 0.1)
    with pytest.raises(LiveError, match=r"rtsp://door stopped sending pictures after 4 frames\. Check the network"):
        list(Camera("rtsp://door").frames())


def test_the_newest_frame_wins_and_the_others_are_counted():
    with FrameReader(Feed(make_frames(30), pause_s=0.002)) as newest:
        time.sleep(0.3)
        time_s, _, _ = newest.take()
        assert time_s == pytest.approx(29 / 25)
        assert newest.dropped == 29
        assert newest.take(timeout_s=0.01) is None
        assert newest.ended


def test_a_source_that_failed_while_nobody_took_a_frame_has_not_ended_until_its_error_was_raised():
    class Unplugged(Feed):
        def frames(self):
            yield from super().frames()
            raise LiveError("The camera was unplugged.")

    with FrameReader(Unplugged(make_frames(2))) as newest:
        time.sleep(0.2)
        assert newest.take() is not None
        assert not newest.ended
        with pytest.raises(LiveError, match="unplugged"):
            newest.take()


def test_a_file_read_as_fast_as_possible_loses_no_frame():
    times = []
    with FrameReader(Feed(make_frames(20), live=False)) as newest:
        while (taken := newest.take()) is not None:
            times.append(taken[0])
            time.sleep(0.003)
    assert times == pytest.approx(np.arange(20) / 25)
    assert newest.dropped == 0


def test_leaving_early_ends_the_thread():
    before = threading.active_count()
    with FrameReader(Feed(make_frames(50), live=False)) as newest:
        newest.take()
    assert threading.active_count() == before


def test_the_picture_does_not_wait_for_slow_recognition():
    recogniser = Slow(0.2)
    views = watch(Pipeline(Feed(make_frames(30), pause_s=0.02), recogniser))
    pictures = len({view.time_s for view in views})
    assert pictures >= 20
    assert len(recogniser.times) <= 6
    assert views[-1].speed.dropped + len(recogniser.times) == 30
    assert views[-1].speed.latency_ms >= 190


def test_each_frame_of_a_file_comes_with_what_was_seen_in_it():
    words = []
    views = watch(Pipeline(Feed(make_frames(10), live=False), Slow(), on_word=words.append))
    assert [view.recognition.time_s for view in views[:-1]] == pytest.approx(np.arange(10) / 25)
    assert views[-1].recognition.committed == "LAST"
    assert words == ["WORD", "LAST"]


def test_a_source_s_error_is_reported_after_its_frames_were_shown():
    pipeline = Pipeline(Feed(make_frames(3), live=False, error=LiveError("the camera is gone")), Slow())
    views = []
    with pytest.raises(LiveError, match="the camera is gone"):
        watch(pipeline, views)
    assert len(views) == 3


def test_requests_are_handled_before_the_next_frame():
    recogniser = Slow(0.01)
    pipeline = Pipeline(Feed(make_frames(10), pause_s=0.01), recogniser)
    pipeline.request(lambda recogniser, time_s: recogniser.start(time_s))
    watch(pipeline)
    assert recogniser.started == [recogniser.times[0]]
