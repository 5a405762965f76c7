"""The landmarks of one sign, filmed by phones and browsers in ways that once went wrong."""

import shutil
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from asl_lib.data.clips import make_clips
from asl_lib.data.registry import get_dataset
from asl_lib.features.body import RIGHT_WRIST
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.landmarks.extract import extract_clips, track_clip
from tests.conftest import CASES

PARTS = ("pose", "left_hand", "right_hand")
WRISTS = FeatureRecipe(parts=("pose",), hand_frame="body", frames=30)


@cache
def landmarks_of(name):
    return track_clip({"path": name, "start": 0, "end": -1, "box": ""}, source_dir=CASES, parts=PARTS)[0]


def wrist_path(landmarks):
    """Return (30, 2) the right wrist in shoulder widths, at even times."""
    return WRISTS.points(landmarks)[:, RIGHT_WRIST]


@pytest.mark.parametrize("name", ["base.mp4", "mirror_portrait.mp4", "sar2.mp4", "av1.mp4", "slow240.mp4"])
def test_the_right_hand_signs_in_three_quarters_of_the_frames_and_the_left_one_rests(shared_cases, name):
    landmarks = landmarks_of(name)
    assert (landmarks.width, landmarks.height) == (480, 416)
    assert landmarks.seen("right_hand").mean() == pytest.approx(0.75, abs=0.08)
    assert landmarks.seen("left_hand").mean() < 0.05


@pytest.mark.parametrize(
    ("name", "within"),
    [
        ("mirror_portrait.mp4", 0.04),
        ("sar2.mp4", 0.04),
        ("av1.mp4", 0.04),
        ("vfr.mp4", 0.06),
        ("browser_vfr.webm", 0.06),
        ("browser_15fps.webm", 0.15),  # its stamps are up to 0.05 s off, which at the end of a sign is far
        ("slow240.mp4", 0.08),
    ],
)
def test_the_wrists_go_the_same_way_in_shoulder_widths(shared_cases, name, within):
    difference = wrist_path(landmarks_of(name)) - wrist_path(landmarks_of("base.mp4"))
    assert np.linalg.norm(difference, axis=-1).mean() < within


def test_by_frame_number_a_sign_that_thins_out_would_go_another_way(shared_cases):
    expected, landmarks = wrist_path(landmarks_of("base.mp4")), landmarks_of("vfr.mp4")
    by_number = wrist_path(replace(landmarks, times=None))
    assert np.linalg.norm(by_number - expected, axis=-1).max() > 1
    assert np.linalg.norm(wrist_path(landmarks) - expected, axis=-1).max() < 0.3


def test_clips_that_were_cut_off_are_named_with_how_much_there_is(shared_cases, tmp_path):
    names = ["base.mp4", "trunc60.mp4", "trunc90.mp4"]
    for name in names:
        shutil.copy(shared_cases / name, tmp_path)
    rows = [{"clip_id": name, "path": name, "gloss": "MOTHER", "signer": "ana"} for name in names]
    extraction = extract_clips(get_dataset("recordings"), tmp_path, make_clips(rows), PARTS, workers=1)
    reasons = extraction.failures.set_index("clip_id").reason
    assert extraction.done == 1
    assert "incomplete: 6 of 32 frames, cut off at 0.24 s" in reasons["trunc60.mp4"]
    assert "incomplete: 24 of 32 frames, cut off at 0.96 s" in reasons["trunc90.mp4"]


def test_half_a_clip_whose_picture_became_narrower_is_not_stretched(shared_cases):
    """Its second half is the middle of the picture."""
    difference = wrist_path(landmarks_of("size_change.webm")) - wrist_path(landmarks_of("base.mp4"))
    assert np.median(np.linalg.norm(difference, axis=-1)) < 0.1
