"""The benchmark of pretraining: which clips train."""

import numpy as np
import pytest

from asl_lib.features.recipe import FeatureRecipe
from benchmarks.pretraining import drawn
from tests.conftest import make_clip_set


@pytest.mark.parametrize(("count", "each"), [(1, [1, 1]), (3, [3, 2]), (9, [4, 2])])
def test_the_requested_number_of_clips_per_sign_is_drawn_or_all_if_there_are_fewer(count, each):
    y = [0, 0, 0, 0, 0, 1, 1, 1]
    clips = make_clip_set(np.zeros((8, 2, 75, 2), np.float32), y, FeatureRecipe(frames=2))
    rows = np.array([0, 1, 2, 3, 5, 6])
    chosen = drawn(clips, rows, count, seed=1)
    assert set(chosen) <= set(rows)
    assert np.bincount(clips.y[chosen]).tolist() == each
    assert len(set(chosen)) == len(chosen)
