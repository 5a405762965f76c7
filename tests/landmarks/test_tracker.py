import shutil
import subprocess
import sys

import numpy as np
import pytest

from asl_lib.data.video import read_frames
from asl_lib.landmarks.hands import HandFinder, find_hands
from asl_lib.landmarks.landmarks import PARTS, LandmarkError
from asl_lib.landmarks.model_files import model_path, models_folder
from asl_lib.landmarks.tracker import FRAME_S, HolisticTracker, OneEuroFilter, filter_step


@pytest.fixture(scope="module")
def real_clips():
    from tests.conftest import SHARED

    if not SHARED.is_dir():
        pytest.skip(f"The shared data sets are not at {SHARED}.")
    one = [picture for _, picture in read_frames(SHARED / "video" / "conversation_sign.mp4", start=14, end=30)]
    other = [picture for _, picture in read_frames(SHARED / "video" / "thumb_up.mp4", start=60, end=66)]
    return one, other


def test_a_real_signer_is_found_and_her_missing_hand_is_nan(real_clips):
    with HolisticTracker() as tracker:
        found = tracker.detect(real_clips[0], fps=25)
    assert found.points.shape == (16, 543, 3)
    assert found.seen("pose").all()
    assert found.seen("face").all()
    assert found.seen("right_hand").mean() > 0.5
    assert not found.seen("left_hand").any()
    assert np.isnan(found.part("left_hand")).all()
    nose = found.part("pose")[:, 0, :2]
    assert ((nose > 0) & (nose < 1)).all()


def test_landmarks_do_not_depend_on_the_clip_before_nor_on_the_face_branch(real_clips):
    one, other = real_clips

    def detect(parts, *clips):
        with HolisticTracker(parts) as tracker:
            return [tracker.detect(clip, fps=25) for clip in clips]

    alone = detect(tuple(PARTS), one)[0]
    after_another = detect(("pose", "left_hand", "right_hand"), other, one)[1]
    for part in ("pose", "left_hand", "right_hand"):
        np.testing.assert_array_equal(alone.part(part), after_another.part(part))


def test_a_slow_camera_s_landmarks_lag_no_longer_than_a_fast_one_s():
    def after_a_jump(fps, seconds=0.5):
        smooth = OneEuroFilter(1.0, 0.0)
        smooth(np.zeros(1), scale=1.0)
        steps = [filter_step(1 / fps, 25)] * round(seconds * fps)
        return [smooth(np.ones(1), scale=1.0, seconds=step).item() for step in steps][-1]

    assert after_a_jump(10) == pytest.approx(after_a_jump(30), abs=0.05)
    assert after_a_jump(100) == pytest.approx(after_a_jump(30), abs=0.05)


def test_frames_at_the_rate_of_a_clip_count_as_they_always_did():
    for fps in (12, 25, 29.97, 50):
        stamps = np.round(np.arange(50) / fps, 3)  # a clock of milliseconds
        assert {filter_step(since_s, fps) for since_s in np.diff(stamps)} == {FRAME_S}
    assert filter_step(0.1, 25) == 0.1
    assert filter_step(0.0, 25) > 0


def test_a_clip_without_frames_and_an_unknown_part_are_refused():
    with HolisticTracker(("pose",)) as tracker, pytest.raises(LandmarkError, match="at least one frame"):
        tracker.detect([], fps=25)
    with pytest.raises(LandmarkError, match="no part 'foot'"):
        HolisticTracker(("foot",))


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (None, "got NoneType"),
        (np.zeros((48, 64), np.uint8), r"uint8 of shape \(48, 64\)"),
        (np.zeros((48, 64, 1), np.uint8), r"got uint8 of shape \(48, 64, 1\)"),
        (np.zeros((48, 64, 4), np.uint8), r"got uint8 of shape \(48, 64, 4\)"),
        (np.zeros((48, 64, 3), np.float32), "got float32"),
        (np.zeros((48, 64, 3), np.int64), "got int64"),
        (np.zeros((0, 64, 3), np.uint8), "sides of 1 to"),
        (np.zeros((1, 32_767, 3), np.uint8), "sides of 1 to 32766 px"),
    ],
    ids=["none", "gray", "one channel", "alpha", "float", "int", "empty", "long"],
)
def test_what_is_no_picture_is_refused_and_not_tracked_as_the_picture_before(picture, words):
    with HolisticTracker(("pose",)) as tracker, pytest.raises(LandmarkError, match=words):
        tracker.detect([picture], fps=25)
    if picture is not None:
        with pytest.raises(LandmarkError, match=words):
            HandFinder(confidence=0.5).track(picture)
        with pytest.raises(LandmarkError, match=words):
            find_hands([picture])


def test_pictures_of_any_size_and_layout_in_memory_are_tracked():
    with HolisticTracker(("pose",)) as tracker:
        for picture in (np.zeros((1, 1, 3), np.uint8), np.zeros((2, 5000, 3), np.uint8)):
            assert np.isnan(tracker.detect([picture, picture[:, ::-1]], fps=25).points).all()


def test_a_damaged_model_is_named_with_the_command_that_fetches_it_again(tmp_path, monkeypatch):
    shutil.copytree(models_folder(), tmp_path / models_folder().name)
    monkeypatch.setenv("ASL_CACHE", str(tmp_path))
    whole = model_path("pose_landmark_full").read_bytes()
    for content in (whole[:1000], b""):
        model_path("pose_landmark_full").write_bytes(content)
        with pytest.raises(
            LandmarkError, match=r"pose_landmark_full\.tflite cannot be used .*asl_lib.landmarks.model_files"
        ):
            HolisticTracker(("pose",))


def test_to_track_needs_neither_mediapipe_nor_tensorflow():
    program = (
        "import sys, numpy as np; from asl_lib.landmarks.tracker import HolisticTracker; "
        "HolisticTracker().track(np.zeros((48, 64, 3), np.uint8)); "
        "print(sorted({'mediapipe', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
