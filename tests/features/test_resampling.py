import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_lib.features.resampling import fill_gaps, resample


@given(gap=st.integers(1, 8), longest=st.integers(0, 8), start=st.integers(0, 19))
def test_gaps_are_filled_up_to_the_longest_and_only_between_sightings(gap, longest, start):
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
def test_in_the_shortest_clips_a_gap_is_one_frame_between_two(frames):
    points = np.arange(frames, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    for at in range(frames):
        holed = points.copy()
        holed[at, 1] = np.nan
        np.testing.assert_array_equal(fill_gaps(holed, max_gap=4), points if (frames, at) == (3, 1) else holed)


def test_a_frame_that_is_taken_as_it_is_does_not_suffer_from_its_neighbours():
    clip = np.arange(12, dtype=np.float32).reshape(6, 1, 2)
    clip[[1, 4]] = np.nan
    np.testing.assert_array_equal(resample(clip, num_frames=6), clip)


def test_resampling_does_not_guess_across_a_gap():
    clip = np.ones((5, 1, 2), np.float32)
    clip[2] = np.nan
    assert np.isnan(resample(clip, num_frames=9)[3:6]).all()
    assert np.isfinite(resample(clip, num_frames=5)[[0, 1, 3, 4]]).all()
    for bad in (lambda: resample(clip, num_frames=1), lambda: resample(clip[:0], num_frames=4)):
        with pytest.raises(ValueError, match="must"):
            bad()
