"""MediaPipe's own tracker. `test_trackers.py` runs these tests where there is no network: it would send metrics."""

import json

import numpy as np
import pytest

from asl_lib.data.registry import get_dataset
from asl_lib.data.video import clip_frames
from asl_lib.landmarks.extract import recorded_tracker
from asl_lib.landmarks.landmarks import LandmarkError
from asl_lib.landmarks.store import load_landmarks
from asl_lib.landmarks.trackers import open_tracker
from tests.landmarks.test_trackers import POSE_AND_HANDS, demo, extracted

__all__ = ["demo"]  # a fixture


def test_mediapipe_s_own_tracker_finds_the_same_body_with_the_same_models(demo, capfd):
    folder, clips = demo
    frames = [picture for _, picture in clip_frames(clips.iloc[0], folder)][:20]
    found = {}
    for name in ("litert", "mediapipe"):
        with open_tracker(name, ("pose", "face", "left_hand", "right_hand")) as tracker:
            found[name] = tracker.detect(frames, fps=25)
        errors = capfd.readouterr().err
        assert ("send metrics" in errors) == (name == "mediapipe")
        assert "oneDNN" not in errors, "nothing of the libraries that MediaPipe imports"
    ours, theirs = found.values()
    width, height = frames[0].shape[1], frames[0].shape[0]
    for part in ("pose", "face", "right_hand"):
        assert (ours.seen(part) == theirs.seen(part)).mean() >= 0.9
        points = slice(0, 17) if part == "pose" else slice(None)  # without the legs, which the picture does not show
        apart = (ours.part(part) - theirs.part(part))[:, points, :2] * (width, height)
        assert np.nanmedian(np.hypot(apart[..., 0], apart[..., 1])) < 2, part


def test_its_clips_do_not_depend_on_each_other_and_its_face_can_be_left_out(demo):
    folder, clips = demo
    frames = [picture for _, picture in clip_frames(clips.iloc[0], folder)][:6]
    with open_tracker("mediapipe", POSE_AND_HANDS) as tracker:
        first, again = (tracker.detect(frames, fps=25) for _ in range(2))
    np.testing.assert_array_equal(first.points, again.points)
    assert first.points.shape == (6, 75, 3)


def test_another_tracker_is_noticed_and_never_mixed(demo):
    folder, clips = demo
    pose = folder / "poses" / "book.pose"
    assert extracted(demo).done == 1
    ours = pose.read_bytes()
    record = json.loads(pose.with_suffix(".json").read_text())
    assert record["tracker"] == "litert"
    other = extracted(demo, tracker="mediapipe")
    assert (other.done, other.renewed, other.skipped) == (1, 1, 0)
    assert recorded_tracker(pose) == "mediapipe"
    assert pose.read_bytes() != ours
    assert extracted(demo, tracker="mediapipe").skipped == 1
    with pytest.raises(LandmarkError, match="was tracked with mediapipe, not with litert. Run notebook 02"):
        load_landmarks(get_dataset("recordings"), folder, clips, POSE_AND_HANDS)
    assert len(load_landmarks(get_dataset("recordings"), folder, clips, POSE_AND_HANDS, tracker="mediapipe")) == 1
    back = extracted(demo)
    assert (back.done, back.renewed) == (1, 1)
    assert pose.read_bytes() == ours
    assert len(load_landmarks(get_dataset("recordings"), folder, clips, POSE_AND_HANDS)) == 1
