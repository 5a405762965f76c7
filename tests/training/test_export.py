"""An exported recogniser gives the features of its recipe and the probabilities of its network, for any clip."""

import json
from dataclasses import replace

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from asl_lib.features.recipe import FeatureRecipe, PhotographRecipe, RecipeError, VideoRecipe
from asl_lib.models.errors import TrainingError
from asl_lib.training.export import MAX_FRAMES, MISSING, export_recogniser, recogniser_inputs, recogniser_outputs
from asl_lib.training.fit import set_seeds
from asl_lib.training.recipe_graph import landmark_features
from tests.conftest import make_landmarks
from tests.features.test_recipe import recipes
from tests.models.test_models import BUILDERS
from tests.models.test_registry import NO_NETWORKS, taking
from tests.training.test_fit import RECIPE as SMALL

RECIPE = FeatureRecipe(frames=12, handshape=True, velocities=True, average_mirrored=True, glosses=("A", "B", "C"))


def run_recogniser(path, **given):
    """Return what a phone would compute with an exported recogniser."""
    return Interpreter(str(path)).get_signature_runner()(**given)


def graph_of(recipe, clip, *, fps):
    """Return (features, found) of the operators that are exported, computed by TensorFlow: the file takes ten times as
    long to write."""
    import tensorflow as tf

    given = recogniser_inputs(clip, fps=fps)
    count, aspect, rate = (tf.constant(given[name][0]) for name in ("count", "aspect", "fps"))
    arrays = (given["landmarks"][0], given["times"][0], tf.cast(count, tf.int32))
    features, found = landmark_features(recipe, *arrays, aspect, rate)
    return features.numpy(), bool(found)


class Flat:
    """Stands for a network where only the features matter."""

    def predict(self, X, **_):
        return np.ones((len(X), 3)) / 3


def build_flat(recipe):
    """A network of one layer, for tests of what is exported beside it."""
    import keras

    dense = keras.layers.Dense(len(recipe.glosses), activation="softmax")
    return keras.Sequential([keras.Input(recipe.shape), keras.layers.Flatten(), dense], name="flat")


def clip_for(recipe, *, frames, seed, missing=(), times=None, height=480):
    clip = make_landmarks(frames=frames, seed=seed, parts=recipe.tracked_parts, missing=missing, height=height)
    return replace(clip, times=times)


@given(
    recipe=recipes,
    twice=st.booleans(),
    frames=st.integers(2, 40),
    seed=st.integers(0, 99),
    gaps=st.lists(
        st.tuples(st.sampled_from(["pose", "left_hand", "right_hand"]), st.integers(0, 30), st.integers(1, 9))
    ),
    height=st.sampled_from([480, 1138]),
)
@settings(max_examples=25)
def test_the_graph_gives_the_features_of_every_recipe(recipe, twice, frames, seed, gaps, height):
    recipe = replace(recipe, average_mirrored=twice)
    missing = [(part, start, start + length) for part, start, length in gaps]
    clip = clip_for(recipe, frames=frames, seed=seed, missing=missing, height=height)
    features, found = graph_of(recipe, clip, fps=clip.fps)
    try:
        expected = recogniser_outputs(Flat(), recipe, clip, fps=clip.fps)["features"]
    except RecipeError:
        assert not found
    else:
        assert found
        np.testing.assert_allclose(features, expected, atol=1e-5, rtol=1e-5)


@given(
    timing=st.sampled_from(["resample", "pad", "window"]),
    rate=st.floats(4, 61),
    jitter=st.floats(0, 0.45),
    fps=st.sampled_from([15.0, 25.0, 30000 / 1001]),
    seed=st.integers(0, 99),
)
@settings(max_examples=15)
def test_the_graph_gives_the_features_of_frames_at_any_rate_and_with_any_jitter(timing, rate, jitter, fps, seed):
    recipe, rng = replace(RECIPE, timing=timing), np.random.default_rng(seed)
    times = (np.arange(30) + rng.uniform(-jitter, jitter, 30)) / rate
    times = np.float32(times - times[0]).astype(float)  # what the file is given
    assume(abs((times[-1] * fps + 1e-3) % 1 - 0.5) < 0.499)  # the last frame of the grid is there, or it is not
    clip = clip_for(recipe, frames=30, seed=seed, missing=[("left_hand", 4, 7)], times=times)
    features, _ = graph_of(recipe, clip, fps=fps)
    expected = recogniser_outputs(Flat(), recipe, clip, fps=fps)["features"]
    np.testing.assert_allclose(features, expected, atol=1e-4, rtol=1e-4)


