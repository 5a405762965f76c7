"""Models are found and built by name, and TensorFlow is imported only for that."""

import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from asl_lib.features.recipe import FeatureRecipe
from asl_lib.models import registry
from asl_lib.models.errors import TrainingError
from asl_lib.models.registry import build, find_model, names, register
from asl_lib.models.rivals import Chance
from asl_lib.training.saved import load_model, save_model

GLOSSES = ("BOOK", "HELP", "WANT")
LANDMARKS = FeatureRecipe(frames=8, parts=("right_hand",), glosses=GLOSSES)


@dataclass
class Recipe:
    """A recipe for pixels, as far as a builder needs one."""

    input: str
    shape: tuple
    glosses: tuple = GLOSSES


def taking(given):
    return [name for name in names() if find_model(name).input == given]


def test_every_model_is_found_by_the_name_of_its_results():
    assert taking("landmarks") == [
        "attention_hierarchical", "attention_lstm", "attention_tcn", "attention_transformer", "chance",
        "conv_transformer", "description_mlp", "hierarchical", "lstm", "ridge", "ridge_mirrored", "sl_gcn", "spoter",
        "tcn", "transformer", "trees",
    ]  # fmt: skip
    assert taking("photographs") == ["alphabet_cnn", "letter_cnn", "transfer_cnn"]
    assert taking("video") == ["i3d_flow", "i3d_rgb", "mobilenet_lstm"]
    assert len(names()) == 22


def test_names_are_listed_without_importing_tensorflow():
    code = "from asl_lib.models.registry import names; print(names(), {'keras', 'tensorflow'} & set(sys.modules))"
    code = f"import sys; {code}"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "lstm" in shown
    assert shown.strip().endswith("set()")


NO_NETWORKS = {"chance", "description_mlp", "ridge", "ridge_mirrored", "trees"}


@pytest.mark.parametrize("name", sorted({*taking("landmarks")} - NO_NETWORKS))
def test_a_network_for_landmarks_has_the_recipe_s_shape_and_glosses(name):
    model = build(name, LANDMARKS)
    shape = model.compute_output_shape((None, *LANDMARKS.shape))
    assert (shape["gloss"] if isinstance(shape, dict) else shape) == (None, 3)
    assert (model.input_shape, model.name) == ((None, *LANDMARKS.shape), name)


@pytest.mark.parametrize("name", taking("photographs"))
def test_a_network_for_photographs_is_built_for_their_size(name):
    model = build(name, Recipe("photographs", (32, 32, 3)))
    assert (model.input_shape, model.output_shape) == ((None, 32, 32, 3), (None, 3))


@pytest.mark.parametrize(("name", "channels"), [("i3d_rgb", 3), ("i3d_flow", 2), ("mobilenet_lstm", 3)])
def test_a_network_for_videos_is_built_for_their_frames_and_channels(name, channels):
    options = {"width": 0.125} if name.startswith("i3d") else {}
    model = build(name, Recipe("video", (8, 32, 32, channels)), **options)
    assert (model.input_shape, model.output_shape) == ((None, 8, 32, 32, channels), (None, 3))


def test_options_are_passed_to_the_builder():
    small, usual = (build("attention_lstm", LANDMARKS, **options) for options in ({"units": 16}, {}))
    assert small.count_params() < usual.count_params()


def test_an_unknown_name_and_a_recipe_of_another_input_are_refused_with_a_remedy():
    with pytest.raises(TrainingError, match=r"no model 'lstmm'.*attention_lstm, "):
        find_model("lstmm")
    with pytest.raises(TrainingError, match="'letter_cnn' takes photographs; the recipe is for landmarks"):
        build("letter_cnn", LANDMARKS)


def test_a_model_that_is_not_a_network_is_saved_and_loaded_by_its_registration(tmp_path, monkeypatch):
    names()
    monkeypatch.setattr(registry, "_models", dict(registry._models))

    @register("most_frequent")
    class MostFrequent(Chance):
        name, file = "most_frequent", "most_frequent.npz"

    model = build("most_frequent", LANDMARKS).fit(np.zeros((3, *LANDMARKS.values_shape)), np.array([2, 2, 0]))
    save_model(model, LANDMARKS, pd.DataFrame(), tmp_path)
    loaded, recipe = load_model(tmp_path)
    assert (type(loaded), recipe) == (MostFrequent, LANDMARKS)
    blank = np.zeros((1, *LANDMARKS.values_shape), np.float32)
    np.testing.assert_array_equal(loaded.predict(blank), model.predict(blank))
    assert loaded.predict(blank).argmax() == 2


def test_a_registered_name_and_an_unknown_input_are_refused(monkeypatch):
    names()
    monkeypatch.setattr(registry, "_models", dict(registry._models))
    with pytest.raises(ValueError, match="Two models are called 'lstm'"):
        register("lstm")(lambda: None)
    register("small")(_small)
    register("small")(_small)  # a module that is imported again
    with pytest.raises(ValueError, match="Two models are called 'small'"):
        register("small")(_other)  # a copy in the same file whose name was not changed
    with pytest.raises(ValueError, match="landmarks, photographs, video; got 'sound'"):
        register("tiny", input="sound")


def _small(*, classes):
    raise NotImplementedError


def _other(*, classes):
    raise NotImplementedError
