"""The landmarks are those of mediapipe 0.10.21, whose golden values `scripts/make_golden_landmarks.py` stored."""

import numpy as np
import pytest

from asl_lib.landmarks.hands import HandFinder
from asl_lib.landmarks.tracker import HandLandmarks, HolisticTracker
from benchmarks.tracker import GROUPS, agreement, photographs, render, track, track_body, track_photographs
from scripts.make_golden_landmarks import (
    BODY,
    FACE_EVERY,
    GOLDEN,
    PHOTOGRAPHS,
    golden_clips,
    hand_stream,
    without_face,
)
from tests.conftest import SHARED


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as file:
        return dict(file)


@pytest.fixture(scope="module")
def clips():
    return golden_clips()


@pytest.fixture(scope="module")
def tracked(clips):
    """Return clip -> (T, 543, 2) px, tracked with the face."""
    return track_body(clips, graph="holistic").landmarks


def test_body_and_hands_match_mediapipe(golden, tracked):
    """They differ by less than MediaPipe's own landmarks do when every pixel becomes brighter by one grey level."""
    old = {clip: golden[f"{clip}: body"] for clip in tracked}
    new = {clip: without_face(points) for clip, points in tracked.items()}
    for group, rows in BODY.items():
        found = agreement(new, old, rows)
        assert found["median_px"] <= 0.15, group
        assert found["mean_px"] <= golden[f"one grey level: {group}"], group
        assert found["same"] >= 0.99, group
        assert found["found"] > 60, group


def test_the_face_matches_mediapipe(golden, tracked):
    old = {clip: golden[f"{clip}: face"] for clip in tracked}
    new = {clip: points[::FACE_EVERY, slice(*GROUPS["holistic"]["face"])] for clip, points in tracked.items()}
    found = agreement(new, old, (0, 468))
    assert found["mean_px"] <= 0.3
    assert found["same"] == 1


def test_two_threads_give_the_same_landmarks_as_one(clips, tracked):
    clip = next(iter(clips))
    two = track_body({clip: clips[clip]}, graph="holistic", threads=2).landmarks
    np.testing.assert_array_equal(two[clip], tracked[clip])


def test_hands_in_photographs_match_mediapipe(golden):
    if not (SHARED / "asl_digits").is_dir():
        pytest.skip(f"The shared data sets are not at {SHARED}.")
    new = track_photographs(photographs(SHARED / "asl_digits", PHOTOGRAPHS)).landmarks
    found = agreement({"": np.concatenate(list(new.values()))}, {"": golden["photographs"]}, (0, 21))
    assert found["found"] == 206
    assert found["kept"] >= 0.99
    assert found["mean_px"] <= 1


def test_a_hand_in_a_stream_matches_mediapipe(golden):
    finder = HandFinder(confidence=0.4)
    missing = np.full((21, 3), np.nan)

    def step(picture):
        found = finder.track(picture)
        return missing if found is None else found

    new = track({"": hand_stream()}, step, finder.reset).landmarks
    found = agreement(new, {"": golden["stream"]}, (0, 21))
    assert found["found"] > 15
    assert found["same"] >= 0.95
    assert found["mean_px"] <= 0.3


def test_the_hand_model_is_not_run_for_a_hand_outside_the_picture(monkeypatch):
    """Where less than a fifth of the middle of a hand's region lies in the picture, no hand was ever found."""
    frames = np.ascontiguousarray(render("THANK-YOU", "fay")[:, :310])
    runs = []
    find = HandLandmarks.__call__
    monkeypatch.setattr(HandLandmarks, "__call__", lambda *given: runs.append(given) or find(*given))

    def hands():
        runs.clear()
        with HolisticTracker(("left_hand", "right_hand")) as tracker:
            return tracker.detect(frames, fps=25).points, len(runs)

    points, few = hands()
    monkeypatch.setattr("asl_lib.landmarks.tracker.LEAST_INSIDE", -1.0)
    same_points, many = hands()
    np.testing.assert_array_equal(points, same_points)
    assert few < 0.8 * many
