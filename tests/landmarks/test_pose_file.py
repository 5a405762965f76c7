from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_lib.landmarks.landmarks import PARTS, LandmarkError
from asl_lib.landmarks.pose_file import read_pose, write_pose
from tests.conftest import make_landmarks


def test_landmarks_and_their_gaps_are_unchanged_in_a_pose_file(tmp_path):
    before = make_landmarks(missing=[("left_hand", 0, 20), ("right_hand", 5, 9)])
    write_pose(tmp_path / "a.pose", before)
    after = read_pose(tmp_path / "a.pose")
    assert (after.parts, after.fps, after.width, after.height) == (before.parts, 25.0, 640, 480)
    np.testing.assert_allclose(after.points, before.points, atol=1e-6)
    assert np.array_equal(after.seen("right_hand"), before.seen("right_hand"))
    assert not after.seen("left_hand").any()


def test_pose_format_reads_our_files(tmp_path):
    from pose_format import Pose
    from pose_format.utils.generic import detect_known_pose_format

    before = make_landmarks(missing=[("right_hand", 5, 9)])
    write_pose(tmp_path / "a.pose", before)
    pose = Pose.read((tmp_path / "a.pose").read_bytes())
    assert detect_known_pose_format(pose.header) == "holistic"
    assert pose.body.data.mask[5, 0, -1, 0]
    np.testing.assert_allclose(pose.body.data[0, 0, 0, :2], before.points[0, 0, :2] * (640, 480), rtol=1e-5)


def test_extra_components_of_a_pose_file_are_ignored(shared_data):
    """Three files of the real lexicon are whole: 586 points with the face and world landmarks."""
    sizes = set()
    for path in sorted((shared_data / "fingerspelling" / "gsg").glob("*.pose")):
        landmarks = read_pose(path)
        sizes.add(len(landmarks.parts))
        assert landmarks.points.shape[1] == sum(PARTS[part] for part in landmarks.parts)
        assert np.nanmax(np.abs(landmarks.points[..., 2])) < 10, "z must be in image widths"
    assert sizes == {3, 4}


@pytest.mark.parametrize("content", [b"", b"no pose at all", b"\x00" * 4000])
def test_a_damaged_pose_file_is_named(tmp_path, content):
    (tmp_path / "bad.pose").write_bytes(content)
    with pytest.raises(LandmarkError, match=r"bad\.pose"):
        read_pose(tmp_path / "bad.pose")


def test_a_truncated_pose_file_is_named(tmp_path):
    write_pose(tmp_path / "a.pose", make_landmarks())
    content = (tmp_path / "a.pose").read_bytes()
    for length in (10, 500, len(content) // 2, len(content) - 4):
        (tmp_path / "cut.pose").write_bytes(content[:length])
        with pytest.raises(LandmarkError, match=r"cut\.pose"):
            read_pose(tmp_path / "cut.pose")


def test_a_pose_file_of_another_tracker_is_refused_by_name(tmp_path):
    from pose_format import Pose
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

    component = PoseHeaderComponent("pose_keypoints_2d", ["Nose"], [], [], "XYC")
    header = PoseHeader(0.2, PoseHeaderDimensions(10, 10), [component])
    with (tmp_path / "openpose.pose").open("wb") as file:
        Pose(header, NumPyPoseBody(25, np.zeros((2, 1, 1, 2)), np.ones((2, 1, 1)))).write(file)
    with pytest.raises(LandmarkError, match=r"MediaPipe Holistic.*holds pose_keypoints_2d"):
        read_pose(tmp_path / "openpose.pose")


@pytest.mark.parametrize(
    ("scale", "offset"), [(1, 0), (640, 0), (1, 250)], ids=["in widths", "in px", "moved into a box of 500"]
)
def test_depth_is_returned_in_image_widths_whatever_the_file_s_scale(tmp_path, scale, offset):
    before = make_landmarks()
    changed = before.points.copy()
    changed[..., 2] = changed[..., 2] * scale + offset
    write_pose(tmp_path / "a.pose", replace(before, points=changed))
    after = read_pose(tmp_path / "a.pose").points[..., 2]
    within = after - after[:, :1], before.points[..., 2] - before.points[:, :1, 2]
    np.testing.assert_allclose(*within, atol=1e-3)


def test_hands_of_real_files_have_depth(shared_data):
    """In the lexicon z has an offset of 250: taken for px, it would flatten every hand."""
    for signer in ("asq", "swl"):
        hand = read_pose(sorted((shared_data / "fingerspelling" / signer).glob("*.pose"))[0]).part("right_hand")
        wide, deep = (np.nanstd(hand[..., axis] - hand[:, :1, axis]) for axis in (0, 2))
        assert 0.2 < deep / wide < 3


@given(fps=st.floats(1, 240), frames=st.integers(2, 40))
def test_times_at_a_constant_rate_are_unchanged_in_a_pose_file(tmp_path_factory, fps, frames):
    path = tmp_path_factory.mktemp("poses") / "a.pose"
    before = replace(make_landmarks(frames=frames), fps=fps, times=None)
    write_pose(path, before)
    np.testing.assert_allclose(read_pose(path).times, before.times, rtol=1e-6)
