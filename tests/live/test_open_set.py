"""The benchmark of the open set: what it shows the recognisers, and what it counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from asl_lib.data.demo.lexicon import load_lexicon, minimal_pairs
from asl_lib.live.recogniser import SignRecogniser
from benchmarks import gestures, open_set
from tests.conftest import make_landmarks
from tests.live.conftest import signing
from tests.live.test_recogniser import Oracle, body, follow_all


def demo():
    table = pd.DataFrame([(gloss, signer) for gloss in load_lexicon() for signer in "abc"], columns=["gloss", "signer"])
    table["clip_id"] = table["gloss"] + table["signer"]
    return open_set.Clips([make_landmarks(frames=2)] * len(table), table)


def test_there_are_twenty_gestures_and_half_of_them_are_never_used_for_choices():
    names = [{gesture.gloss for gesture in part} for part in (gestures.TUNING, gestures.HELD_OUT)]
    assert sum(map(len, names)) >= 20
    assert len(names[1]) >= len(names[0])
    assert not names[0] & names[1]


def test_every_sign_is_unknown_once_and_minimal_pairs_are_counted_apart():
    empty = open_set.collected([])
    settings = open_set.settings_of(demo(), ["c"], empty)
    unknown = []
    for setting in settings:
        known = set(setting.train.table["gloss"])
        assert set(setting.train.table["signer"]) == {"a", "b"}
        assert set(setting.known.table["gloss"]) == known
        paired = set(setting.strangers["unknown signs, minimal pairs"].table["gloss"])
        apart = set(setting.strangers["unknown signs"].table["gloss"])
        for first, second, _ in minimal_pairs():
            assert len({first, second} & known) != 1 or {first, second} & paired
            assert not (first in apart and second in known)
            assert not (second in apart and first in known)
        assert set(setting.strangers["unknown signs"].table["signer"]) | {"c"} == {"c"}
        unknown += [*paired, *apart]
    assert sorted(unknown) == sorted(load_lexicon())


def test_words_are_those_of_the_live_recogniser_with_the_seconds_of_the_clip():
    frames = list(signing(body()))
    points = np.stack([values[:, :3] for _, values in frames])
    landmarks = open_set.with_points(make_landmarks(frames=len(frames)), points)
    words, seconds = open_set.words_of(Oracle(), landmarks)
    assert words == [one.committed for one in follow_all(SignRecogniser(Oracle()), frames) if one.committed]
    assert seconds == pytest.approx((len(frames) - 1) / 25 + open_set.PAUSE_S)


def test_people_at_rest_and_walking_raise_no_hand():
    quiet = open_set.collected([("A", "a", open_set.with_points(make_landmarks(frames=1), still()))])
    idle = open_set.idle_clips(quiet, seconds=6.0)
    assert sorted(idle.table["gloss"]) == ["rest", "walking"]
    for landmarks in idle.landmarks:
        assert open_set.words_of(Oracle(), landmarks)[0] == []


def still():
    return next(iter(signing(body())))[1][None, :, :3]
