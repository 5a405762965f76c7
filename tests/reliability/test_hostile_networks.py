"""Networks from strangers: no code runs, nothing is written, and what is wrong is said in a sentence."""

import io
import json
import zipfile

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_lib.features.recipe import FeatureRecipe
from asl_lib.live.errors import LiveError
from asl_lib.live.networks import Classifier
from asl_lib.models.description_mlp import DescriptionMLP
from asl_lib.models.errors import TrainingError
from asl_lib.models.i3d import load_i3d_weights
from asl_lib.models.mobilenet import load_weights
from asl_lib.models.trees import HandTrees
from asl_lib.training.saved import load_model
from tests.reliability.hostile import answer, damaged, little_memory, tries

RECIPE = FeatureRecipe(frames=4, parts=("left_hand",), body_frame="image", mask=False)
SHAPE = (RECIPE.frames, RECIPE.num_features)


def network(*layers):
    return keras.Sequential([keras.layers.Input(SHAPE), *layers, keras.layers.Flatten(), keras.layers.Dense(2)])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a whole network."""
    path = tmp_path_factory.mktemp("network") / "model.keras"
    network().save(path)
    return path.read_bytes()


@pytest.fixture
def folder(tmp_path):
    RECIPE.save(tmp_path / "recipe.json")
    return tmp_path


def change(content, *, config=None, extra=()):
    """Return a `.keras` file with another config, or with more entries."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            changed = config(old.read(name).decode()).encode() if config and name == "config.json" else old.read(name)
            new.writestr(name, changed)
        for name, more in extra:
            info = zipfile.ZipInfo("a")
            info.filename = name
            new.writestr(info, more, zipfile.ZIP_DEFLATED)
    return result.getvalue()


def test_the_whole_network_is_loaded(whole, folder):
    (folder / "model.keras").write_bytes(whole)
    model, recipe = load_model(folder)
    assert model.predict(np.zeros((1, *SHAPE)), verbose=0).shape == (1, 2)
    assert recipe == RECIPE


@given(st.data())
@tries(40)
def test_a_damaged_network_is_loaded_or_named(whole, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    RECIPE.save(folder / "recipe.json")
    (folder / "model.keras").write_bytes(data.draw(damaged(whole)))
    with little_memory(600):
        loaded = answer(lambda: load_model(folder), TrainingError)
    assert not isinstance(loaded, str) or str(folder) in loaded


HANDS_RECIPE = FeatureRecipe(frames=4, parts=("left_hand", "right_hand"), body_frame="image")


@pytest.fixture(scope="module", params=[(HandTrees, {"trees": 4}), (DescriptionMLP, {"units": (8, 4), "epochs": 1})])
def whole_point_model(request, tmp_path_factory):
    """The class of a model without a network, the bytes of a whole one, and a clip for it."""
    kind, sizes = request.param
    path = tmp_path_factory.mktemp("whole") / kind.file
    points = np.random.default_rng(0).normal(size=(12, 4, HANDS_RECIPE.num_landmarks, 2)).astype(np.float32)
    kind(HANDS_RECIPE, classes=3, **sizes).fit(points, np.arange(12) % 3).save(path)
    return kind, path.read_bytes(), points[:1]


@given(st.data())
@tries(40)
def test_damaged_trees_and_perceptrons_are_loaded_and_used_or_named(whole_point_model, tmp_path_factory, data):
    kind, content, clip = whole_point_model
    path = tmp_path_factory.mktemp("damaged") / kind.file
    path.write_bytes(data.draw(damaged(content)))
    with little_memory():
        loaded = answer(lambda: kind.load(path, HANDS_RECIPE), TrainingError)
    assert path.name in loaded if isinstance(loaded, str) else loaded.predict(clip).shape == (1, 3)


def test_a_lambda_layer_does_not_run(folder):
    ran = folder / "ran"
    code = f"lambda x: (__import__('pathlib').Path({str(ran)!r}).touch(), x)[1]"
    model = network(keras.layers.Lambda(eval(code), output_shape=SHAPE))
    model.save(folder / "model.keras")
    ran.unlink(missing_ok=True)  # saving has run it: that is the attacker's machine
    with pytest.raises(TrainingError, match=r"(?s)model\.keras cannot be loaded.*(safe_mode|[Uu]nsafe|lambda)"):
        load_model(folder)
    assert not ran.exists()


GADGETS = [
    {"module": "os", "class_name": "system", "config": {"command": "touch {ran}"}, "registered_name": None},
    {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "function"},
    {"module": "subprocess", "class_name": "Popen", "config": {"args": ["touch", "{ran}"]}, "registered_name": "Popen"},
    {"class_name": "__lambda__", "config": {"value": "4wEAAAA="}},
    {"module": "keras.utils", "class_name": "function", "config": "get_file", "registered_name": "get_file"},
]


@pytest.mark.parametrize("gadget", GADGETS, ids=lambda gadget: str(gadget.get("module", gadget["class_name"])))
def test_a_config_that_names_programs_instead_of_layers_runs_none(whole, folder, gadget):
    def planted(text):
        config = json.loads(text)
        config["config"]["layers"].insert(1, json.loads(json.dumps(gadget).replace("{ran}", str(folder / "ran"))))
        return json.dumps(config)

    (folder / "model.keras").write_bytes(change(whole, config=planted))
    with pytest.raises(TrainingError, match=r"model\.keras cannot be loaded"):
        load_model(folder)
    assert not (folder / "ran").exists()


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ([("../../evil", b"evil")], "holds '../../evil'"),
        ([("/tmp/evil", b"evil")], "holds '/tmp/evil'"),
        ([("assets/vocabulary.txt", b"a")], "holds 'assets/vocabulary.txt'"),
        ([("model.weights.h5.npz", b"a")], "holds 'model.weights.h5.npz'"),
    ],
)
def test_a_network_with_other_files_in_it_is_refused_before_keras_unpacks_them(whole, folder, extra, words):
    (folder / "model.keras").write_bytes(change(whole, extra=extra))
    with pytest.raises(TrainingError, match=words):
        load_model(folder)
    assert not list(folder.parent.glob("**/evil"))


def test_a_network_file_that_is_a_decompression_bomb_is_refused(whole, folder):
    (folder / "model.keras").write_bytes(change(whole, config=lambda text: text + " " * (60 << 20)))
    with little_memory(), pytest.raises(TrainingError, match="100 times its size"):
        load_model(folder)


@given(st.data())
@tries(25)
@pytest.mark.filterwarnings("ignore")
def test_damaged_weights_are_loaded_or_named(whole, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("weights")
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        content = data.draw(damaged(archive.read("model.weights.h5")))
    for name in ("a.weights.h5", "a.h5"):
        (folder / name).write_bytes(content)
    for name, load in (("a.weights.h5", load_weights), ("a.h5", load_i3d_weights)):
        with little_memory():
            answered = answer(lambda load=load, name=name: load(network(), folder / name), TrainingError)
        assert not isinstance(answered, str) or name in answered


@pytest.mark.parametrize("content", [b"", b"PK\5\6" + bytes(18), b"not an archive"])
def test_glosses_that_cannot_be_read_are_named(whole, folder, content):
    (folder / "model.keras").write_bytes(whole)
    (folder / "probabilities.npz").write_bytes(content)
    with pytest.raises(LiveError, match=r"probabilities\.npz must contain the glosses"):
        Classifier.load(folder)
