import threading
from typing import ClassVar

import numpy as np
import pytest

from asl_lib.live.errors import LiveError
from asl_lib.live.recogniser import LiveSettings, Recognition
from asl_lib.live.record import RecordingSession
from asl_lib.live.sessions import Sessions

FRAME = np.zeros((48, 64, 3), np.uint8)


class StandIn:
    """A recogniser that commits the number of frames it has seen, and knows whether it is open."""

    opened: ClassVar[list] = []

    def __init__(self, model, settings):
        self.model, self.settings, self.count, self.open = model, settings, 0, True
        StandIn.opened.append(self)

    def process(self, frame, time_s):
        assert self.open
        self.count += 1
        return Recognition(time_s, committed=f"{self.model}{self.count}")

    def finish(self):
        return Recognition(0.0, committed="end")

    def reset(self):
        self.count = 0

    def start(self, time_s, **_):
        pass

    def close(self):
        self.open = False


class StandInModels:
    """Models a and b for signs, c for letters."""

    names = ("a", "b", "c")

    def spells(self, name):
        return name == "c"

    def threshold(self, name):
        return 0.6 if self.spells(name) else LiveSettings().threshold

    def open(self, name, settings):
        return StandIn(name, settings)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sessions(clock):
    StandIn.opened = []
    return Sessions(StandInModels(), max_sessions=2, silence_s=30, clock=clock)


def test_every_page_has_its_own_tracker_words_and_settings(sessions):
    one, other = sessions.begin(), sessions.begin()
    assert one.token != other.token
    assert sessions.recognise(one.token, FRAME, 0.0).committed == "a1"
    sessions.recognise(one.token, FRAME, 0.1)
    sessions.recognise(other.token, FRAME, 0.0)
    sessions.change(one, threshold=0.9)
    assert (one.transcript.words, other.transcript.words) == (["a1", "a2"], ["a1"])
    assert [r.settings.threshold for r in StandIn.opened] == [0.9, LiveSettings().threshold]


def test_beyond_the_limit_a_page_gets_a_sentence_and_a_place_when_one_is_free(sessions):
    pages = [sessions.begin() for _ in range(3)]
    for page in pages[:2]:
        sessions.recognise(page.token, FRAME, 0.0)
    with pytest.raises(LiveError, match="2 people use the recogniser now") as refused:
        sessions.recognise(pages[2].token, FRAME, 0.0)
    assert refused.value.status == 503
    sessions.rest(pages[0].token)
    assert not StandIn.opened[0].open
    assert sessions.recognise(pages[2].token, FRAME, 0.1) is not None
    assert sessions.active == 2


def test_a_silent_page_loses_its_tracker_keeps_its_words_and_goes_on(sessions, clock):
    page = sessions.begin()
    sessions.recognise(page.token, FRAME, 5.0)
    clock.now = 31
    sessions.sweep()
    assert sessions.active == 0
    assert not StandIn.opened[0].open
    sessions.recognise(page.token, FRAME, 36.0)
    assert page.transcript.words == ["a1", "a1"]
    clock.now += 4000
    sessions.sweep()
    with pytest.raises(LiveError, match="Load the page again"):
        sessions.get(page.token)


def test_a_closed_page_gives_its_place_back_and_is_forgotten(sessions):
    page = sessions.begin()
    sessions.recognise(page.token, FRAME, 0.0)
    sessions.end(page.token)
    assert sessions.active == 0
    assert not StandIn.opened[0].open
    assert not sessions.open_pages
    with pytest.raises(LiveError, match="does not know this page"):
        sessions.recognise(page.token, FRAME, 1.0)


def test_recording_signs_takes_a_place_too_and_what_it_holds_is_let_go(sessions, clock, tmp_path):
    pages = [sessions.begin() for _ in range(3)]
    for page in pages:
        page.recorder = RecordingSession(tmp_path, signer="zoe", glosses=["HELLO"])
    for page in pages[:2]:
        assert sessions.prompt(page.token, FRAME, 0.0).phase == "ready"
    with pytest.raises(LiveError, match="places are taken"):
        sessions.prompt(pages[2].token, FRAME, 0.0)
    clock.now = 31
    sessions.sweep()
    assert sessions.active == 0
    with pytest.raises(LiveError, match="Press Begin"):
        sessions.prompt(pages[0].token, FRAME, 1.0)


def test_a_frame_that_is_older_than_the_last_is_left_out(sessions):
    page = sessions.begin()
    sessions.recognise(page.token, FRAME, 2.0)
    assert sessions.recognise(page.token, FRAME, 1.9) is None
    sessions.restart(page.token)  # a clip has its own clock
    assert sessions.recognise(page.token, FRAME, 0.0) is not None


def test_frames_do_not_queue_while_one_is_looked_at(sessions):
    page = sessions.begin()
    sessions.recognise(page.token, FRAME, 0.0)
    answers = []
    with page.lock:  # a frame that takes long
        waiting = [
            threading.Thread(target=lambda at=at: answers.append(sessions.recognise(page.token, FRAME, at)))
            for at in (1.0, 2.0, 3.0, 4.0)
        ]
        for thread in waiting:
            thread.start()
        for thread in waiting[2:]:
            thread.join(0.5)
        assert answers.count(None) == 2
    for thread in waiting:
        thread.join()
    assert StandIn.opened[0].count in (2, 3)


def test_another_model_is_used_from_the_next_frame_on_and_letters_begin_a_new_transcript(sessions):
    page = sessions.begin()
    sessions.recognise(page.token, FRAME, 0.0)
    sessions.change(page, model="b")
    assert sessions.recognise(page.token, FRAME, 0.1).committed == "b1"
    assert not StandIn.opened[0].open
    assert page.transcript.words == ["a1", "b1"]
    sessions.change(page, model="c")
    sessions.recognise(page.token, FRAME, 0.2)
    assert page.transcript.words == ["c1"]


def test_a_model_that_cannot_be_opened_takes_no_place():
    class Broken(StandInModels):
        def open(self, name, settings):
            raise ValueError("no such network")

    sessions = Sessions(Broken(), max_sessions=1)
    page = sessions.begin()
    with pytest.raises(ValueError, match="no such network"):
        sessions.recognise(page.token, FRAME, 0.0)
    assert sessions.active == 0


def test_the_limit_must_let_somebody_in():
    with pytest.raises(ValueError, match="At least 1"):
        Sessions(StandInModels(), max_sessions=0)
