"""The tracker's arithmetic: turned rectangles and filters."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from asl_lib.landmarks.regions import Region, Steadiness, palm_region, region_around, region_between
from asl_lib.landmarks.tracker import OneEuroFilter

coordinates = st.floats(-500, 500)
regions = st.builds(
    Region, coordinates, coordinates, st.floats(1, 900), st.floats(1, 900), st.floats(-math.pi, math.pi)
)
points = st.lists(st.tuples(coordinates, coordinates), min_size=21, max_size=21).map(np.array)


@given(regions, points)
def test_mapping_points_into_a_region_and_back_changes_nothing(region, places):
    shares = region.offsets(places) / (region.width, region.height) + 0.5
    np.testing.assert_allclose(region.to_picture(shares), places, atol=1e-6)


@given(regions, points, st.floats(-math.pi, math.pi), coordinates)
def test_a_palm_s_region_turns_and_moves_with_the_hand_and_holds_its_palm(region, hand, angle, step):
    palm = palm_region(hand)
    inside = np.abs(palm.offsets(hand[[0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]]))
    assert (inside <= np.array([palm.width, palm.height]) / 2 + 1e-6).all()
    moved = palm_region(hand + step)
    np.testing.assert_allclose((moved.x - palm.x, moved.y - palm.y), (step, step), atol=1e-6)
    assert (moved.width, moved.height) == pytest.approx((palm.width, palm.height), abs=1e-6)
    knuckles = ((hand[5] + hand[13]) / 2 + hand[9]) / 2
    assume(math.dist(knuckles, hand[0]) > 1)  # else it has no direction
    clockwise = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    turned = palm_region(hand @ clockwise)
    np.testing.assert_allclose((turned.x, turned.y), (palm.x, palm.y) @ clockwise, atol=1e-6)
    assert (turned.width, turned.height) == pytest.approx((palm.width, palm.height), abs=1e-6)
    assert math.cos(turned.rotation - palm.rotation - angle) == pytest.approx(1)


def test_the_crop_of_a_turned_region_is_upright():
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[90:110, 100:180] = 255  # an arm that points to the right
    turned = region_between(np.array([100.0, 100.0]), np.array([180.0, 100.0]), degrees=90)
    crop = turned.crop(picture, 64)
    assert crop[:30, 32].mean() > 200, "upwards"
    assert crop[36:].mean() < 50
    whole = Region(100, 100, 200, 200).crop(picture, 200)
    np.testing.assert_array_equal(whole, picture)


def test_a_region_centred_outside_the_picture_is_rejected():
    picture = np.zeros((100, 200, 3), np.uint8)
    assert Region(100, 50, 40, 40).middle_inside(picture) == 1
    assert Region(100, 100, 40, 40).middle_inside(picture) == 0.5
    assert Region(100, 140, 40, 40, 0.5).middle_inside(picture) == 0
    assert Region(100, 50, 20, 20).square(2.0, shift=0.5) == Region(100, 60, 40, 40)


@pytest.mark.parametrize(
    ("other", "holds"),
    [
        (Region(50, 50, 20, 20), True),
        (Region(53, 50, 20, 20), True),
        (Region(55, 50, 20, 20), False),  # moved by more than a fifth
        (Region(50, 50, 30, 20), False),  # half as wide again
        (Region(50, 50, 20, 20, math.radians(45)), False),
        (Region(50, 50, 20, 20, 2 * math.pi), True),  # a full turn
    ],
)
def test_a_region_is_reused_while_the_hand_moves_little(other, holds):
    steady = Steadiness(degrees=40, shift=0.2, scale=0.4, inner=0.9)
    hand = np.array([[45.0, 50.0], [55.0, 50.0]])
    assert steady.holds(other, Region(50, 50, 20, 20), hand) is holds
    assert not steady.holds(other, Region(50, 50, 20, 20), hand + 6), "landmarks at its edge"


def test_the_box_around_points_contains_them():
    box = region_around(np.array([[1.0, 2.0], [5.0, 4.0], [3.0, 10.0]]), rotation=0.3)
    assert (box.x, box.y, box.width, box.height, box.rotation) == (3, 6, 4, 8, 0.3)


@given(st.floats(-1000, 1000), st.floats(0.1, 500))
def test_a_filter_keeps_a_constant_signal_and_follows_a_step_without_overshoot(value, jump):
    smooth = OneEuroFilter(0.05, 80)
    for _ in range(5):
        np.testing.assert_allclose(smooth(np.array([value]), scale=100.0), value)
    seen = [float(smooth(np.array([value + jump]), scale=100.0)[0]) - value for _ in range(60)]
    assert all(0 < one <= other + 1e-9 for one, other in pairwise(seen))
    assert seen[-1] <= jump + 1e-6
