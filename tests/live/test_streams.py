"""Recorded streams of signs and everyday gestures, as tracked: signs get their word, gestures are refused, everywhere.

The window and the recogniser of files are given the landmarks by a tracker that plays them, as fast as they are asked.
"""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest

from asl_lib.course.cli import main
from asl_lib.data.video import write_video
from asl_lib.live import window
from asl_lib.live.networks import open_recogniser
from asl_lib.live.replay import StreamOutput, join_landmarks, recognise_landmarks, score_stream
from asl_lib.live.vocabulary import Vocabulary
from asl_lib.training.pretrain import load_embedding
from benchmarks.gestures import HELD_OUT
from tests.live.streams import PARTS, SIGNS, SIZE, learn_signs, recorded_streams

GESTURES = tuple(gesture.gloss for gesture in HELD_OUT)
LIKE_SIGNS = {"count", "shrug", "look at the watch"}
"""Gestures that are made as WHERE, WANT and HELP are: the embedding of `asl pretrain` takes them for these, too."""
STRANGE = [name for name in GESTURES if name not in LIKE_SIGNS]


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """The folder of a course that has learned the signs from other signers, and its network's folder."""
    home = tmp_path_factory.mktemp("learned")
    return home, learn_signs(home, SIGNS, pseudo_signs=100)


@pytest.fixture
def at_home(learned, monkeypatch):
    """The network's folder, in its course."""
    monkeypatch.setenv("ASL_HOME", str(learned[0]))
    return learned[1]


@pytest.fixture
def classifier(at_home):
    """The network as `asl live` opens it."""
    return open_recogniser(at_home, taught=Vocabulary(load_embedding())).classifier


@pytest.fixture(scope="module")
def stream():
    """All signs and gestures, one after the other, and the intervals of the signs."""
    frames, intervals = join_landmarks([*recorded_streams().items()], PARTS)
    return frames, [sign for sign in intervals if sign.gloss in SIGNS]


def answers_to(names, classifier):
    """Return the word of each stream, "" where there was none."""
    streams, said = recorded_streams(), []
    for name in names:
        frames, _ = join_landmarks([(name, streams[name])], PARTS)
        seen = recognise_landmarks(frames, classifier, size=SIZE)
        words = [one.committed for one in seen if one.committed]
        assert not (words and seen[-1].refused), name
        said.append(words[0] if words else "")
    return said


def test_the_streams_are_those_of_the_signs_and_of_the_gestures_that_nothing_was_chosen_with():
    assert tuple(recorded_streams()) == (*SIGNS, *GESTURES)


def test_known_signs_get_their_word_at_the_shipped_defaults(classifier):
    said = answers_to(SIGNS, classifier)
    assert sum(word == sign for word, sign in zip(said, SIGNS, strict=True)) >= len(SIGNS) - 1, said


def test_gestures_are_refused_at_the_shipped_defaults_and_named_where_nothing_is_known_of_the_training(classifier):
    assert answers_to(STRANGE, classifier).count("") >= len(STRANGE) - 2
    classifier.known = None
    assert answers_to(STRANGE, classifier).count("") <= 2


@pytest.mark.parametrize("way", ["file", "window"])
def test_a_file_and_the_window_write_the_same_words_and_say_what_they_refuse(
    way, at_home, classifier, stream, tmp_path, monkeypatch, capsys
):
    frames, signs = stream
    expected = StreamOutput.of(recognise_landmarks(frames, classifier, size=SIZE))
    score = score_stream(expected, signs)
    assert score.right >= len(SIGNS) - 1
    assert score.wrong <= len(LIKE_SIGNS) + 2
    clip = tmp_path / "clip.mp4"
    write_video(clip, [np.full((104, 120, 3), 90, np.uint8)] * len(frames), fps=25)
    monkeypatch.setattr("asl_lib.live.recogniser.open_tracker", lambda *_, **__: Played(frames))
    arguments = ["live", "--source", str(clip), "--model", str(at_home), "--fast"]
    screen = Screen()
    if way == "window":
        monkeypatch.setattr(window, "require_display", lambda: None)
        monkeypatch.setattr(window, "_open_window", screen.opened)
    assert main([*arguments, *(["--no-window"] if way == "file" else [])]) == 0
    printed = capsys.readouterr().out
    assert f"transcript: {' '.join(word for _, word in expected.words)}\n" in printed
    assert printed.count("(not a sign I know)") >= len(STRANGE) - 2
    assert screen.count == (len(frames) + 1 if way == "window" else 0)


class Played:
    """A tracker that finds what was tracked before."""

    def __init__(self, frames):
        self._values = iter([values for _, values in frames])

    def track(self, _, *, seconds):
        return next(self._values)

    def reset(self):
        pass

    def close(self):
        pass


class Screen:
    """A window that nobody sees, at which no key is pressed."""

    count = 0

    @contextmanager
    def opened(self, *_):
        yield self

    def show(self, picture):
        self.count += 1

    def key(self):
        return -1
