"""The second tracker: MediaPipe's Tasks on the same models, only where it is asked for."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from asl_lib.data.clips import make_clips
from asl_lib.data.demo import load_lexicon, load_signers, write_clip
from asl_lib.data.registry import get_dataset
from asl_lib.features.recipe import FeatureRecipe, RecipeError
from asl_lib.landmarks import extract
from asl_lib.landmarks.extract import extract_clips
from asl_lib.landmarks.landmarks import LandmarkError
from asl_lib.landmarks.trackers import open_tracker
from asl_lib.live.recogniser import SignRecogniser
from tests.conftest import ROOT

POSE_AND_HANDS = ("pose", "left_hand", "right_hand")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A folder with one clip of the demo, and its table."""
    folder = tmp_path_factory.mktemp("demo")
    write_clip(folder / "book.mp4", load_lexicon()["BOOK"], load_signers()["ana"], repetition=0, seed=42)
    return folder, make_clips([{"clip_id": "book", "path": "book.mp4", "gloss": "BOOK", "signer": "ana"}])


def extracted(demo, **options):
    folder, clips = demo
    return extract_clips(get_dataset("recordings"), folder, clips, POSE_AND_HANDS, workers=1, **options)


def test_mediapipe_s_own_tracker_works_and_is_never_mixed_with_the_default_one():
    without_network = [shutil.which("unshare") or "", "--map-root-user", "--net"]
    if not (without_network[0] and subprocess.run([*without_network, "true"], check=False).returncode == 0):
        pytest.skip(
            "MediaPipe's Tasks send metrics to Google: they are tested only where `unshare --net` can stop that."
        )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/landmarks/offline_mediapipe.py"]
    done = subprocess.run([*without_network, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    if "libEGL" in done.stdout or "libGLES" in done.stdout:
        pytest.skip("MediaPipe's Tasks need two system libraries: sudo apt-get install libegl1 libgles2")
    assert done.returncode == 0, done.stdout


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
