"""StreamScore output: thresholds, hysteresis, words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_lib.live.words import Commits, Smoother, Transcript


def one_hot(label, classes=3, sure=1.0):
    rest = (1 - sure) / (classes - 1)
    return np.where(np.arange(classes) == label, sure, rest)


def test_nothing_is_shown_below_the_threshold():
    smoother = Smoother(3, threshold=0.6)
    assert smoother.update(np.array([0.5, 0.3, 0.2]), 0.0) is None


def test_a_single_outlier_does_not_change_what_is_shown():
    smoother = Smoother(3, memory_s=0.3)
    shown = [smoother.update(one_hot(1 if index == 5 else 0), index / 10) for index in range(10)]
    assert shown == [0] * 10


def test_a_lasting_change_is_shown_within_twice_the_memory():
    smoother = Smoother(3, memory_s=0.3)
    smoother.update(one_hot(0), 0.0)
    shown = [smoother.update(one_hot(1), 0.1 * index) for index in range(1, 8)]
    assert shown[-1] == 1
    assert shown.index(1) <= 5


def test_between_two_signs_that_are_nearly_as_likely_nothing_flips():
    smoother = Smoother(2, memory_s=0.0, threshold=0.4, margin=0.2)
    shown = [smoother.update(np.array([0.5 + sway, 0.5 - sway]), i) for i, sway in enumerate([0.2, -0.05, 0.05, -0.09])]
    assert shown == [0, 0, 0, 0]


@given(
    rates=st.lists(st.lists(st.floats(0.01, 1), min_size=4, max_size=4), min_size=1, max_size=30),
    memory_s=st.floats(0, 2),
)
def test_the_mean_stays_a_distribution_and_what_is_shown_is_likely(rates, memory_s):
    smoother = Smoother(4, memory_s=memory_s, threshold=0.5, margin=0.1)
    for index, values in enumerate(rates):
        shown = smoother.update(np.array(values) / sum(values), index / 25)
        assert smoother.mean.sum() == pytest.approx(1)
        assert shown is None or smoother.mean[shown] >= 0.4 - 1e-9


@given(
    rates=st.lists(st.lists(st.floats(0.01, 1), min_size=3, max_size=3), min_size=1, max_size=60),
    threshold=st.floats(0.34, 0.9),
    margin=st.floats(0, 0.5),
)
def test_a_word_never_has_a_probability_below_the_threshold(rates, threshold, margin):
    smoother, commits = Smoother(3, memory_s=0.2, threshold=threshold, margin=margin), Commits(hold_s=0.1)
    for index, values in enumerate(rates):
        smoother.update(np.array(values) / sum(values), index / 25)
        word = commits.held(smoother.sure, smoother.since_s, index / 25)
        assert word is None or smoother.mean[word] >= threshold


def test_after_a_reset_the_past_counts_nothing():
    smoother = Smoother(3, memory_s=10.0)
    smoother.update(one_hot(0), 0.0)
    smoother.reset()
    assert smoother.shown is None
    assert smoother.update(one_hot(2), 0.1) == 2


def test_a_sign_that_is_held_becomes_one_word_and_its_end_adds_none():
    commits = Commits(hold_s=0.5)
    words = [commits.held(1, 0.0, 0.1 * index) for index in range(12)]
    assert [word for word in words if word is not None] == [1]
    assert commits.ended(1) is None
    assert commits.ended(1) == 1  # signed once more, after a pause


def test_a_sign_that_ends_without_being_held_becomes_a_word():
    assert Commits().ended(2) == 2
    assert Commits().ended(None) is None


def test_words_are_added_and_removed():
    transcript = Transcript()
    for word in ("HELLO", "MOTHER"):
        transcript.add(word)
    assert transcript.words == ["HELLO", "MOTHER"]
    transcript.undo()
    assert transcript.text == "HELLO"
    transcript.clear()
    transcript.undo()
    assert transcript.text == ""


def test_letters_make_words_with_space_and_delete():
    transcript = Transcript(spelling=True)
    for letter in ["H", "I", "nothing", "space", "T", "X", "del", "O"]:
        transcript.add(letter)
    assert transcript.text == "HI TO"
    assert transcript.words == ["HI", "TO"]
