"""Networks for photographs: their published sizes, training, resuming, and what they look at."""

import json

import numpy as np
import pandas as pd
import pytest

from asl_lib.features.image_variations import ImageVariation, exchange_background
from asl_lib.features.photographs import PhotographSet
from asl_lib.models import build_alphabet_cnn, build_letter_cnn, build_transfer_cnn
from asl_lib.models.errors import TrainingError
from asl_lib.training.fit import set_seeds
from asl_lib.training.images import fit_images, load_image_model, occlusion_map, predict_images

SIZE = 32


def make_photographs(count=48):
    """Two classes: a bright spot on the left, or on the right, before walls of all grays."""
    rng = np.random.default_rng(0)
    y = np.arange(count) % 2
    images = rng.integers(40, 160, (count, 1, 1, 1)) * np.ones((1, SIZE, SIZE, 3))
    for image, label in zip(images, y, strict=True):
        image[12:20, 4 + 16 * label : 12 + 16 * label] = 250
    text = np.array([f"p{i}" for i in range(count)])
    nothing = pd.DataFrame(columns=["clip_id", "reason"])
    return PhotographSet(images.astype(np.uint8), y, np.array(["LEFT", "RIGHT"]), text, text, text, nothing)


def train(folder, **options):
    set_seeds(1)
    model = build_letter_cnn(size=SIZE, classes=2, filters=8)
    photographs = make_photographs()
    settings = {"rows": np.arange(32), "validation": np.arange(32, 48), "epochs": 4, "learning_rate": 5e-3, **options}
    return model, photographs, fit_images(model, photographs, folder=folder, seed=1, **settings)


def test_the_published_network_has_its_published_size():
    assert build_alphabet_cnn(classes=29).count_params() == 277_949
    assert build_alphabet_cnn(classes=29).output_shape == (None, 29)


@pytest.mark.parametrize("build", [build_alphabet_cnn, build_letter_cnn, build_transfer_cnn])
def test_networks_take_photographs_as_they_are_and_give_probabilities(build):
    model = build(size=SIZE, classes=3)
    answers = predict_images(model, np.random.default_rng(0).integers(0, 255, (4, SIZE, SIZE, 3), np.uint8))
    assert answers.shape == (4, 3)
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-4)
    with pytest.raises(ValueError, match="2 classes"):
        build(size=SIZE, classes=1)


def test_training_learns_and_its_files_bring_the_network_back(tmp_path):
    model, photographs, history = train(tmp_path, epochs=8, variation=ImageVariation(scale=0, shift=0.02, rotation=3))
    assert history.accuracy.iloc[-1] > 0.9
    assert {"model.keras", "recipe.json", "history.csv"} <= {path.name for path in tmp_path.iterdir()}
    loaded, recipe = load_image_model(tmp_path)
    assert recipe.glosses == ("LEFT", "RIGHT")
    seen = photographs.images[:5]
    np.testing.assert_allclose(predict_images(loaded, seen), predict_images(model, seen), atol=1e-5)


def test_a_training_that_was_interrupted_ends_with_the_same_weights(tmp_path, monkeypatch):
    whole, _, _ = train(tmp_path / "whole", variation=ImageVariation(), checkpoint_s=0)
    import asl_lib.training.loop as loop

    keep = loop.Checkpoint.keep

    def stop_after_two(self, model, progress):
        keep(self, model, progress)
        if progress.epoch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop.Checkpoint, "keep", stop_after_two)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "parts", variation=ImageVariation(), checkpoint_s=0)
    monkeypatch.undo()
    resumed, _, history = train(tmp_path / "parts", variation=ImageVariation(), checkpoint_s=0)
    assert history.epoch.tolist() == [1, 2, 3, 4]
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_class_that_training_lacks_is_named(tmp_path):
    with pytest.raises(TrainingError, match="no photograph of RIGHT"):
        train(tmp_path, rows=np.arange(0, 32, 2))


def test_a_network_for_other_photographs_is_refused(tmp_path):
    model = build_letter_cnn(size=48, classes=2)
    with pytest.raises(TrainingError, match=r"\(32, 32, 3, 2\); got \(48, 48, 3, 2\)"):
        fit_images(model, make_photographs(), rows=np.arange(8), validation=None, folder=tmp_path, epochs=1)


def test_a_recipe_of_another_network_is_refused(tmp_path):
    train(tmp_path, epochs=1)
    recipe = json.loads((tmp_path / "recipe.json").read_text())
    (tmp_path / "recipe.json").write_text(json.dumps({**recipe, "size": 48}))
    with pytest.raises(TrainingError, match="same training"):
        load_image_model(tmp_path)
    (tmp_path / "recipe.json").write_text("{}")
    with pytest.raises(TrainingError, match="not the recipe of a network for photographs"):
        load_image_model(tmp_path)
    with pytest.raises(TrainingError, match="notebook 08"):
        load_image_model(tmp_path / "nothing")


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


def test_covering_what_decides_costs_the_most(tmp_path):
    model, photographs, _ = train(tmp_path, epochs=12)
    for number in (0, 1):
        heat = occlusion_map(model, photographs.images[number], label=photographs.y[number], patch=8)
        spot = heat[12:20, 4 + 16 * number : 12 + 16 * number].mean()
        assert spot > heat[:6].mean() + 0.05


def test_variations_are_seeded_stay_in_range_and_change_no_input():
    images = make_photographs(4).images
    before = images.copy()
    one, other = (ImageVariation(background=0.5, blur=1)(images, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(images, before)
    assert one.min() >= 0
    assert one.max() <= 255
    still = ImageVariation(rotation=0, scale=0, shift=0, light=0, noise=0)(images, np.random.default_rng(3))
    np.testing.assert_array_equal(still, images)


def test_a_mirror_turns_every_picture_round():
    images = make_photographs(2).images
    plain = {"rotation": 0, "scale": 0, "shift": 0, "light": 0, "noise": 0}
    mirrored = ImageVariation(**plain, mirrored=1.0)(images, np.random.default_rng(0))
    np.testing.assert_array_equal(mirrored, images[:, :, ::-1])


def test_another_background_leaves_the_hand():
    image = make_photographs(1).images[0]
    changed = exchange_background(image, np.array([200.0, 30.0, 30.0]))
    assert np.abs(changed[:4].astype(int) - [200, 30, 30]).max() < 12
    assert (changed[14:18, 6:10] == 250).all()
