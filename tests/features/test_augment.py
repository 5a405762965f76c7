import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl_lib.features import augment
from asl_lib.features.augment import Augmentation
from asl_lib.features.body import LIPS
from asl_lib.features.recipe import FeatureRecipe
from tests.conftest import make_landmarks

RECIPE = FeatureRecipe(frames=16)
SPACE = {"rotation", "scale", "shear", "shift", "another body", "jitter"}
ALL = Augmentation(RECIPE, body=0.02, frames=0.2, mirrored=0.5, mask_time=0.4, mask_space=0.4)
seeds = st.integers(0, 2**31)


def clips(count=3):
    made = [make_landmarks(seed=seed, missing=[("left_hand", 0, 20), ("right_hand", 4, 12)]) for seed in range(count)]
    return np.stack([RECIPE.points(clip) for clip in made])


def distances(points):
    return np.linalg.norm(points[..., 1:, :] - points[..., :-1, :], axis=-1)


@pytest.mark.parametrize("name", list(ALL.steps()))
@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_every_augmentation_keeps_the_shape_and_the_missing_points(name, seed):
    before = clips()
    copy = before.copy()
    after = ALL.steps()[name](before, np.random.default_rng(seed))
    assert after.shape == before.shape
    assert after.dtype == np.float32
    np.testing.assert_array_equal(before, copy)
    if name != "mirroring":
        assert np.isnan(after[:, :, RECIPE.columns("left_hand")]).all(), "A hand that was never seen appeared."
    if name in SPACE:
        np.testing.assert_array_equal(np.isnan(after), np.isnan(before))


@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_rotation_keeps_all_distances(seed):
    before = clips()
    np.testing.assert_allclose(
        distances(augment.rotate(before, np.random.default_rng(seed))), distances(before), atol=1e-4
    )


@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_a_shift_moves_all_points_of_a_clip_equally(seed):
    before = clips()
    moved = augment.shift(before, np.random.default_rng(seed), distance=0.3) - before
    for clip in moved:
        flat = clip[~np.isnan(clip).any(axis=-1)]
        np.testing.assert_allclose(flat, np.broadcast_to(flat[0], flat.shape), atol=1e-5)
        assert np.abs(flat).max() <= 0.3 + 1e-5


@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_a_scaled_clip_is_a_multiple_of_itself(seed):
    before = clips()
    after = augment.scale(before, np.random.default_rng(seed), amount=0.2)
    ratio = after[0, :, :, 0] / before[0, :, :, 0]
    ratio = ratio[np.isfinite(ratio)]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-3)
    assert 0.8 <= ratio[0] <= 1.2


@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_a_time_warp_keeps_both_ends_and_never_runs_backwards(seed):
    clock = np.linspace(0, 1, 16, dtype=np.float32)[None, :, None, None] * np.ones((2, 1, 1, 2), np.float32)
    warped = augment.warp_time(clock, np.random.default_rng(seed), amount=0.5)[..., 0, 0]
    np.testing.assert_allclose(warped[:, [0, -1]], [[0, 1]] * 2, atol=1e-5)
    assert (np.diff(warped, axis=1) >= 0).all()


@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_a_crop_in_time_cuts_at_most_its_amount(seed):
    clock = np.linspace(0, 1, 16, dtype=np.float32)[None, :, None, None] * np.ones((2, 1, 1, 2), np.float32)
    cropped = augment.crop_time(clock, np.random.default_rng(seed), amount=0.2)[..., 0, 0]
    assert (cropped[:, 0] <= 0.2 + 1e-5).all()
    assert (cropped[:, -1] >= 0.8 - 1e-5).all()


@given(seed=st.integers(0, 999), amount=st.floats(0, 1, exclude_max=True), share=st.floats(0, 0.5, exclude_max=True))
def test_at_every_accepted_strength_time_runs_forwards(seed, amount, share):
    clock = np.broadcast_to(np.arange(16, dtype=np.float32)[None, :, None, None], (3, 16, 1, 2))
    for varied in (
        augment.warp_time(clock, np.random.default_rng(seed), amount=amount),
        augment.crop_time(clock, np.random.default_rng(seed), amount=share),
    ):
        assert (np.diff(varied[..., 0, 0], axis=1) >= 0).all()


@pytest.mark.parametrize(
    ("variation", "amount"),
    [(augment.warp_time, 1.0), (augment.warp_time, -0.1), (augment.crop_time, 0.5), (augment.crop_time, -0.1)],
)
def test_a_strength_at_which_time_could_run_backwards_is_refused(variation, amount):
    with pytest.raises(ValueError, match=rf"amount must be at least 0 and less than .*; got {amount:g}"):
        variation(np.zeros((1, 16, 1, 2), np.float32), np.random.default_rng(0), amount=amount)


def test_hand_dropout_removes_hands_in_the_chosen_share_of_frames_and_never_the_body():
    before = np.ones((200, 16, RECIPE.num_landmarks, 2), np.float32)
    after = augment.drop_hands(before, np.random.default_rng(1), recipe=RECIPE, share=0.3)
    lost = np.isnan(after[:, :, RECIPE.columns("right_hand")]).all(axis=(2, 3)).mean()
    assert 0.27 < lost < 0.33
    assert np.isfinite(after[:, :, RECIPE.columns("pose")]).all()