def test_every_registered_network_for_landmarks_is_tested_here():
    assert set(BUILDERS) == {*taking("landmarks")} - NO_NETWORKS


@pytest.mark.parametrize("name", BUILDERS)
def test_every_network_gives_the_same_probabilities_after_its_export(name, tmp_path):
    set_seeds(1)
    recipe = replace(SMALL, average_mirrored="attention" in name, glosses=("A", "B", "C"))
    model = BUILDERS[name](frames=recipe.frames, features=recipe.num_features, classes=3)
    path = export_recogniser(model, recipe, tmp_path, settings={})
    clip = clip_for(recipe, frames=33, seed=5, missing=[("right_hand", 3, 8)])
    answers = run_recogniser(path, **recogniser_inputs(clip, fps=25.0))
    expected = recogniser_outputs(model, recipe, clip, fps=25.0)
    assert set(answers) == {"probabilities", "features", "found"}
    assert answers["found"] == 1
    np.testing.assert_allclose(answers["features"], expected["features"], atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(answers["probabilities"], expected["probabilities"], atol=1e-5)


def test_the_golden_sample_and_the_description_match_the_file(tmp_path):
    set_seeds(1)
    model = BUILDERS["attention_lstm"](frames=RECIPE.frames, features=RECIPE.num_features, classes=3)
    path = export_recogniser(model, RECIPE, tmp_path, settings={"fps": 25.0})
    assert path == tmp_path / "recogniser.tflite"
    about = json.loads((tmp_path / "recogniser.json").read_text())
    assert (about["name"], about["input"], about["glosses"]) == ("attention_lstm", "landmarks", ["A", "B", "C"])
    assert about["parts"] == {"pose": 33, "left_hand": 21, "right_hand": 21}
    assert (about["max_frames"], about["missing"], about["settings"]) == (MAX_FRAMES, MISSING, {"fps": 25.0})
    assert FeatureRecipe(**about["recipe"]) == RECIPE

    golden = json.loads((tmp_path / "golden.json").read_text())
    given = {name: np.zeros(shape, np.float32) for name, shape in about["inputs"].items()}
    for name in ("count", "aspect", "fps"):
        given[name][:] = golden["inputs"][name]
    for number, frame in enumerate(golden["inputs"]["landmarks"][0]):
        given["times"][0, number] = golden["inputs"]["times"][0][number]
        given["landmarks"][0, number] = [[MISSING] * 4 if point is None else point for point in frame]
    assert (given["landmarks"] == MISSING).any()
    answers = run_recogniser(path, **given)
    assert {name: list(array.shape) for name, array in answers.items()} == about["outputs"]
    for name in ("features", "probabilities"):
        np.testing.assert_allclose(answers[name], golden[name], atol=1e-5, rtol=1e-5)

    with_nan = np.where(given["landmarks"] == MISSING, np.nan, given["landmarks"])
    for name, array in run_recogniser(path, **{**given, "landmarks": with_nan}).items():
        np.testing.assert_array_equal(array, answers[name])
    nobody = np.full_like(with_nan, np.nan)
    for change in ({"landmarks": nobody}, {"count": np.ones(1, np.float32)}):
        answers = run_recogniser(path, **{**given, **change})
        assert answers["found"] == 0
        assert np.isfinite(answers["probabilities"]).all()


def test_a_network_for_photographs_is_exported_from_pixels_to_probabilities(tmp_path):
    import keras

    recipe = PhotographRecipe(size=8, glosses=("A", "B"))
    layers = [keras.Input(recipe.shape), keras.layers.Flatten(), keras.layers.Dense(2, activation="softmax")]
    model = keras.Sequential([layers[0], keras.layers.Rescaling(1 / 255), *layers[1:]], name="small")
    path = export_recogniser(model, recipe, tmp_path, settings={})
    pixels = np.random.default_rng(3).integers(0, 256, (1, 8, 8, 3)).astype(np.float32)
    answers = run_recogniser(path, pixels=pixels)
    np.testing.assert_allclose(answers["probabilities"], model.predict(pixels, verbose=0), atol=1e-5)
    assert json.loads((tmp_path / "recogniser.json").read_text())["inputs"] == {"pixels": [1, 8, 8, 3]}
    assert not (tmp_path / "golden.json").exists()


def test_a_clip_that_is_too_long_is_refused_and_a_lower_frame_rate_makes_it_fit():
    with pytest.raises(TrainingError, match="at most 256 frames; got 257"):
        recogniser_inputs(make_landmarks(frames=257), fps=25.0)
    clip = clip_for(RECIPE, frames=60, seed=1, times=np.arange(60) / 3)
    features, found = graph_of(RECIPE, clip, fps=25.0)
    expected = recogniser_outputs(Flat(), RECIPE, clip, fps=(MAX_FRAMES - 1) / clip.times[-1])["features"]
    assert found
    np.testing.assert_allclose(features, expected, atol=1e-4)


def test_a_max_gap_longer_than_any_clip_changes_nothing():
    clip = clip_for(RECIPE, frames=30, seed=1, missing=[("left_hand", 4, 17)])
    features, _ = graph_of(replace(RECIPE, max_gap=10**12), clip, fps=clip.fps)
    np.testing.assert_array_equal(features, graph_of(replace(RECIPE, max_gap=30), clip, fps=clip.fps)[0])


def test_an_interrupted_export_leaves_the_previous_one_complete(tmp_path, monkeypatch):
    recipe = replace(SMALL, glosses=("A", "B", "C"))
    model = build_flat(recipe)
    export_recogniser(model, recipe, tmp_path / "export", settings={"threshold": 0.4})
    before = {path.name: path.read_bytes() for path in (tmp_path / "export").iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("asl_lib.training.export.write_golden", full)
    with pytest.raises(OSError, match="No space left"):
        export_recogniser(model, recipe, tmp_path / "export", settings={"threshold": 0.5})
    assert {path.name: path.read_bytes() for path in (tmp_path / "export").iterdir()} == before
    assert len(before) == 3


def test_a_model_that_cannot_be_exported_is_refused_with_a_reason(tmp_path):
    from asl_lib.models.trees import HandTrees

    with pytest.raises(TrainingError, match="'trees' cannot be exported to LiteRT.*such as attention_lstm"):
        export_recogniser(HandTrees(RECIPE, classes=2), RECIPE, tmp_path, settings={})
    model = build_flat(RECIPE)
    with pytest.raises(TrainingError, match="The recipe of 'flat' must name the glosses.*Train it again"):
        export_recogniser(model, replace(RECIPE, glosses=()), tmp_path, settings={})

    model.set_weights([np.full_like(weights, np.nan) for weights in model.get_weights()])
    with pytest.raises(TrainingError, match="'flat' names no sign: its weights are not finite numbers. Train it again"):
        export_recogniser(model, RECIPE, tmp_path, settings={})
    (tmp_path / "a file").touch()
    with pytest.raises(TrainingError, match="a file must be a folder to write to: File exists. Name another one"):
        export_recogniser(model, RECIPE, tmp_path / "a file", settings={})
    (tmp_path / "a file").unlink()

    import keras

    video = VideoRecipe(frames=4, size=8, glosses=("A", "B"))
    layers = [keras.Input(video.shape), keras.layers.MaxPooling3D(), keras.layers.Flatten(), keras.layers.Dense(2)]
    with pytest.raises(TrainingError, match="'deep' cannot be exported to LiteRT, which has no operator for one of"):
        export_recogniser(keras.Sequential(layers, name="deep"), video, tmp_path, settings={})
    assert not list(tmp_path.iterdir())
