"""A sign embedding as a LiteRT file gives the vectors of the embedding, for any clip."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from asl_lib.features.recipe import FeatureRecipe, RecipeError
from asl_lib.models.embedding import SignEmbedding, Whitening, build_body
from asl_lib.models.trees import describe_clips
from asl_lib.training.embedding_graph import convert_embedding, embedding_graph
from asl_lib.training.export import at_rate, recogniser_inputs
from asl_lib.training.fit import set_seeds
from tests.conftest import make_landmarks
from tests.training.test_export import clip_for, run_recogniser

RECIPE = FeatureRecipe(frames=12, handshape=True, velocities=True, average_mirrored=True)


@lru_cache
def make_embedding(recipe, *, networks=0):
    """Return an untrained embedding, whose numbers mean nothing but must be the same everywhere."""
    set_seeds(1)
    clips = [make_landmarks(frames=25, seed=seed, parts=recipe.tracked_parts) for seed in range(8)]
    points = np.stack([recipe.points(clip) for clip in clips])
    whitening = Whitening.fit(describe_clips(points, recipe), np.arange(8) // 2, size=3)
    bodies = [build_body("attention_lstm", recipe) for _ in range(networks)]
    embedding = SignEmbedding(recipe, network="attention_lstm", networks=bodies, whitening=whitening)
    embedding.calibrate(points)
    return embedding


RECIPES = [
    replace(RECIPE, timing=timing, coordinates=coordinates, average_mirrored=twice)
    for timing, coordinates, twice in (("resample", "xy", True), ("pad", "xyz", False), ("window", "xy", True))
]


@given(
    recipe=st.sampled_from(RECIPES),
    frames=st.integers(2, 40),
    seed=st.integers(0, 99),
    gaps=st.lists(
        st.tuples(st.sampled_from(["pose", "left_hand", "right_hand"]), st.integers(0, 30), st.integers(1, 30))
    ),
)
@settings(max_examples=25, deadline=None)
def test_the_graph_gives_the_vectors_of_the_embedding(recipe, frames, seed, gaps):
    import tensorflow as tf

    embedding = make_embedding(recipe)
    missing = [(part, start, start + length) for part, start, length in gaps]
    clip = clip_for(embedding.recipe, frames=frames, seed=seed, missing=missing)
    given = recogniser_inputs(clip, fps=clip.fps)
    arrays = (given["landmarks"][0], given["times"][0], tf.cast(given["count"][0], tf.int32))
    answers = embedding_graph(embedding)(*arrays, *(tf.constant(given[name][0]) for name in ("aspect", "fps")))
    try:
        points = embedding.recipe.points(at_rate(clip, clip.fps))
    except RecipeError:
        assert answers["found"] == 0
    else:
        assert answers["found"] == 1
        np.testing.assert_allclose(answers["vector"], embedding.embed(points[None]), atol=1e-4)


def test_the_file_gives_the_vectors_of_the_embedding(tmp_path):
    embedding = make_embedding(RECIPE, networks=2)
    content, about, golden = convert_embedding(embedding)
    (tmp_path / "embedding.tflite").write_bytes(content)
    assert (about["embedding"], about["size"]) == (embedding.fingerprint, embedding.size)
    for clip in (golden, clip_for(RECIPE, frames=33, seed=5, missing=[("right_hand", 3, 8)])):
        answers = run_recogniser(tmp_path / "embedding.tflite", **recogniser_inputs(clip, fps=clip.fps))
        assert answers["found"] == 1
        expected = embedding.embed(RECIPE.points(at_rate(clip, clip.fps))[None])
        np.testing.assert_allclose(answers["vector"], expected, atol=1e-5)
    nobody = {**recogniser_inputs(golden, fps=25.0), "count": np.ones(1, np.float32)}
    assert run_recogniser(tmp_path / "embedding.tflite", **nobody)["found"] == 0