def test_a_strength_of_zero_disables_an_augmentation():
    assert len(ALL.steps()) == 13
    rarer = {"another body", "frame dropout", "mirroring", "mask in time", "mask in space"}
    assert set(ALL.steps()) - set(Augmentation(RECIPE).steps()) == rarer
    still = Augmentation(RECIPE, rotate=0, scale=0, shift=0, shear=0, jitter=0, warp=0, crop=0, drop=0)
    before = clips()
    np.testing.assert_array_equal(still(before, np.random.default_rng(0)), before)


@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_rotation_in_depth_keeps_all_distances_too(seed):
    deep = FeatureRecipe(frames=16, coordinates="xyz")
    before = np.stack([deep.points(make_landmarks(seed=1))])
    after = augment.rotate(before, np.random.default_rng(seed), degrees=30)
    np.testing.assert_allclose(distances(after), distances(before), atol=1e-4)
    assert not np.allclose(after[..., 2], before[..., 2])


@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_another_body_moves_a_landmark_by_one_offset_for_the_whole_clip(seed):
    before = clips()
    moved = augment.vary_body(before, np.random.default_rng(seed), spread=0.1) - before
    body = moved[:, :, RECIPE.columns("pose")]  # seen in every frame
    np.testing.assert_allclose(body, np.broadcast_to(body[:, :1], body.shape), atol=1e-5)
    assert 0.05 < body[:, 0].std() < 0.2


def test_frame_dropout_removes_the_chosen_share_of_whole_frames():
    before = np.ones((200, 16, RECIPE.num_landmarks, 2), np.float32)
    lost = np.isnan(augment.drop_frames(before, np.random.default_rng(1), share=0.3))
    assert (lost.all(axis=(2, 3)) == lost.any(axis=(2, 3))).all()
    assert 0.27 < lost.mean() < 0.33


@given(seed=seeds, share=st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_every_clip_is_either_mirrored_or_unchanged(seed, share):
    before = clips(6)
    after = augment.mirror_some(before, np.random.default_rng(seed), recipe=RECIPE, share=share)
    mirrored = RECIPE.mirror(before)
    for clip, as_it_was, other in zip(after, before, mirrored, strict=True):
        assert np.array_equal(clip, as_it_was, equal_nan=True) or np.array_equal(clip, other, equal_nan=True)


@given(seed=seeds, alpha=st.floats(0.05, 2))
@settings(max_examples=20, deadline=None)
def test_mixup_stays_between_the_clips_and_its_targets_add_up_to_one(seed, alpha):
    rng = np.random.default_rng(seed)
    X, targets = rng.normal(size=(8, 4, 3)).astype(np.float32), np.eye(5, dtype=np.float32)[rng.integers(0, 5, 8)]
    mixed, shares = augment.mixup_pairs(X, targets, np.random.default_rng(seed), alpha=alpha)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert (shares >= 0).all()
    assert (mixed <= X.max(axis=0) + 1e-5).all()
    assert (mixed >= X.min(axis=0) - 1e-5).all()


def test_mirroring_exchanges_the_hands_and_mirroring_twice_restores_the_clip():
    before = clips()
    after = RECIPE.mirror(before)
    assert np.isnan(after[:, :, RECIPE.columns("right_hand")]).all()
    np.testing.assert_allclose(after[:, :, 11, 0], -before[:, :, 12, 0])
    np.testing.assert_array_equal(RECIPE.mirror(after), before)
    face = FeatureRecipe(parts=("pose", "lips"), frames=16)
    before = np.stack([face.points(make_landmarks(parts=("pose", "face")))])
    after = face.mirror(before)
    corners = [face.columns("lips").start + LIPS.index(corner) for corner in (61, 291)]
    np.testing.assert_allclose(after[..., corners[0], 0], -before[..., corners[1], 0])


def test_the_seed_determines_the_augmented_clips():
    one, same, other = (Augmentation(RECIPE)(clips(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other, equal_nan=True)


def test_clips_of_a_batch_are_augmented_independently():
    twins = np.repeat(clips(1), 2, axis=0)
    after = Augmentation(RECIPE)(twins, np.random.default_rng(0))
    assert not np.allclose(after[0], after[1], equal_nan=True)


@given(seed=seeds, share=st.floats(0, 1))
def test_a_mask_in_time_removes_one_stretch_of_at_most_its_share(seed, share):
    points = np.zeros((20, 16, 5, 2), np.float32)
    gone = np.isnan(augment.mask_time(points, np.random.default_rng(seed), share=share)).all(axis=(2, 3))
    assert gone.sum(axis=1).max() <= share * 16
    edges = np.abs(np.diff(np.pad(gone, ((0, 0), (1, 1))).astype(int), axis=1)).sum(axis=1)
    assert set(edges) <= {0, 2}


@given(seed=seeds)
def test_a_mask_in_space_removes_the_points_in_one_square_and_no_other(seed):
    rng = np.random.default_rng(seed)
    points = rng.uniform(-1, 3, (4, 16, 50, 3)).astype(np.float32)
    points[3] = np.nan
    masked = augment.mask_space(points, rng, side=0.5)
    for before, after in zip(points[:3], masked[:3], strict=True):
        gone, kept = before[np.isnan(after[..., 0])][:, :2], after[~np.isnan(after[..., 0])][:, :2]
        if len(gone):
            low, high = gone.min(axis=0), gone.max(axis=0)
            assert (high - low <= 0.5 * 4).all()
            assert not ((kept >= low) & (kept <= high)).all(axis=1).any()
    assert np.isnan(masked[3]).all()
