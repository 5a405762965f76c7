"""The trees that need no network: what they are told of a clip, and that they learn from it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asl_lib.features.augment import mirror
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.models import HandTrees, describe_clips

FLAT = FeatureRecipe(parts=("pose", "left_hand", "right_hand"), frames=20)
DEEP = FeatureRecipe(parts=("left_hand", "right_hand"), coordinates="xyz", timing="window", mirror_left_handed=True)
RECIPES = pytest.mark.parametrize("recipe", [FLAT, DEEP], ids=["flat", "deep"])


def make_clips(recipe: FeatureRecipe, count: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return clips of two signs that differ in how far the right hand's fingers are apart."""
    rng = np.random.default_rng(seed)
    shape = rng.normal(size=(1, 1, recipe.num_landmarks, recipe.num_coordinates))
    y = np.arange(count) % 2
    points = shape + rng.normal(0, 0.02, (count, recipe.frames, *shape.shape[2:]))
    points[y == 1, :, recipe.columns("right_hand")] *= np.array([1.0, 0.3, 1.0][: recipe.num_coordinates])
    return points.astype(np.float32), y


@RECIPES
def test_a_clip_without_any_hand_is_described_without_nan(recipe):
    points, _ = make_clips(recipe)
    points[0] = np.nan
    assert np.isfinite(describe_clips(points, recipe)).all()


@RECIPES
@given(size=st.floats(0.5, 2.0))
def test_the_shape_of_the_hand_is_described_the_same_at_any_size(recipe, size):
    points, _ = make_clips(recipe, count=2)
    here, there = describe_clips(points, recipe), describe_clips(points * np.float32(size), recipe)
    shape = 81 if recipe.num_coordinates == 2 else 81 + 101
    np.testing.assert_allclose(here[:, :shape], there[:, :shape], atol=1e-3)


def test_a_description_of_one_clip_does_not_depend_on_the_others():
    points, _ = make_clips(FLAT)
    np.testing.assert_allclose(describe_clips(points, FLAT)[3:4], describe_clips(points[3:4], FLAT))


@RECIPES
def test_the_trees_learn_two_handshapes_and_give_probabilities(recipe):
    points, y = make_clips(recipe)
    trees = HandTrees(recipe, trees=50).fit(points, y)
    points[:, ::3, recipe.columns("right_hand")] = np.nan
    probabilities = trees.predict(points, classes=3)
    assert (probabilities.argmax(axis=1) == y).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities[:, 2] == 0).all()
    assert trees.nodes >= 50


def test_the_same_seed_grows_the_same_trees():
    points, y = make_clips(FLAT)
    one, other = (HandTrees(FLAT, trees=20, seed=3).fit(points, y).predict(points, classes=2) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_a_clip_and_its_mirror_image_get_the_same_answer():
    points, y = make_clips(FLAT)
    trees = HandTrees(FLAT, trees=50).fit(points, y)
    seen, mirrored = (trees.predict(clips, classes=2) for clips in (points, mirror(points, recipe=FLAT)))
    np.testing.assert_allclose(seen, mirrored)


def test_a_recipe_without_both_hands_is_refused():
    recipe = FeatureRecipe(parts=("pose", "right_hand"))
    with pytest.raises(ValueError, match="both hands"):
        describe_clips(np.zeros((1, 30, recipe.num_landmarks, 2), np.float32), recipe)
