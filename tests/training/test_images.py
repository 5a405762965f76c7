"""Networks for photographs: their published sizes, training, resuming, and what they look at."""

import json

import numpy as np
import pytest

from asl_lib.evaluation.splits import Split
from asl_lib.features.image_variations import ImageVariation, exchange_background
from asl_lib.features.recipe import PhotographRecipe, RecipeError, VideoRecipe
from asl_lib.models.cnn import build_alphabet_cnn, build_letter_cnn
from asl_lib.models.errors import TrainingError
from asl_lib.models.mobilenet import build_transfer_cnn
from asl_lib.training.fit import fit, set_seeds
from asl_lib.training.saved import load_model, predict
from tests.conftest import make_clip_set
from tests.training.test_fit import stopped_after

SIZE = 32


def make_photographs(count=48):
    """Two classes: a bright spot on the left, or on the right, before walls of all grays."""
    rng = np.random.default_rng(0)
    y = np.arange(count) % 2
    images = rng.integers(40, 160, (count, 1, 1, 1)) * np.ones((1, SIZE, SIZE, 3))
    for image, label in zip(images, y, strict=True):
        image[12:20, 4 + 16 * label : 12 + 16 * label] = 250
    return make_clip_set(images.astype(np.uint8), y, PhotographRecipe(size=SIZE))


def train(folder, **options):
    set_seeds(1)
    model = build_letter_cnn(size=SIZE, classes=2, filters=8)
    photographs = make_photographs()
    split = Split(np.arange(32), np.arange(32, 48), np.arange(0))
    settings = {"split": split, "monitor": "none", "epochs": 4, "learning_rate": 5e-3, "seed": 1, **options}
    return model, photographs, fit(model, photographs, folder=folder, **settings).history


def test_the_published_network_has_its_published_size():
    assert build_alphabet_cnn(classes=29).count_params() == 277_949
    assert build_alphabet_cnn(classes=29).output_shape == (None, 29)


@pytest.mark.parametrize("build", [build_alphabet_cnn, build_letter_cnn, build_transfer_cnn])
def test_networks_take_unscaled_photographs_and_return_probabilities(build):
    model = build(size=SIZE, classes=3)
    images = np.random.default_rng(0).integers(0, 255, (4, SIZE, SIZE, 3), np.uint8)
    answers = predict(model, make_clip_set(images, [0, 1, 2, 2], PhotographRecipe(size=SIZE)))
    assert answers.shape == (4, 3)
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-4)
    with pytest.raises(ValueError, match="2 classes"):
        build(size=SIZE, classes=1)


def test_training_learns_and_its_files_restore_the_network(tmp_path):
    model, photographs, history = train(
        tmp_path, epochs=8, augmentation=ImageVariation(scale=0, shift=0.02, rotation=3)
    )
    assert history.accuracy.iloc[-1] > 0.9
    assert {"model.keras", "recipe.json", "history.csv"} <= {path.name for path in tmp_path.iterdir()}
    loaded, recipe = load_model(tmp_path)
    assert recipe == photographs.recipe == PhotographRecipe(size=SIZE, glosses=("A", "B"))
    np.testing.assert_allclose(predict(loaded, photographs), predict(model, photographs), atol=1e-5)


def test_an_interrupted_training_ends_with_the_same_weights(tmp_path):
    options = {"augmentation": ImageVariation(), "checkpoint_s": 0}
    whole, _, _ = train(tmp_path / "whole", **options)
    with stopped_after(2):
        train(tmp_path / "parts", **options)
    resumed, _, history = train(tmp_path / "parts", **options)
    assert history.epoch.tolist() == [1, 2, 3, 4]
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_class_without_training_photographs_is_named(tmp_path):
    with pytest.warns(UserWarning, match="No training photograph shows B"):
        train(tmp_path, split=Split(np.arange(0, 32, 2), np.arange(0), np.arange(0)), epochs=1)


def test_a_network_for_other_photographs_is_refused(tmp_path):
    model = build_letter_cnn(size=48, classes=2)
    with pytest.raises(TrainingError, match=r"\(32, 32, 3, 2\); got \(48, 48, 3, 2\)"):
        fit(model, make_photographs(), folder=tmp_path, epochs=1, monitor="none")


def test_a_recipe_of_another_network_is_refused(tmp_path):
    train(tmp_path, epochs=1)
    recipe = json.loads((tmp_path / "recipe.json").read_text())
    (tmp_path / "recipe.json").write_text(json.dumps({**recipe, "size": 48}))
    with pytest.raises(TrainingError, match="same training"):
        load_model(tmp_path)
    with pytest.raises(RecipeError, match="must be a recipe for video; it is one for photographs"):
        load_model(tmp_path, VideoRecipe)
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(RecipeError, match="must be a recipe of version 3 or earlier; got version None"):
        load_model(tmp_path)
    with pytest.raises(TrainingError, match="notebooks 05 to 10"):
        load_model(tmp_path / "nothing")


def test_weights_are_transferred_from_a_file_and_those_of_another_network_refused(tmp_path):
    body = build_transfer_cnn(size=SIZE, classes=2).layers[1]
    body.save_weights(tmp_path / "body.weights.h5")
    model = build_transfer_cnn(size=SIZE, classes=5, weights=tmp_path / "body.weights.h5")
    for one, other in zip(body.get_weights(), model.layers[1].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    build_letter_cnn(size=SIZE, classes=2).save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(TrainingError, match=r"other\.weights\.h5 does not fit the network MobileNetV3Small"):
        build_transfer_cnn(size=SIZE, classes=2, weights=tmp_path / "other.weights.h5")
    with pytest.raises(TrainingError, match="no file of weights"):
        build_transfer_cnn(size=SIZE, classes=2, weights=tmp_path / "absent.weights.h5")


def test_augmentations_are_seeded_in_range_and_leave_the_input_unchanged():
    images = make_photographs(4).values
    before = images.copy()
    one, other = (ImageVariation(background=0.5, blur=1)(images, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(images, before)
    assert one.min() >= 0
    assert one.max() <= 255
    still = ImageVariation(rotation=0, scale=0, shift=0, light=0, noise=0)(images, np.random.default_rng(3))
    np.testing.assert_array_equal(still, images)


def test_a_mirror_flips_every_picture():
    images = make_photographs(2).values
    plain = {"rotation": 0, "scale": 0, "shift": 0, "light": 0, "noise": 0}
    mirrored = ImageVariation(**plain, mirrored=1.0)(images, np.random.default_rng(0))
    np.testing.assert_array_equal(mirrored, images[:, :, ::-1])


def test_a_replaced_background_keeps_the_hand():
    image = make_photographs(1).values[0]
    changed = exchange_background(image, np.array([200.0, 30.0, 30.0]))
    assert np.abs(changed[:4].astype(int) - [200, 30, 30]).max() < 12
    assert (changed[14:18, 6:10] == 250).all()
