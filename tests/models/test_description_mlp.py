"""The perceptron on the trees' description: it learns from it, and comes back from its file."""

import numpy as np
import pytest

from asl_lib.features.recipe import FeatureRecipe
from asl_lib.models.description_mlp import DescriptionMLP
from asl_lib.models.errors import TrainingError
from tests.models.test_trees import DEEP, FLAT, RECIPES, make_clips


def trained(recipe, *, seed=7, epochs=15):
    """Return a small perceptron for three glosses, of which only two have clips, and those."""
    points, y = make_clips(recipe)
    return DescriptionMLP(recipe, classes=3, units=(16, 8), epochs=epochs, seed=seed, dropout=0.2).fit(
        points, y
    ), points


@RECIPES
def test_it_learns_two_handshapes_and_is_restored_from_its_file(tmp_path, recipe):
    points, y = make_clips(recipe, count=24)
    model = DescriptionMLP(recipe, classes=3, epochs=20).fit(points, y)
    probabilities = model.predict(points)
    assert (probabilities.argmax(axis=1) == y).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert model.count_params() == model._numbers * 256 + 256 + 256 * 128 + 128 + 128 * 3 + 3
    model.save(tmp_path / model.file)
    loaded = DescriptionMLP.load(tmp_path / model.file, recipe)
    np.testing.assert_array_equal(loaded.predict(points), probabilities)
    assert (loaded.count_params(), loaded.units) == (model.count_params(), (256, 128))
    assert loaded.predict(points[:0]).shape == (0, 3)


def test_the_seed_determines_the_perceptron():
    answers = []
    for seed in (3, 3, 4):
        model, points = trained(FLAT, seed=seed, epochs=3)
        answers.append(model.predict(points))
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-6)
    assert np.abs(answers[0] - answers[2]).max() > 1e-3


def test_a_clip_and_its_mirror_image_get_the_same_answer():
    model, points = trained(FLAT)
    np.testing.assert_allclose(model.predict(FLAT.mirror(points)), model.predict(points), atol=1e-5)


def test_tracker_failures_are_clipped_at_a_bound():
    model, points = trained(FLAT)
    answers = []
    for away in (1e3, 1e4):
        jumping = points.copy()
        jumping[:, 3, FLAT.columns("right_hand")] += away
        answers.append(model.predict(jumping))
    np.testing.assert_allclose(*answers, atol=1e-3)


def test_damaged_files_other_recipes_and_untrained_perceptrons_are_refused(tmp_path):
    path = tmp_path / DescriptionMLP.file
    with pytest.raises(TrainingError, match=r"model\.mlp\.npz holds no 'description_mlp' for this.*Train it again"):
        DescriptionMLP.load(path, FLAT)
    trained(FLAT, epochs=1)[0].save(path)
    with pytest.raises(TrainingError, match="'mean' must be"):
        DescriptionMLP.load(path, DEEP)
    with np.load(path) as file:
        arrays = dict(file)
    for name, change in (("weights_2", arrays["weights_2"].T), ("bias_3", arrays["bias_3"] * np.nan)):
        np.savez(path, **{**arrays, name: change})
        with pytest.raises(TrainingError, match=f"'{name}' must be"):
            DescriptionMLP.load(path, FLAT)
    with pytest.raises(TrainingError, match="learned nothing yet"):
        DescriptionMLP(FLAT, classes=2).predict(make_clips(FLAT)[0])


def test_one_class_and_a_recipe_without_a_hand_are_refused():
    with pytest.raises(ValueError, match="at least 2 classes; got 1"):
        DescriptionMLP(FLAT, classes=1)
    with pytest.raises(ValueError, match="both hands"):
        DescriptionMLP(FeatureRecipe(parts=("pose", "right_hand")), classes=2)
