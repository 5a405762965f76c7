"""Recorded clips as a stream, recognised by a sliding window and by ours, and the scores of both."""

from __future__ import annotations

import numpy as np
import pytest

from asl_lib.data.video import fit_into, read_frames, video_info
from asl_lib.landmarks.landmarks import Landmarks
from asl_lib.live.recogniser import LiveSettings, Recognition, SignRecogniser
from asl_lib.live.replay import (
    SignInterval,
    StreamOutput,
    join_landmarks,
    join_videos,
    recognise_landmarks,
    recognise_video,
    score_stream,
    sliding_window,
    tracked_landmarks,
)
from asl_lib.plots import plot_recognition, plot_screens
from tests.conftest import make_frames, make_landmarks, timed
from tests.live.conftest import GLOSSES, signing
from tests.live.test_recogniser import SIZE, Oracle, body

PARTS = ("pose", "left_hand", "right_hand")


def signed_clip():
    values = np.stack([values for _, values in signing(body())])
    return Landmarks(values[..., :3], values[..., 3], PARTS, 25.0, *SIZE)


def test_clips_become_one_video_with_pauses_whatever_their_form(tmp_path):
    clips = [("HELLO", timed(make_frames(10))), ("BOOK", timed(make_frames(5, height=200, width=80)))]
    signs = join_videos(tmp_path / "stream.mp4", clips, size=(160, 120))
    info = video_info(tmp_path / "stream.mp4")
    assert (info.width, info.height, info.fps) == (160, 120, 25)
    assert len([picture for _, picture in read_frames(tmp_path / "stream.mp4")]) == 10 + 12 + 5 + 12
    assert signs == [SignInterval("HELLO", 0.0, 9 / 25), SignInterval("BOOK", 22 / 25, 26 / 25)]


def test_each_picture_of_a_slow_camera_is_shown_from_its_time_to_that_of_the_next(tmp_path):
    pictures = [np.full((120, 160, 3), level, np.uint8) for level in (50, 100, 150, 200)]
    signs = join_videos(tmp_path / "stream.mp4", [("HELLO", timed(pictures, fps=10))], size=(160, 120))
    levels = [round(picture.mean() / 50) for _, picture in read_frames(tmp_path / "stream.mp4")]
    assert levels == [1, 1, 1, 2, 2, 3, 3, 3, 4] + [4] * 12
    assert signs == [SignInterval("HELLO", 0.0, 8 / 25)]


@pytest.mark.parametrize("shape", [(100, 300), (300, 100), (480, 640), (32, 56)])
def test_a_picture_of_any_form_is_fitted_in_without_being_squeezed(shape):
    frame = np.zeros((*shape, 3), np.uint8)
    frame[shape[0] // 2 - 5 : shape[0] // 2 + 5, shape[1] // 2 - 5 : shape[1] // 2 + 5] = 255
    fitted = fit_into(frame, (320, 240))
    assert fitted.shape == (240, 320, 3)
    rows, columns = np.nonzero(fitted[..., 0] > 128)
    assert abs(np.ptp(rows) - np.ptp(columns)) <= 2
    assert abs(rows.mean() - 119.5) <= 4
    assert abs(columns.mean() - 159.5) <= 4


def test_joined_landmarks_are_recognised_like_a_camera_s_and_scored():
    frames, signs = join_landmarks([("HELLO", signed_clip()), ("BOOK", signed_clip())], PARTS)
    assert [sign.gloss for sign in signs] == ["HELLO", "BOOK"]
    seen = recognise_landmarks(frames, Oracle(), size=SIZE)
    score = score_stream(StreamOutput.of(seen), signs)
    assert (score.signs, score.right, score.wrong) == (2, 1, 1)  # the oracle says HELLO to both
    assert 0 < score.delays_s[0] <= 0.5
    assert "1 of 2 signs got their word" in str(score)


def test_tracked_landmarks_can_be_recognised_again_without_the_tracker():
    frames, _ = join_landmarks([("HELLO", signed_clip())], PARTS)
    seen = recognise_landmarks(frames, Oracle(), size=SIZE)
    again = tracked_landmarks(seen[:-1], PARTS)
    for (time_s, values), (other_s, other) in zip(frames, again, strict=True):
        assert time_s == other_s
        np.testing.assert_array_equal(values, other)


def test_a_sliding_window_gives_a_word_whenever_a_likely_guess_differs_from_the_last():
    answers = iter([np.array(a, float) for a in ([1, 0, 0], [0, 1, 0], [0.4, 0.3, 0.3], [0, 1, 0], [1, 0, 0])])
    frames = [(index / 25, np.zeros((75, 4), np.float32)) for index in range(7)]
    output = sliding_window(frames, lambda _: next(answers), GLOSSES, PARTS, size=SIZE, threshold=0.5, window=3)
    assert [label for _, label in output.labels] == ["BOOK", "HELLO", "BOOK", "HELLO", "BOOK"]
    assert [word for _, word in output.words] == ["BOOK", "HELLO", "BOOK"]


def test_needless_changes_are_those_to_signs_that_were_not_signed():
    signs = [SignInterval("HELLO", 0.0, 1.0), SignInterval("BOOK", 2.0, 3.0)]
    labels = [(0.1, ""), (0.5, "MOTHER"), (0.9, "HELLO"), (2.1, "HELLO"), (2.5, "BOOK"), (2.6, "HELLO"), (2.9, "BOOK")]
    score = score_stream(StreamOutput(labels, [(1.1, "HELLO"), (3.1, "BOOK"), (3.2, "BOOK")]), signs)
    assert (score.changes, score.needless) == (5, 1)
    assert (score.right, score.wrong) == (2, 1)
    assert score.delays_s == pytest.approx((0.1, 0.1))


def test_a_word_that_comes_too_late_or_too_early_is_wrong():
    signs = [SignInterval("HELLO", 1.0, 2.0)]
    for time_s in (0.5, 3.5):
        score = score_stream(StreamOutput([(0.0, ""), (4.0, "")], [(time_s, "HELLO")]), signs)
        assert (score.right, score.wrong) == (0, 1)


def test_a_video_is_replayed_frame_by_frame_and_drawn(classifier, clip):
    with SignRecogniser(classifier, settings=LiveSettings(threshold=0.0)) as recogniser:
        seen = recognise_video(clip, recogniser)
    assert len(seen) == len([picture for _, picture in read_frames(clip)]) + 1
    assert sum(bool(one.committed) for one in seen) == 1
    figure = plot_recognition(seen, [SignInterval("HELLO", 0.0, 1.2)], threshold=0.0)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "HELLO" in texts
    word = next(one.committed for one in seen if one.committed)
    assert (word if word == "HELLO" else f"{word} ✗") in texts


def test_screens_are_shown_two_in_a_row_with_their_titles():
    figure = plot_screens([np.zeros((40, 60, 3), np.uint8)] * 3, ["a", "b", "c"])
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["a", "b", "c", ""]


def test_a_stream_without_words_is_scored_too():
    score = score_stream(StreamOutput.of([Recognition(0.0), Recognition(1.0)]), [SignInterval("HELLO", 0.0, 1.0)])
    assert (score.right, score.wrong, score.changes, score.delays_s) == (0, 0, 0, ())


def test_a_clip_in_which_nobody_is_seen_is_a_sign_all_the_same():
    landmarks = make_landmarks(frames=6, missing=[(part, 0, 6) for part in PARTS])
    frames, signs = join_landmarks([("HELLO", landmarks)], PARTS)
    assert len(frames) == 18
    assert signs == [SignInterval("HELLO", 0.0, 5 / 25)]
