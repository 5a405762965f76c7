"""The reference networks have their published sizes, learn, and come back from their files."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tcn import TCN

from asl_lib.features.recipe import FeatureRecipe
from asl_lib.models.conv_transformer import build_conv_transformer
from asl_lib.models.hierarchical import (
    build_attention_hierarchical,
    build_hierarchical,
    groups_by_centroid,
    groups_by_order,
)
from asl_lib.models.layers import AttentionPooling, GraphConvolution, attention_weights, baseline
from asl_lib.models.lstm import build_attention_lstm, build_lstm
from asl_lib.models.sl_gcn import PUBLISHED_WIDTHS, bones_of, build_sl_gcn
from asl_lib.models.spoter import build_spoter
from asl_lib.models.tcn import build_attention_tcn, build_tcn
from asl_lib.models.transformer import build_attention_transformer, build_transformer
from asl_lib.training.fit import fit, set_seeds
from asl_lib.training.saved import compile_predictor, load_model, predict
from tests.conftest import make_clip_set
from tests.training.test_fit import RECIPE, halves, make_set

PUBLISHED = {"frames": 30, "features": 150, "classes": 100}
small_transformer = partial(build_transformer, blocks=1, heads=2, head_size=8, feed_forward=32)


def small_sl_gcn(*, frames, features, classes):
    """A graph network of two units for the recipe of the tests, whose features are its points and one mask."""
    return build_sl_gcn(recipe=replace(RECIPE, frames=frames), classes=classes, widths=(16, 32))


def small_tcn(*, frames, features, classes):
    """The reference network with two of its three stacks, and two of the six convolutions of each."""
    body = [TCN(16, dilations=(1, 2), return_sequences=True), TCN(16, dilations=(1, 2))]
    return baseline(body, name="tcn", frames=frames, features=features, classes=classes)


BUILDERS = {
    "lstm": build_lstm,
    "tcn": small_tcn,
    "transformer": small_transformer,
    "hierarchical": partial(build_hierarchical, groups=2),
    "conv_transformer": partial(build_conv_transformer, units=32, stages=1, kernel=5, dropout=0.2),
    "spoter": partial(build_spoter, units=36, blocks=1, feed_forward=32),
    "sl_gcn": small_sl_gcn,
    "attention_lstm": partial(build_attention_lstm, units=32),
    "attention_tcn": partial(build_attention_tcn, units=32),
    "attention_transformer": partial(build_attention_transformer, units=32),
    "attention_hierarchical": partial(build_attention_hierarchical, groups=2, units=32),
}


def test_the_reference_tcn_has_the_published_size():
    model = build_tcn(**PUBLISHED)
    assert model.count_params() == 927_812
    assert model.output_shape == (None, 100)


def test_the_reference_transformer_has_learned_positions_and_pools_over_time():
    model = build_transformer(frames=30, features=84, classes=100)
    assert model.get_layer("positions").count_params() == 2_520
    attention = [layer for layer in model.layers if layer.__class__.__name__ == "MultiHeadAttention"]
    assert [(layer.num_heads, layer.key_dim) for layer in attention] == [(9, 256)] * 4
    assert [layer.rate for layer in model.layers if layer.__class__.__name__ == "Dropout"][-1] == 0.4
    pooled = next(layer for layer in model.layers if layer.__class__.__name__ == "GlobalAveragePooling1D")
    assert pooled.output.shape == (None, 84)


def test_the_transformer_distinguishes_early_from_late():
    set_seeds(1)
    model = build_transformer(frames=6, features=8, classes=3, blocks=1, heads=2, head_size=4, feed_forward=16)
    model.get_layer("positions").set_weights([np.random.default_rng(0).normal(size=(6, 8))])
    clip = np.random.default_rng(1).normal(size=(1, 6, 8)).astype(np.float32)
    forwards, backwards = (model.predict(look, verbose=0) for look in (clip, clip[:, ::-1]))
    assert not np.allclose(forwards, backwards, atol=1e-4)


def test_the_reference_hierarchical_network_names_group_and_gloss():
    model = build_hierarchical(**PUBLISHED, groups=10)
    assert {name: output.shape for name, output in model.output.items()} == {"group": (None, 10), "gloss": (None, 100)}
    convolutions = [layer for layer in model.layers if layer.__class__.__name__ == "Conv1D"]
    assert [(layer.filters, layer.kernel_size[0]) for layer in convolutions] == [(64, 3), (128, 5), (256, 3)]
    dense = [layer.units for layer in model.layers if layer.__class__.__name__ == "Dense"]
    assert sorted(dense) == sorted([512, 256, 128, 10, 512, 256, 100])
    with pytest.raises(ValueError, match="between 2 and the 100 classes; got 1"):
        build_hierarchical(**PUBLISHED, groups=1)


def test_the_winner_of_google_s_competition_has_the_published_size():
    model = build_conv_transformer(frames=64, features=708, classes=250)
    assert model.count_params() == 1_836_569 - 1, "the published one counts its steps in one more number"


def test_a_convolution_of_the_winner_of_google_s_competition_sees_no_later_frame():
    import keras

    set_seeds(1)
    model = build_conv_transformer(frames=9, features=4, classes=2, units=8, stages=1, kernel=5)
    first = next(layer for layer in model.layers if layer.__class__.__name__ == "DepthwiseConv1D")
    convolved, clip = keras.Model(model.input, first.output), np.random.default_rng(0).normal(size=(1, 9, 4))
    changed = clip.copy()
    changed[:, 4] += 1
    apart = np.abs(convolved.predict(clip, verbose=0) - convolved.predict(changed, verbose=0)).max(axis=(0, 2))
    assert (apart > 1e-4).tolist() == [False] * 4 + [True] * 5


def test_spoter_has_the_published_size():
    model = build_spoter(frames=50, features=108, classes=100)
    assert model.count_params() == 5_922_664, "published as 5.92 million"


def test_spoter_distinguishes_early_from_late():
    set_seeds(1)
    model = build_spoter(frames=6, features=8, classes=3, units=18, blocks=1, feed_forward=16)
    model.get_layer("positions").set_weights([np.random.default_rng(0).normal(size=(6, 18))])
    clip = np.random.default_rng(1).normal(size=(1, 6, 8)).astype(np.float32)
    forwards, backwards = (model.predict(look, verbose=0) for look in (clip, clip[:, ::-1]))
    assert not np.allclose(forwards, backwards, atol=1e-4)


def published_sl_gcn_size(points, coordinates, classes, groups=8):
    """Return the number of trained parameters of the code of OpenHands, layer by layer."""
    count, before = 2 * coordinates * points + PUBLISHED_WIDTHS[-1] * classes + classes, coordinates
    for unit, width in enumerate(PUBLISHED_WIDTHS):
        changes = before != width
        count += 3 * groups * points**2 + 3 * (before * width + width) + 6 * width + 2 * width
        count += before * width + 3 * width if changes else 0
        count += (9 * width + 1) + ((points - 1 + points % 2) * width + 1)  # attention to frames, to points
        count += (width + 1) * (width // 2) + (width // 2 + 1) * width  # and to channels
        count += 9 * width**2 + 3 * width + (before * width + 3 * width if unit and changes else 0)
        before = width
    return count


def test_the_graph_network_has_the_published_size():
    recipe = FeatureRecipe(parts=("upper_body", "left_hand", "right_hand"))
    model = build_sl_gcn(recipe=recipe, classes=100)
    trained = sum(int(np.prod(weights.shape)) for weights in model.trainable_weights)
    assert trained == published_sl_gcn_size(67, 2, 100) == 4_589_812
    assert published_sl_gcn_size(27, 3, 226) == 3_663_624


@given(parts=st.lists(st.sampled_from(["pose", "left_hand", "right_hand", "lips"]), min_size=1, unique=True))
def test_the_bones_of_a_recipe_join_its_own_points_and_every_point_of_a_hand_to_one_other(parts):
    recipe = FeatureRecipe(parts=tuple(parts), body_frame="image")
    bones = bones_of(recipe.parts)
    assert set(sum(bones, ())) <= set(range(recipe.num_landmarks))
    outer = [bone[0] for bone in bones]
    for hand in recipe.hands:
        points = range(*recipe.columns(hand).indices(recipe.num_landmarks))
        assert sorted(one for one in outer if one in points) == list(points)[0 if "pose" in parts else 1 :]


def test_a_graph_convolution_begins_with_the_neighbours_along_the_bones():
    layer = GraphConvolution([(1, 0), (2, 1), (3, 1)], groups=2)
    clip = np.random.default_rng(0).normal(size=(1, 3, 5, 12)).astype(np.float32)
    changed = clip.copy()
    changed[:, 1, 2] += 1
    apart = np.abs(np.asarray(layer(clip)) - np.asarray(layer(changed))).max(axis=(0, 3))
    assert np.argwhere(apart > 1e-6).tolist() == [[1, 1], [1, 2]]
    with pytest.raises(ValueError, match="divide a third of the 12 channels; got 3"):
        GraphConvolution([(1, 0)], groups=3)(clip)


def test_the_graph_network_reads_points_and_velocities_and_nothing_else():
    recipe = FeatureRecipe(
        frames=8, parts=("left_hand", "right_hand"), hand_frame="both", velocities=True, handshape=True
    )
    set_seeds(1)
    model = build_sl_gcn(recipe=recipe, classes=3, widths=(8,))
    clip, numbers = np.random.default_rng(0).normal(size=recipe.shape), range(0, recipe.num_features, 7)
    changed = np.stack([clip] * (len(numbers) + 1))
    for row, number in enumerate(numbers):
        changed[row, :, number] += 3
    answers = model.predict(changed, verbose=0)
    read = np.abs(answers[:-1] - answers[-1]).max(axis=1) > 1e-7
    size = recipe.num_landmarks * 2  # the hands come twice: in the body's frame and in their own
    assert read.tolist() == [number // size in (0, 2) for number in numbers]


@pytest.mark.parametrize("name", BUILDERS)
def test_a_network_without_two_classes_is_refused(name):
    with pytest.raises(ValueError, match="2 classes"):
        {**BUILDERS, "tcn": build_tcn}[name](frames=30, features=150, classes=1)


@pytest.mark.parametrize("name", BUILDERS)
def test_every_network_learns_comes_back_from_its_file_in_safe_mode_and_is_compiled_for_single_clips(name, tmp_path):
    clips = make_set(40)
    clips.values[clips.y == 1, :, 5:] += 0.8
    set_seeds(1)
    model = BUILDERS[name](frames=8, features=RECIPE.num_features, classes=2)
    groups = np.array([0, 1]) if "hierarchical" in name else None
    options = {"epochs": 8, "learning_rate": 3e-3, "batch_size": 8, "groups": groups, "seed": 1}
    training = fit(model, clips, halves(24, 40), folder=tmp_path, **options)
    assert training.history.val_accuracy.max() > 0.85
    loaded, recipe = load_model(tmp_path)
    assert recipe == clips.recipe
    probabilities, compiled = predict(model, clips), compile_predictor(loaded, recipe)
    np.testing.assert_allclose([compiled(clip) for clip in clips.values[:3]], probabilities[:3], atol=1e-5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-4)


def test_a_network_of_two_tasks_learns_both_with_groups_by_likeness_where_none_are_given(tmp_path):
    clips, weights = make_set(8), {"group": [], "gloss": []}
    for groups in (None, groups_by_centroid(clips.encode(np.arange(8)), clips.y, 2, classes=2, seed=1)):
        set_seeds(1)
        model = BUILDERS["hierarchical"](frames=8, features=RECIPE.num_features, classes=2)
        before = {task: model.get_layer(task).get_weights()[0] for task in weights}
        fit(model, clips, folder=tmp_path, monitor="none", epochs=1, groups=groups, seed=1)
        for task, found in weights.items():
            found.append(model.get_layer(task).get_weights()[0])
            assert (found[-1] != before[task]).any()
    for found in weights.values():
        np.testing.assert_array_equal(*found)


def test_attention_pooling_gives_a_weighted_mean_and_refuses_heads_that_do_not_divide():
    layer = AttentionPooling(2)
    clips = np.random.default_rng(0).normal(size=(3, 5, 8)).astype(np.float32)
    pooled = np.asarray(layer(clips))
    assert pooled.shape == (3, 8)
    assert (pooled <= clips.max(axis=1) + 1e-6).all()
    assert (pooled >= clips.min(axis=1) - 1e-6).all()
    with pytest.raises(ValueError, match="divide the 8 channels; got 3"):
        AttentionPooling(3)(clips)


@pytest.mark.parametrize("name", [name for name in BUILDERS if name.startswith("attention_")])
def test_the_weights_of_each_attention_head_add_up_to_one(name):
    model = BUILDERS[name](frames=6, features=10, classes=3)
    weights = attention_weights(model, np.random.default_rng(0).normal(size=(2, 6, 10)).astype(np.float32))
    assert weights.shape == (2, 6, 4)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)


def test_a_network_without_attention_has_no_attention_weights():
    model = build_lstm(frames=6, features=10, classes=3)
    with pytest.raises(ValueError, match="'lstm' has no attention pooling"):
        attention_weights(model, np.zeros((1, 6, 10), np.float32))


def test_groups_by_order_are_equal_runs():
    assert groups_by_order(6, 3).tolist() == [0, 0, 1, 1, 2, 2]
    assert np.bincount(groups_by_order(100, 7)).tolist() == [15, 14, 14, 15, 14, 14, 14]


def test_groups_by_centroid_contain_similar_signs_in_any_order():
    rng = np.random.default_rng(0)
    place = np.array([0, 5, 0, 5, 0, 5])
    y = np.repeat(np.arange(6), 4)
    X = place[y][:, None, None] + rng.normal(scale=0.1, size=(24, 3, 2))
    groups = groups_by_centroid(X, y, 2, classes=6)
    assert len(set(groups[place == 0])) == len(set(groups[place == 5])) == 1
    assert groups[0] != groups[1]


@pytest.mark.parametrize("absent", [3, 5])
def test_a_gloss_without_a_training_clip_gets_a_group_and_a_warning(absent):
    rng = np.random.default_rng(0)
    place = np.array([0, 5, 0, 5, 0, 0])
    y = np.repeat(np.arange(6), 4)
    X = place[y][:, None, None] + rng.normal(scale=0.1, size=(24, 3, 2))
    with pytest.warns(UserWarning, match=rf"no training clip of 1 of 6 glosses \(number {absent}\)"):
        groups = groups_by_centroid(X[y != absent], y[y != absent], 2, classes=6)
    assert groups.shape == (6,)
    assert len(set(groups[[0, 2, 4]])) == 1
    assert groups[absent] == groups[0]  # the largest group
    assert groups[1] != groups[0]


@pytest.mark.filterwarnings("ignore:There is no training clip")
@given(seen=st.sets(st.integers(0, 7), min_size=1), groups=st.integers(1, 8))
def test_groups_by_centroid_have_the_requested_number_even_if_glosses_lack_training_clips(seen, groups):
    y = np.repeat(sorted(seen), 2)
    X = np.random.default_rng(0).normal(size=(len(y), 3, 2)) + 10 * y[:, None, None]
    found = groups_by_centroid(X, y, groups, classes=8)
    assert set(found) == set(range(groups))
    assert len(found) == 8


def test_more_groups_than_glosses_and_zero_clips_are_refused():
    with pytest.raises(ValueError, match="between 1 and the 2 classes; got 3"):
        groups_by_centroid(np.zeros((2, 3, 2)), np.array([0, 1]), 3, classes=2)
    with pytest.raises(ValueError, match="at least one training clip"):
        groups_by_centroid(np.zeros((0, 3, 2)), np.zeros(0, int), 2, classes=2)


def test_a_recipe_with_handshapes_and_velocities_feeds_any_network():
    recipe = FeatureRecipe(frames=8, parts=("right_hand",), body_frame="image", handshape=True, velocities=True)
    model = build_tcn(frames=recipe.frames, features=recipe.num_features, classes=3)
    clips = make_clip_set(np.zeros((3, *recipe.values_shape), np.float32), [0, 1, 2], recipe)
    assert predict(model, clips).shape == (3, 3)
