"""The trees that need no network: what they are told of a clip, and that they learn from it."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier

from asl_lib.features.recipe import FeatureRecipe
from asl_lib.models.errors import TrainingError
from asl_lib.models.trees import HandTrees, describe_clips

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
def test_a_clip_without_hands_is_described_without_nan(recipe):
    points, _ = make_clips(recipe)
    points[0] = np.nan
    assert np.isfinite(describe_clips(points, recipe)).all()


def test_a_recipe_of_two_frames_is_refused_for_the_trees():
    recipe = FeatureRecipe(frames=2, parts=FLAT.parts)
    with pytest.raises(ValueError, match="at least 3 frames"):
        describe_clips(make_clips(recipe)[0], recipe)


@pytest.mark.parametrize("first", range(8, 12))
def test_a_hand_seen_only_in_the_middle_and_always_moving_is_described_without_nan(first):
    recipe = FeatureRecipe()
    points = np.full((1, recipe.frames, recipe.num_landmarks, 2), np.nan, np.float32)
    seen, hand = slice(first, recipe.frames - first), np.random.default_rng(0).normal(size=(21, 2))
    points[0, seen, recipe.columns("right_hand")] = hand + np.arange(recipe.frames)[seen, None, None]
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
    trees = HandTrees(recipe, classes=3, trees=50).fit(points, y)
    points[:, ::3, recipe.columns("right_hand")] = np.nan
    probabilities = trees.predict(points)
    assert (probabilities.argmax(axis=1) == y).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities[:, 2] == 0).all()
    assert trees.count_params() >= 50


def test_the_memory_of_the_trees_does_not_grow_with_the_number_of_classes():
    points = np.random.default_rng(0).normal(size=(300, FLAT.frames, FLAT.num_landmarks, 2)).astype(np.float32)
    few, many = (
        len(pickle.dumps(HandTrees(FLAT, classes=classes, trees=3).fit(points, np.arange(300) % classes)))
        for classes in (3, 150)
    )
    assert many < 3 * few


@RECIPES
def test_the_trees_predict_exactly_like_scikit_learn_s(recipe):
    points, _ = make_clips(recipe, count=40)
    y = np.random.default_rng(1).choice([0, 2, 3], 40)
    points[20:30] = points[:10]  # the same clip under two names ends in a leaf of two classes
    ways = [points] if recipe.mirror_left_handed else [points, recipe.mirror(points)]
    described = [describe_clips(clips, recipe) for clips in ways]
    forest = ExtraTreesClassifier(30, random_state=7).fit(np.concatenate(described), np.tile(y, len(ways)))
    trees = HandTrees(recipe, classes=5, trees=30, seed=7).fit(points, y)
    expected = sum(forest.predict_proba(X) for X in described) / len(ways)
    np.testing.assert_array_equal(trees.predict(points)[:, [0, 2, 3]], expected)
    assert ((expected > 0) & (expected < 1)).any()
    assert (trees.predict(points)[:, [1, 4]] == 0).all()
    assert trees.count_params() == sum(tree.tree_.node_count for tree in forest.estimators_)


def test_the_same_seed_grows_the_same_trees():
    points, y = make_clips(FLAT)
    one, other = (HandTrees(FLAT, classes=2, trees=20, seed=3).fit(points, y).predict(points) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_a_clip_and_its_mirror_image_get_the_same_answer():
    points, y = make_clips(FLAT)
    trees = HandTrees(FLAT, classes=2, trees=50).fit(points, y)
    seen, mirrored = (trees.predict(clips) for clips in (points, FLAT.mirror(points)))
    np.testing.assert_allclose(seen, mirrored)


def test_a_recipe_without_both_hands_is_refused():
    recipe = FeatureRecipe(parts=("pose", "right_hand"))
    with pytest.raises(ValueError, match="both hands"):
        describe_clips(np.zeros((1, 30, recipe.num_landmarks, 2), np.float32), recipe)


@RECIPES
def test_saved_trees_predict_the_same_after_loading(tmp_path, recipe):
    points, y = make_clips(recipe)
    trees = HandTrees(recipe, classes=3, trees=20).fit(points, y)
    trees.save(tmp_path / "trees.npz")
    loaded = HandTrees.load(tmp_path / "trees.npz", recipe)
    np.testing.assert_array_equal(loaded.predict(points), trees.predict(points))
    assert (loaded.classes, loaded.trees) == (3, 20)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("child", lambda child: np.where(child > 0, child - 4, child), "children must come after it"),
        ("child", lambda child: child + 1000, "children must come after it"),
        ("feature", lambda feature: np.full_like(feature, -1), "hold shares of the classes"),
        ("feature", lambda feature: np.abs(feature), "children must come after it"),
        ("feature", lambda feature: np.where(feature >= 0, 30000, feature), "must compare"),
        ("threshold", lambda threshold: threshold[:-1], "as many features, thresholds and children"),
        ("threshold", lambda threshold: threshold.astype(np.float64), "'threshold' must be one row of float32"),
        ("roots", lambda roots: roots[::-1], "as many features, thresholds and children"),
        ("data", lambda data: data * np.nan, "hold shares of the classes"),
        ("indices", lambda indices: indices + 3, "indices"),
        ("classes", lambda classes: np.array(1), "indices|classes"),
        ("classes", lambda classes: np.array([3, 3]), "'classes' must be a whole number"),
        ("classes", lambda classes: np.array(np.inf), "'classes' must be a whole number"),
        ("classes", lambda classes: np.array(10**12), "a row of shares for each of 1000000000000 classes"),
        ("features", lambda features: np.zeros(0, int), "'features' must be a whole number"),
    ],
)
def test_damaged_trees_are_refused_with_a_reason(tmp_path, name, change, words):
    points, y = make_clips(FLAT)
    HandTrees(FLAT, classes=3, trees=5).fit(points, y).save(tmp_path / "trees.npz")
    with np.load(tmp_path / "trees.npz") as file:
        arrays = dict(file)
    arrays[name] = change(arrays[name])
    np.savez(tmp_path / "trees.npz", **arrays)
    with pytest.raises(TrainingError, match=rf"trees\.npz does not hold trees for this recipe.*({words})"):
        HandTrees.load(tmp_path / "trees.npz", FLAT)


def test_zero_clips_give_zero_rows_of_probabilities():
    points, y = make_clips(FLAT)
    trees = HandTrees(FLAT, classes=3, trees=5).fit(points, y)
    assert trees.predict(points[:0]).shape == (0, 3)


def test_missing_trees_trees_of_another_recipe_and_untrained_trees_are_refused(tmp_path):
    points, y = make_clips(DEEP)
    HandTrees(DEEP, classes=2, trees=50).fit(points, y).save(tmp_path / "trees.npz")
    with pytest.raises(TrainingError, match="they compare"):
        HandTrees.load(tmp_path / "trees.npz", FLAT)
    with pytest.raises(TrainingError, match="absent"):
        HandTrees.load(tmp_path / "absent.npz", FLAT)
    with pytest.raises(TrainingError, match="Call fit first"):
        HandTrees(DEEP, classes=2).predict(points)
