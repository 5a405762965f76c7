from dataclasses import replace

import numpy as np
import pytest

from asl_lib.landmarks.landmarks import LandmarkError, Landmarks
from tests.conftest import make_landmarks


def test_a_missing_part_error_lists_the_parts_of_the_clip():
    with pytest.raises(LandmarkError, match=r"no part 'face'.*pose, left_hand, right_hand"):
        make_landmarks().part("face")


def test_each_part_of_the_landmarks_has_its_columns():
    landmarks = make_landmarks(parts=("pose", "face", "right_hand"))
    assert isinstance(landmarks, Landmarks)
    assert [landmarks.part(part).shape[1] for part in landmarks.parts] == [33, 468, 21]


def test_frames_have_times_at_a_constant_rate_by_default():
    landmarks = make_landmarks(frames=5)
    np.testing.assert_array_equal(landmarks.times, np.arange(5) / 25)
    assert landmarks.has_constant_rate
    assert not replace(landmarks, times=[0, 1, 2, 3, 9]).has_constant_rate
    for times in ([0, 1, 1, 2, 3], [0, 1, 2, 3, np.nan], [0, 1, 2, 3, np.inf]):
        with pytest.raises(LandmarkError, match="times must be finite, and each later"):
            replace(landmarks, times=times)
    for fps in (0, -25, np.nan, np.inf):
        with pytest.raises(LandmarkError, match="fps must be a number above 0"):
            replace(landmarks, fps=fps)
    with pytest.raises(LandmarkError, match="one number for each of 3 frames"):
        replace(landmarks, points=landmarks.points[:3])
    assert replace(landmarks, points=landmarks.points[:3], times=None).times.tolist() == [0, 0.04, 0.08]
