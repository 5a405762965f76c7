"""Landmarks straight from joints: in the form of the tracker's, and as far from the joints as the tracker's."""

import numpy as np
import pytest

from asl_lib.data.demo import load_lexicon, load_signers, perform, render_frames
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.landmarks.simulated import simulate_landmarks
from asl_lib.landmarks.tracker import HolisticTracker

LEXICON, SIGNERS = load_lexicon(), load_signers()


def performance(gloss="HELP", name="ana"):
    return perform(LEXICON[gloss], SIGNERS[name], repetition=0, seed=42)


def hand_errors(landmarks, shown):
    """Return the distances of both hands' landmarks from the joints, where a hand signs, in shoulder widths."""
    size = np.array(shown.size)
    both = np.stack([landmarks.part(part)[..., :2] * size for part in ("left_hand", "right_hand")], axis=1)
    away = np.linalg.norm(both - shown.hands, axis=-1) / shown.signer.shoulders_px
    return away[shown.signing]


def test_simulated_landmarks_suit_every_recipe_and_are_reproducible():
    shown = performance()
    first, again = (simulate_landmarks(shown, np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(first.points, again.points)
    assert first.points.shape == (len(shown.joints), 75, 3)
    assert (first.confidence == np.isfinite(first.points[..., 0])).all()
    for coordinates in ("xy", "xyz"):
        recipe = FeatureRecipe(coordinates=coordinates)
        assert np.isfinite(recipe.transform(first)).all()
    other = simulate_landmarks(shown, np.random.default_rng(2))
    assert not np.allclose(first.points, other.points, equal_nan=True)


def test_a_hand_below_the_picture_is_not_found_and_one_that_signs_nearly_always():
    found, signing, low = 0, 0, 0
    for name in SIGNERS:
        shown = performance(name=name)
        landmarks = simulate_landmarks(shown, np.random.default_rng(3))
        seen = np.stack([landmarks.seen(part) for part in ("left_hand", "right_hand")], axis=1)
        below = shown.joints[..., 1].max(axis=2) > shown.size[1] + 60
        low += int((seen & below).sum())
        found, signing = found + int((seen & shown.signing).sum()), signing + int(shown.signing.sum())
    assert low == 0
    assert 0.9 < found / signing < 1


def test_another_frame_rate_gives_as_many_seconds_in_other_frames():
    shown = performance()
    landmarks = simulate_landmarks(shown, np.random.default_rng(1), fps=15)
    assert landmarks.fps == 15
    assert landmarks.times[-1] == pytest.approx((len(shown.joints) - 1) / shown.fps, abs=1 / 15)
    recipe = FeatureRecipe()
    wrists = [
        recipe.points(each)[:, [15, 16]] for each in (landmarks, simulate_landmarks(shown, np.random.default_rng(1)))
    ]
    assert np.abs(wrists[0] - wrists[1]).mean() < 0.15


def test_other_bodies_move_the_head_and_the_hips_and_not_the_hands():
    shown = performance()
    pose = [simulate_landmarks(shown, np.random.default_rng(1), bodies=bodies).part("pose") for bodies in (0.0, 4.0)]
    moved = np.linalg.norm((pose[1] - pose[0])[..., :2], axis=-1).mean(axis=0)
    assert moved[:11].min() > 0.01
    assert moved[23:25].min() > 0.01
    assert moved[11:23].max() < 1e-6


@pytest.mark.parametrize("name", ["chen", "ivo"])
def test_the_errors_are_about_those_of_the_tracker_on_the_rendered_clip(name):
    shown = performance("WANT", name)
    with HolisticTracker(("pose", "left_hand", "right_hand")) as tracker:
        tracked = tracker.detect(list(render_frames(shown)), fps=shown.fps)
    simulated = [simulate_landmarks(shown, np.random.default_rng(seed)) for seed in range(8)]
    of_tracker = np.nanmedian(hand_errors(tracked, shown))
    of_simulated = [np.nanmedian(hand_errors(landmarks, shown)) for landmarks in simulated]
    assert min(of_simulated) / 1.5 < of_tracker < max(of_simulated) * 1.5
    shoulders = [landmarks.part("pose")[:, [11, 12], :2].mean(axis=0) for landmarks in (tracked, *simulated)]
    assert np.abs(shoulders[0] - np.mean(shoulders[1:], axis=0)).max() < 0.03
