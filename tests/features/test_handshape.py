import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from asl_lib.features.handshape import HANDSHAPE_SIZE, describe_hand, describe_photographs


def turned(points, degrees):
    angle = np.radians(degrees)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    return points @ matrix.T


@given(degrees=st.floats(-180, 180), scale=st.floats(0.2, 5), seed=st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_a_handshape_is_independent_of_place_and_size_and_except_for_directions_of_rotation(degrees, scale, seed):
    hand = np.random.default_rng(seed).normal(size=(4, 21, 2)).astype(np.float32)
    before = describe_hand(hand)
    assert before.shape == (4, HANDSHAPE_SIZE[2])
    np.testing.assert_allclose(describe_hand(hand * scale + 3), before, atol=2e-3)
    np.testing.assert_allclose(describe_hand(turned(hand, degrees))[:, :41], before[:, :41], atol=2e-3)


def test_the_thumb_s_distances_are_in_palm_lengths_of_each_frame():
    hand = np.random.default_rng(0).normal(size=(4, 21, 3)).astype(np.float32) * np.arange(1, 5)[:, None, None]
    for described, points in zip(describe_hand(hand), hand, strict=True):
        palm = np.linalg.norm(points[9] - points[0])
        expected = [np.linalg.norm(points[index] - points[4]) / palm for index in range(5, 21)]
        np.testing.assert_allclose(described[25:41], expected, rtol=1e-4)
        np.testing.assert_allclose(describe_hand(points), described, atol=1e-5)


def test_the_joints_of_a_straight_finger_have_cosine_one():
    hand = np.zeros((21, 3), np.float32)
    for number, base in enumerate((1, 5, 9, 13, 17)):
        direction = np.array([np.cos(number), np.sin(number), 0.3])
        hand[base : base + 4] = np.arange(1, 5)[:, None] * direction
    np.testing.assert_allclose(describe_hand(hand)[:15], 1, atol=1e-5)


@given(shift=st.floats(-2, 2), scale=st.floats(0.3, 3), seed=st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_a_photographed_hand_is_described_the_same_at_any_place_and_for_either_hand(shift, scale, seed):
    hands = np.random.default_rng(seed).normal(size=(3, 21, 3)).astype(np.float32)
    hands[2] = np.nan
    before = hands.copy()
    described = describe_photographs(hands)
    assert (described.shape, described.dtype) == ((3, HANDSHAPE_SIZE[2] + HANDSHAPE_SIZE[3]), np.float32)
    np.testing.assert_array_equal(hands, before)
    np.testing.assert_array_equal(described[2], 0)
    np.testing.assert_allclose(describe_photographs(hands * scale + shift), described, atol=5e-3)
    np.testing.assert_allclose(describe_photographs(hands * [-1, 1, 1]), described, atol=1e-5)


def test_a_right_hand_is_described_without_mirroring():
    hand = np.random.default_rng(0).normal(size=(1, 21, 3)).astype(np.float32)
    hand[0, [0, 5, 17], :2] = [0, 0], [1, -1], [-1, -1]  # above the wrist, the little finger to the left
    flat, solid = (describe_hand(hand[..., :axes]) for axes in (2, 3))
    for right in (hand, hand * [-1, 1, 1]):
        np.testing.assert_allclose(describe_photographs(right), np.concatenate([flat, solid], axis=-1), atol=1e-5)
