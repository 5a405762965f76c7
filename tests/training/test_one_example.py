"""The benchmark of signs from one example: who teaches, who is asked, and what counts as right."""

import numpy as np
import pytest

from asl_lib.features.recipe import FeatureRecipe
from asl_lib.training.pretrain import RECIPE, pretrain, pseudo_clips
from benchmarks.one_example import ask, lessons, neighbours, parts, ranks, row, trees
from tests.conftest import make_clip_set


@pytest.fixture(scope="module")
def clips():
    """Three signers of three words, A and B; the third knows B and C only."""
    y = [0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 2, 2]
    signers = ["ana"] * 4 + ["ben"] * 4 + ["eli"] * 4
    values = np.random.default_rng(0).normal(0, 1, (len(y), 2, 75, 2)).astype(np.float32)
    return make_clip_set(values, y, FeatureRecipe(frames=2), signers=signers)


def test_one_signer_s_examples_are_queried_with_the_other_signers_clips(clips):
    plan = list(lessons(clips, examples=1, draws=4, seed=0))
    assert len(plan) == 3 * 4
    for taught, asked in plan:
        [teacher] = set(clips.signer[taught])
        assert teacher not in clips.signer[asked]
        assert sorted(clips.y[taught]) == ([1, 2] if teacher == "eli" else [0, 1])
        others = (clips.signer != teacher) & np.isin(clips.y, clips.y[taught])
        assert set(asked) == set(np.flatnonzero(others))
    for taught, asked in lessons(clips, examples=0, draws=4, seed=0):
        assert sorted([*taught, *asked]) == list(range(12))
        assert not set(clips.signer[taught]) & set(clips.signer[asked])


def test_the_rank_is_that_of_the_most_similar_example_and_ties_count_against_it():
    scores = np.array([[0.9, 0.1, 0.8], [0.5, 0.5, 0.1], [0.2, 0.3, 0.1]])
    assert ranks(scores, np.array([4, 4, 7]), np.array([7, 4, 7])).tolist() == [2, 1, 2]
    assert ranks(np.full((1, 2), 0.5), np.array([1, 2]), np.array([2])).tolist() == [2]


def test_a_row_contains_recall_with_its_interval_the_range_over_seeds_and_n(clips):
    plan = list(lessons(clips, examples=1, draws=1, seed=0))
    right = ask(lambda asked, taught: clips.y[asked][:, None] == clips.y[taught], clips, plan)
    wrong = ask(lambda asked, taught: clips.y[asked][:, None] != clips.y[taught], clips, plan)
    assert row("x", [right]) == "| x | 100.0 % (57 to 100) | one result | 100.0 % | 100.0 % | 10 clips, 5 cells |"
    assert row("x", [right, wrong]).startswith("| x | 50.0 % (17 to 83) | 0.0 to 100.0 % | 100.0 %")


def test_the_embedding_its_parts_and_their_rivals_compare_the_same_clips(tmp_path):
    clips = pseudo_clips(6, 3, seed=4, workers=1)
    embedding = pretrain(signs=12, signers=3, networks=1, steps=2, workers=1, folder=tmp_path)
    similarities = parts(embedding, clips.values) | {
        "neighbours": neighbours(clips.values),
        "trees": trees(clips, seed=1),
    }
    assert set(similarities) == {"embedding", "description alone", "one network alone", "neighbours", "trees"}
    first = np.arange(0, 18, 3)
    for name, similarity in similarities.items():
        scores = similarity(np.arange(18), first)
        assert scores.shape == (18, 6), name
        assert (scores[first].argmax(axis=1) == np.arange(6)).all(), name  # a clip is most like itself
    mirrored = pretrain(signs=12, signers=3, networks=1, steps=2, workers=1, folder=tmp_path)
    swapped = parts(mirrored, RECIPE.mirror(clips.values))["embedding"](np.arange(18), first)
    np.testing.assert_allclose(swapped, similarities["embedding"](np.arange(18), first), atol=1e-5)
