import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_lib.features.resampling import MOST_FRAMES, fill_gaps, nearest_frames, resample, resample_in_time


@given(gap=st.integers(1, 8), longest=st.integers(0, 8), start=st.integers(0, 19))
def test_gaps_up_to_the_limit_are_filled_between_detections_only(gap, longest, start):
    points = np.arange(20, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    holed = points.copy()
    holed[start : start + gap, 0] = np.nan
    filled = fill_gaps(holed, max_gap=longest)
    if start > 0 and start + gap < 20 and gap <= longest:
        np.testing.assert_allclose(filled, points, rtol=1e-6)
    else:
        np.testing.assert_array_equal(filled, holed)


@given(frames=st.integers(1, 30), num_frames=st.integers(2, 50))
def test_resampling_keeps_both_ends_and_straight_lines(frames, num_frames):
    clip = np.linspace(0, 1, frames, dtype=np.float32)[:, None, None] * np.ones((1, 3, 2), np.float32)
    result = resample(clip, num_frames=num_frames)
    assert result.shape == (num_frames, 3, 2)
    expected = np.linspace(0, 1, num_frames) if frames > 1 else np.zeros(num_frames)
    np.testing.assert_allclose(result[:, 0, 0], expected, atol=1e-5)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_gap_of_one_frame_is_filled_in_a_clip_of_three(frames):
    points = np.arange(frames, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    for at in range(frames):
        holed = points.copy()
        holed[at, 1] = np.nan
        np.testing.assert_array_equal(fill_gaps(holed, max_gap=4), points if (frames, at) == (3, 1) else holed)


def test_a_frame_taken_without_interpolation_ignores_its_neighbours():
    clip = np.arange(12, dtype=np.float32).reshape(6, 1, 2)
    clip[[1, 4]] = np.nan
    np.testing.assert_array_equal(resample(clip, num_frames=6), clip)


def test_resampling_does_not_interpolate_across_a_gap():
    clip = np.ones((5, 1, 2), np.float32)
    clip[2] = np.nan
    assert np.isnan(resample(clip, num_frames=9)[3:6]).all()
    assert np.isfinite(resample(clip, num_frames=5)[[0, 1, 3, 4]]).all()
    for bad in (lambda: resample(clip, num_frames=1), lambda: resample(clip[:0], num_frames=4)):
        with pytest.raises(ValueError, match="must"):
            bad()


def test_uneven_frames_are_repeated_or_dropped_to_fit_an_even_grid():
    times = np.array([3.0, 3.09, 3.14, 3.2, 3.51])
    assert nearest_frames(times, fps=10).tolist() == [0, 1, 3, 3, 4, 4]
    assert nearest_frames(np.arange(8) / 25, fps=25).tolist() == list(range(8))


def ramp(*values):
    """Return a clip of one point with these coordinates."""
    return np.array(values, np.float32)[:, None, None]


def test_uneven_frames_are_resampled_to_their_median_rate_or_the_requested_one():
    times = np.array([5.0, 5.1, 5.2, 5.5])
    usual = resample_in_time(ramp(0, 1, 2, 5), times)
    np.testing.assert_allclose(usual, ramp(0, 1, 2, 3, 4, 5), atol=1e-5)
    np.testing.assert_allclose(resample_in_time(ramp(0, 1, 2, 5), times, fps=4), ramp(0, 2.5, 5), atol=1e-5)
    np.testing.assert_array_equal(resample_in_time(ramp(7), np.array([3.0])), ramp(7, 7))


def test_frames_at_a_nearly_constant_rate_are_unchanged():
    times = 7 + np.arange(6) / 25 + np.array([0, 3e-5, -3e-5, 3e-5, -3e-5, 0])
    clip = ramp(1e6, -1e6, 3, 1e6, -1e6, 0)
    np.testing.assert_array_equal(resample_in_time(clip, times, fps=25), clip)


def test_a_wrong_timestamp_makes_no_more_than_the_maximum_number_of_frames():
    found = resample_in_time(ramp(0, 1, 2, 3), np.array([0.0, 0.04, 0.08, 1e8]))
    assert len(found) == MOST_FRAMES
    np.testing.assert_allclose(found[[0, -1]], ramp(0, 3))
