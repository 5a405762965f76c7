"""What is exported beside a model: how it refuses movements and learns signs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from asl_lib.features.recipe import FeatureRecipe
from asl_lib.live.errors import LiveError
from asl_lib.live.exported import export_signs
from asl_lib.live.vocabulary import Vocabulary
from tests.training.test_embedding_graph import RECIPE, make_embedding


def test_the_files_have_the_known_signs_their_thresholds_and_a_golden_clip_refused_and_learned(tmp_path):
    embedding, recipe = make_embedding(RECIPE), replace(RECIPE, glosses=("A", "B"))
    known = Vocabulary(embedding)
    points = np.random.default_rng(0).normal(size=(4, *RECIPE.values_shape)).astype(np.float32)
    for gloss, one in zip("AABB", points, strict=True):
        known.add(gloss, one)
    export_signs(tmp_path, recipe, embedding, known)
    about = json.loads((tmp_path / "vocabulary.json").read_text())
    assert about["thresholds"] == known.thresholds
    assert (about["refuses"], about["embedding"], about["size"]) == (True, embedding.fingerprint, embedding.size)
    again = Vocabulary.load(tmp_path / "vocabulary.npz", embedding)
    np.testing.assert_array_equal(again.similarities(points), known.similarities(points))
    np.testing.assert_array_equal(np.load(tmp_path / "vocabulary.npz")["background"], embedding.background)
    golden = json.loads((tmp_path / "golden_vocabulary.json").read_text())
    assert np.linalg.norm(golden["vector"]) == pytest.approx(1, abs=1e-5)
    assert set(golden["similarities"]) == {"A", "B"}
    assert golden["glosses"] == ["A", "B", "the golden clip"]
    # The stand-in for a model is sure of A.
    assert any(golden["probabilities"]) == (golden["similarities"]["A"] >= known.thresholds["A"])
    assert np.argmax(golden["learned"]) == 2


def test_without_the_clips_of_its_training_a_model_learns_but_refuses_nothing(tmp_path):
    export_signs(tmp_path, replace(RECIPE, glosses=("A", "B")), make_embedding(RECIPE), None)
    assert not json.loads((tmp_path / "vocabulary.json").read_text())["refuses"]
    golden = json.loads((tmp_path / "golden_vocabulary.json").read_text())
    assert golden["probabilities"] == [1, 0]
    assert np.argmax(golden["learned"]) == 2


def test_without_a_model_only_what_is_taught_is_named_and_all_else_refused(tmp_path):
    export_signs(tmp_path, None, make_embedding(RECIPE), None)
    about = json.loads((tmp_path / "vocabulary.json").read_text())
    assert (about["refuses"], about["glosses"], about["settings"]["fps"]) == (True, [], 25)
    golden = json.loads((tmp_path / "golden_vocabulary.json").read_text())
    assert (golden["probabilities"], golden["glosses"]) == ([], ["the golden clip"])
    assert 0.5 < golden["learned"][0] < 1


def test_a_model_that_does_not_track_the_hands_is_exported_without(tmp_path):
    recipe = FeatureRecipe(parts=("pose",), glosses=("A", "B"))
    with pytest.raises(LiveError, match="lack what the embedding needs"):
        export_signs(tmp_path, recipe, make_embedding(RECIPE), None)
    assert not list(tmp_path.iterdir())
