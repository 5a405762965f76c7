"""Press-and-sign with a network that looks at the video itself."""

from __future__ import annotations

import numpy as np
import pytest

from asl_lib.course.cli import main
from asl_lib.data.video import read_frames
from asl_lib.features.recipe import VideoRecipe
from asl_lib.live.clip_capture import ClipCapture
from asl_lib.live.networks import Classifier
from asl_lib.live.picture import compose
from asl_lib.live.recogniser import LiveSettings
from tests.live.conftest import GLOSSES


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small, untrained flow network with its recipe, as notebook 10 leaves it."""
    from asl_lib.models.i3d import build_i3d
    from asl_lib.training.fit import set_seeds

    set_seeds(0)
    place = tmp_path_factory.mktemp("flow")
    build_i3d(frames=8, size=32, channels=2, classes=3, width=0.1).save(place / "model.keras")
    VideoRecipe(size=32, frames=8, flow="dis", glosses=GLOSSES).save(place / "recipe.json")
    return place


def test_a_captured_clip_gives_the_offline_probabilities_and_a_preview(folder, clip):
    classifier = Classifier.load(folder)
    frames = [picture for _, picture in read_frames(clip)]
    offline = np.asarray(classifier._probabilities(classifier.recipe.transform(clip).astype(np.float32)))
    with ClipCapture(classifier, settings=LiveSettings(threshold=0.0)) as capture:
        capture.start(0.0, countdown_s=0.0, capture_s=60)
        seen = [capture.process(frame, index / 25) for index, frame in enumerate(frames)]
        captured = [frame for _, frame in capture._frames]
        last = capture.finish()
    # An untrained network says nearly the same of everything: what it is given must be the same to the last bit.
    np.testing.assert_array_equal(classifier.recipe.transform_squares(captured), classifier.recipe.transform(clip))
    assert {one.phase for one in seen} == {"capture"}
    assert dict(last.top) == pytest.approx(dict(zip(GLOSSES, offline.tolist(), strict=True)), abs=1e-5)
    assert last.committed == GLOSSES[int(offline.argmax())]
    moving = max(one.inset.std() for one in seen if one.inset is not None)
    assert moving > 5
    assert compose(frames[0], seen[10]).shape[0] % 2 == 0


def test_a_capture_waits_counts_down_records_and_predicts_once(folder):
    frame = np.zeros((48, 64, 3), np.uint8)
    with ClipCapture(Classifier.load(folder), settings=LiveSettings(threshold=0.0)) as capture:
        assert capture.process(frame, 0.0).phase == "waiting"
        capture.start(0.0, countdown_s=0.2, capture_s=0.4)
        seen = [capture.process(frame, index / 25) for index in range(1, 30)]
    assert list(dict.fromkeys(one.phase for one in seen)) == ["countdown", "capture", "done"]
    assert sum(bool(one.committed) for one in seen) == 1
    assert seen[-1].top


def test_a_capture_of_a_single_frame_gives_no_prediction(folder):
    with ClipCapture(Classifier.load(folder)) as capture:
        capture.start(0.0, countdown_s=0.0, capture_s=0.01)
        capture.process(np.zeros((48, 64, 3), np.uint8), 0.0)
        assert capture.process(np.zeros((48, 64, 3), np.uint8), 1.0).top == ()


def test_the_command_detects_a_network_s_input_from_its_recipe(folder, clip, tmp_path, capsys):
    arguments = ["live", "--source", str(clip), "--model", str(folder), "--no-window", "--fast", "--threshold", "0"]
    assert main([*arguments, "--press", "1", "--record", str(tmp_path / "out.mp4")]) == 0
    printed = capsys.readouterr().out
    assert any(f"transcript: {gloss}" in printed for gloss in GLOSSES)
    assert (tmp_path / "out.mp4").is_file()
    assert main(arguments) == 1
    assert "Without a window, name the seconds to capture: --press 2." in capsys.readouterr().err
    assert main(["live", "--source", str(clip), "--model", str(tmp_path), "--no-window"]) == 1
    assert "There is no" in capsys.readouterr().err
