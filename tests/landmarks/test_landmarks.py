import pytest

from asl_lib.landmarks.landmarks import LandmarkError, Landmarks
from tests.conftest import make_landmarks


def test_a_part_that_a_clip_does_not_have_is_answered_with_those_it_has():
    with pytest.raises(LandmarkError, match=r"no part 'face'.*pose, left_hand, right_hand"):
        make_landmarks().part("face")


def test_landmarks_know_where_their_parts_are():
    landmarks = make_landmarks(parts=("pose", "face", "right_hand"))
    assert isinstance(landmarks, Landmarks)
    assert [landmarks.part(part).shape[1] for part in landmarks.parts] == [33, 468, 21]
