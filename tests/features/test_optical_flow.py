"""Optical flow finds a known movement, and survives the way to I3D and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import gaussian_filter, shift

from asl_lib.features.optical_flow import METHODS, flow_colours, optical_flow, quantise_flow, restore_flow


def make_frame(size=96):
    texture = gaussian_filter(np.random.default_rng(0).normal(size=(size, size)), 2.5)
    return (128 + 100 * texture / np.abs(texture).max()).astype(np.float32)


@pytest.mark.parametrize("method", METHODS)
def test_a_movement_of_three_pixels_to_the_right_and_two_up_is_recovered(method):
    frame = make_frame()
    moved = shift(frame, (-2, 3), order=3, mode="nearest")
    frames = [np.clip(picture, 0, 255).astype(np.uint8) for picture in (frame, moved)]
    (flow,) = optical_flow(frames, method=method)
    inside = flow[16:-16, 16:-16]
    assert np.abs(inside.mean(axis=(0, 1)) - [3, -2]).max() < 0.2
    assert np.abs(np.median(inside, axis=(0, 1)) - [3, -2]).max() < 0.2


@pytest.mark.parametrize("method", METHODS)
def test_a_still_picture_has_no_flow_in_colour_or_gray(method):
    frame = make_frame().astype(np.uint8)
    for still in (frame, np.dstack([frame] * 3)):
        flows = list(optical_flow([still] * 3, method=method))
        assert len(flows) == 2
        assert np.abs(flows).mean() < 0.05


@given(flow=arrays(np.float32, (2, 3, 2), elements=st.floats(-60, 60, width=32)))
def test_a_quantised_flow_is_restored_within_one_step_and_clipped(flow):
    back = restore_flow(quantise_flow(flow))
    assert np.abs(back - np.clip(flow, -20, 20)).max() <= 20 / 128 + 1e-4


def test_no_motion_is_the_middle_value_and_large_motions_are_clipped():
    assert quantise_flow(np.array([0.0, -100.0, 100.0])).tolist() == [128, 0, 255]


def test_the_colour_wheel_shows_direction_and_speed():
    right, left, still = ([20.0, 0.0], [-20.0, 0.0], [0.0, 0.0])
    colours = flow_colours(np.array([[right, left, still]]))[0]
    assert colours[2].tolist() == [255, 255, 255]
    assert not np.array_equal(colours[0], colours[1])
    slow = flow_colours(np.array([[[5.0, 0.0]]]))[0, 0]
    assert slow.min() > colours[0].min()


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ([], "two frames; got 0"),
        ([np.zeros((40, 40), np.uint8)], "two frames; got 1"),
        ([np.zeros((40, 40), np.uint8), np.zeros((40, 50), np.uint8)], "one size"),
        ([np.zeros((40, 40, 4), np.uint8)] * 2, r"\(H, W, 3\)"),
    ],
)
def test_frames_without_a_flow_are_refused(frames, words):
    with pytest.raises(match=words):
        list(optical_flow(frames, method="dis"))


def test_an_unknown_flow_method_error_lists_the_known_ones():
    with pytest.raises(match="tvl1, farneback, dis; got 'lucas'"):
        list(optical_flow([np.zeros((40, 40), np.uint8)] * 2, method="lucas"))
