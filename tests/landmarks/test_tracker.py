import subprocess
import sys

import numpy as np
import pytest

from asl_lib.data.video import read_frames
from asl_lib.landmarks.landmarks import PARTS, LandmarkError
from asl_lib.landmarks.tracker import HolisticTracker


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


def test_a_clip_without_frames_and_an_unknown_part_are_refused():
    with HolisticTracker(("pose",)) as tracker, pytest.raises(LandmarkError, match="at least one frame"):
        tracker.detect([], fps=25)
    with pytest.raises(LandmarkError, match="no part 'foot'"):
        HolisticTracker(("foot",))


def test_to_track_needs_neither_mediapipe_nor_tensorflow():
    program = (
        "import sys, numpy as np; from asl_lib.landmarks.tracker import HolisticTracker; "
        "HolisticTracker().track(np.zeros((48, 64, 3), np.uint8)); "
        "print(sorted({'mediapipe', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
