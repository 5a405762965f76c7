"""The rivals that every network has to beat: guessing and a linear classifier."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from asl_lib.features.recipe import FeatureRecipe
from asl_lib.models.errors import TrainingError
from asl_lib.models.rivals import Chance, MirroredRidge, Ridge

RECIPE = FeatureRecipe(frames=4, parts=("left_hand", "right_hand"), body_frame="image")


def make_points(count=40, classes=3, seed=0):
    """Return random clips whose middle depends on their class, and the classes."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % classes
    points = rng.normal(size=(count, 4, RECIPE.num_landmarks, 2)) + 0.4 * rng.normal(size=(classes, 1, 42, 2))[y]
    points[rng.random(count) < 0.2, :, RECIPE.columns("left_hand")] = np.nan
    return points.astype(np.float32), y


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_ridge_model_predicts_like_the_classifier_of_notebook_03(classes):
    points, y = make_points(classes=classes)
    ours = Ridge(RECIPE, classes=classes).fit(points[:30], y[:30]).predict(points)
    X = RECIPE.encode(points).reshape(len(points), -1)
    theirs = make_pipeline(StandardScaler(), RidgeClassifier(alpha=1000)).fit(X[:30], y[:30])
    np.testing.assert_array_equal(ours.argmax(axis=1), theirs.predict(X))
    np.testing.assert_allclose(ours.sum(axis=1), 1, rtol=1e-5)


def test_a_gloss_without_a_training_clip_is_never_predicted():
    points, y = make_points()
    assert 3 not in Ridge(RECIPE, classes=4).fit(points, y).predict(points).argmax(axis=1)


def test_the_mirrored_ridge_answers_the_same_for_a_clip_and_its_mirror_image():
    points, y = make_points()
    plain, mirrored = (kind(RECIPE, classes=3).fit(points, y) for kind in (Ridge, MirroredRidge))
    reflection = RECIPE.mirror(points)
    np.testing.assert_allclose(mirrored.predict(points), mirrored.predict(reflection), atol=1e-5)
    assert np.abs(plain.predict(points) - plain.predict(reflection)).max() > 0.01
    turned = replace(RECIPE, mirror_left_handed=True)  # its clips are all signed with the right hand
    one, other = (kind(turned, classes=3).fit(points, y).predict(points) for kind in (Ridge, MirroredRidge))
    np.testing.assert_array_equal(one, other)


def test_chance_predicts_the_most_frequent_gloss_with_its_share():
    points, _ = make_points(10)
    found = Chance(RECIPE, classes=3).fit(points, np.array([2] * 6 + [0] * 4)).predict(points[:2])
    np.testing.assert_allclose(found, [[0.4, 0, 0.6]] * 2, atol=1e-6)


@pytest.mark.parametrize("kind", [Chance, Ridge, MirroredRidge])
def test_a_saved_rival_predicts_the_same(tmp_path, kind):
    points, y = make_points(300)
    rival = kind(RECIPE, classes=3).fit(points, y)
    rival.save(tmp_path / rival.file)
    loaded = kind.load(tmp_path / rival.file, RECIPE)
    np.testing.assert_array_equal(loaded.predict(points), rival.predict(points))
    assert loaded.predict(points[:0]).shape == (0, 3)
    assert loaded.count_params() == rival.count_params() >= 3


@pytest.mark.parametrize("kind", [Chance, Ridge])
def test_a_rival_that_is_missing_damaged_or_for_another_recipe_is_named(tmp_path, kind):
    path = tmp_path / kind.file
    with pytest.raises(TrainingError, match=rf"{kind.file} holds no '{kind.name}'.*Train it again"):
        kind.load(path, RECIPE)
    for weights, bias in (((7, 3), 3), ((168, 3), 4), ((0, 0), 0)):
        np.savez(path, weights=np.ones(weights, np.float32), bias=np.ones(bias, np.float32))
        with pytest.raises(TrainingError, match="must be"):
            kind.load(path, RECIPE)
    np.savez(path, weights=np.ones((168, 3), np.float32), bias=np.full(3, np.nan, np.float32))
    with pytest.raises(TrainingError, match="must be"):
        kind.load(path, RECIPE)
    with pytest.raises(TrainingError, match="learned nothing yet"):
        kind(RECIPE, classes=3).predict(make_points()[0])
