"""What the tests share: small clips, the shared real data, and a quiet environment."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

# Before anything imports TensorFlow or MediaPipe.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("GLOG_minloglevel", "2")
os.environ["ASL_PROGRESS"] = "off"
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from asl_lib.data.clips import make_clips as checked_clips
from asl_lib.data.video import Frame
from asl_lib.features.sets import ClipSet
from asl_lib.landmarks.landmarks import PARTS, Landmarks

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("ASL_SHARED_DATA", ROOT.parent / "shared" / "data"))
CASES = SHARED.parent / "cases"

# A busy machine takes seconds for what takes milliseconds elsewhere: no property fails for that.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


LONGEST = (
    "tests/browser/test_page.py", "tests/course/test_course.py", "tests/live/test_teach.py", "tests/training/",
    "tests/browser/", "tests/models/", "tests/course/",
)  # fmt: skip
"""Tests that take minutes: they start first, so that no core waits for one of them at the end. The two groups
in browsers are kept apart, because they mostly wait."""


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: next((n for n, start in enumerate(LONGEST) if item.nodeid.startswith(start)), 99))


def wait_until(condition, *, pause_s=0.02):
    """Wait until `condition()` is true, and return its value; pytest's own time limit ends a test that hangs."""
    while not (value := condition()):
        time.sleep(pause_s)
    return value


def make_clips(signers, glosses=None):
    """Return a clips table with one clip per name in `signers`."""
    glosses = glosses or ["HELLO"] * len(signers)
    return checked_clips(
        [
            {"clip_id": f"{signer}-{index}", "path": f"{signer}/{index}.mp4", "gloss": gloss, "signer": signer}
            for index, (signer, gloss) in enumerate(zip(signers, glosses, strict=True))
        ]
    )


def make_landmarks(*, frames=20, parts=("pose", "left_hand", "right_hand"), seed=0, width=640, height=480, missing=()):
    """Return random but well-formed landmarks: a body in the middle, hands around its wrists.

    `missing` lists (part, first frame, frame to stop before) that were not detected.
    """
    rng = np.random.default_rng(seed)
    blocks, seen = [], []
    for part in (part for part in PARTS if part in parts):
        points = rng.normal(0.5, 0.1, (1, PARTS[part], 3)) + np.cumsum(rng.normal(0, 0.005, (frames, 1, 3)), axis=0)
        if part == "pose":
            points[:, 11, :2], points[:, 12, :2] = (0.65, 0.4), (0.35, 0.4)
        confidence = np.ones((frames, PARTS[part]))
        for name, start, end in missing:
            if name == part:
                points[start:end], confidence[start:end] = np.nan, 0.0
        blocks.append(points)
        seen.append(confidence)
    points = np.concatenate(blocks, axis=1).astype(np.float32)
    confidence = np.concatenate(seen, axis=1).astype(np.float32)
    return Landmarks(points, confidence, tuple(p for p in PARTS if p in parts), 25.0, width, height)


def make_clip_set(values, y, recipe, *, signers=None):
    """Return a `ClipSet` of values, of the classes A, B, ..., with one signer a clip unless they are named."""
    names = np.array([f"c{number}" for number in range(len(y))])
    glosses = tuple("ABCDEFGHIJ"[: int(max(y)) + 1])
    split = np.full(len(y), "")
    signers = names if signers is None else np.array(signers)
    return ClipSet(replace(recipe, glosses=glosses), values, np.asarray(y), signers, names, split)


def make_frames(count=10, *, height=120, width=160, seed=0):
    """Return moving blobs as RGB frames."""
    rows, columns = np.mgrid[:height, :width]
    frames = []
    for index in range(count):
        distance = np.hypot(rows - height / 2, columns - (20 + 5 * index + seed))
        frames.append(np.repeat((255 * np.exp(-distance / 20))[..., None], 3, axis=2).astype(np.uint8))
    return frames


def timed(pictures, *, fps=25):
    """Return pictures as frames of a video."""
    return [Frame(index / fps, picture) for index, picture in enumerate(pictures)]


@pytest.fixture
def shared_cases():
    """The small inputs that once went wrong, or a skip that says where they are looked for."""
    if not CASES.is_dir():
        pytest.skip(f"The shared cases are not at {CASES}.")
    return CASES


@pytest.fixture
def shared_data():
    """The real data sets, or a skip that says where they are looked for."""
    if not SHARED.is_dir():
        pytest.skip(f"The shared data sets are not at {SHARED}; set ASL_SHARED_DATA to test with them.")
    return SHARED


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder of its own for data/ and outputs/."""
    monkeypatch.setenv("ASL_HOME", str(tmp_path))
    return tmp_path
