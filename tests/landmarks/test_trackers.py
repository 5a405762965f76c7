"""The second tracker: MediaPipe's Tasks on the same models, only where it is asked for."""

import ctypes
import json
import subprocess
import sys

import numpy as np
import pytest

from asl_lib.data.clips import make_clips
from asl_lib.data.demo import load_lexicon, load_signers, write_clip
from asl_lib.data.registry import get_dataset
from asl_lib.data.video import clip_frames
from asl_lib.features.recipe import FeatureRecipe, RecipeError
from asl_lib.landmarks import extract
from asl_lib.landmarks.extract import extract_clips, recorded_tracker
from asl_lib.landmarks.landmarks import LandmarkError
from asl_lib.landmarks.store import load_landmarks
from asl_lib.landmarks.trackers import open_tracker
from asl_lib.live.recogniser import SignRecogniser

POSE_AND_HANDS = ("pose", "left_hand", "right_hand")


def can_load(library):
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


needs_mediapipe = pytest.mark.skipif(
    sys.platform == "linux" and not (can_load("libEGL.so.1") and can_load("libGLESv2.so.2")),
    reason="MediaPipe's Tasks need libEGL and libGLESv2: sudo apt-get install libegl1 libgles2",
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A folder with one clip of the demo, and its table."""
    folder = tmp_path_factory.mktemp("demo")
    write_clip(folder / "book.mp4", load_lexicon()["BOOK"], load_signers()["ana"], repetition=0, seed=42)
    return folder, make_clips([{"clip_id": "book", "path": "book.mp4", "gloss": "BOOK", "signer": "ana"}])


def extracted(demo, **options):
    folder, clips = demo
    return extract_clips(get_dataset("recordings"), folder, clips, POSE_AND_HANDS, workers=1, **options)


@needs_mediapipe
def test_mediapipe_s_own_tracker_finds_the_same_body_with_the_same_models(demo, capfd):
    folder, clips = demo
    frames = [picture for _, picture in clip_frames(clips.iloc[0], folder)][:20]
    found = {}
    for name in ("litert", "mediapipe"):
        with open_tracker(name, ("pose", "face", "left_hand", "right_hand")) as tracker:
            found[name] = tracker.detect(frames, fps=25)
        assert ("send metrics" in capfd.readouterr().err) == (name == "mediapipe")
    ours, theirs = found.values()
    width, height = frames[0].shape[1], frames[0].shape[0]
    for part in ("pose", "face", "right_hand"):
        assert (ours.seen(part) == theirs.seen(part)).mean() >= 0.9
        points = slice(0, 17) if part == "pose" else slice(None)  # without the legs, which the picture does not show
        apart = (ours.part(part) - theirs.part(part))[:, points, :2] * (width, height)
        assert np.nanmedian(np.hypot(apart[..., 0], apart[..., 1])) < 2, part


@needs_mediapipe
def test_its_clips_do_not_depend_on_each_other_and_its_face_can_be_left_out(demo):
    folder, clips = demo
    frames = [picture for _, picture in clip_frames(clips.iloc[0], folder)][:6]
    with open_tracker("mediapipe", POSE_AND_HANDS) as tracker:
        first, again = (tracker.detect(frames, fps=25) for _ in range(2))
    np.testing.assert_array_equal(first.points, again.points)
    assert first.points.shape == (6, 75, 3)


@needs_mediapipe
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


def test_landmarks_of_mediapipe_s_old_graph_are_made_again(demo):
    extracted(demo)
    record = demo[0] / "poses" / "book.json"
    values = json.loads(record.read_text())
    del values["tracker"]
    record.write_text(json.dumps({**values, "extraction": 1, "mediapipe": "0.10.21", "model_complexity": 1}))
    assert extracted(demo).renewed == 1


def test_an_unknown_tracker_is_refused():
    with pytest.raises(LandmarkError, match="no tracker 'openpose'. Known: litert, mediapipe"):
        open_tracker("openpose", POSE_AND_HANDS)
    with pytest.raises(RecipeError, match="tracker must be one of litert, mediapipe"):
        FeatureRecipe(tracker="openpose")


def test_the_live_recogniser_uses_the_tracker_of_the_model_s_recipe(monkeypatch):
    opened = []

    class Classifier:
        recipe, glosses = FeatureRecipe(tracker="mediapipe"), ("HELLO", "YES")

    def record(name, parts, **options):
        opened.append(name)
        return open_tracker("litert", parts)

    monkeypatch.setattr("asl_lib.live.recogniser.open_tracker", record)
    with SignRecogniser(Classifier()) as recogniser:
        recogniser.process(np.zeros((48, 64, 3), np.uint8), 0.0)
    assert opened == ["mediapipe"]


def test_without_mediapipe_the_default_tracker_works_and_the_other_one_says_how_to_install_it(demo):
    program = (
        "import sys; sys.modules['mediapipe'] = None\n"
        "from asl_lib.landmarks.landmarks import LandmarkError\n"
        "from asl_lib.landmarks.trackers import open_tracker\n"
        "open_tracker('litert', ['pose'])\n"
        "try: open_tracker('mediapipe', ['pose'])\n"
        "except LandmarkError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "Install it with: pip install 'mediapipe>=1.2,<2'" in done.stdout


def test_extraction_ends_before_the_first_clip_where_the_tracker_cannot_be_used(demo, monkeypatch):
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    monkeypatch.delitem(sys.modules, "asl_lib.landmarks.mediapipe_tasks", raising=False)
    monkeypatch.setattr(extract, "run_jobs", None)
    with pytest.raises(LandmarkError, match="MediaPipe cannot be imported"):
        extracted(demo, tracker="mediapipe")
