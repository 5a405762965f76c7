"""A `SignEmbedding` with its recipe as one LiteRT file: from landmarks to the vector that signs are compared by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from asl_lib._util.console import quiet_native_stderr
from asl_lib.landmarks.landmarks import PARTS, Landmarks
from asl_lib.models.embedding import SignEmbedding
from asl_lib.models.trees import WIDEST
from asl_lib.training.export import (
    MAX_FRAMES,
    MISSING,
    at_rate,
    checked_answers,
    convert,
    fix,
    made_up_clip,
    of_one_clip,
    recogniser_inputs,
)
from asl_lib.training.recipe_graph import describe_points, encode_points, landmark_views

with quiet_native_stderr():  # TensorFlow's notes come before it reads any setting
    import tensorflow as tf

NAME = "the sign embedding"
LEAST_LENGTH = 1e-9


def convert_embedding(embedding: SignEmbedding) -> tuple[bytes, dict[str, Any], Landmarks]:
    """Return an embedding as the content of a LiteRT file of built-in operators, what to know of it, and a golden clip.

    Its inputs are those of `recogniser_inputs`, for clips with the parts of the embedding's recipe; its outputs
    `vector` (1, size), that of `SignEmbedding.embed`, and `found` (1,), which is 0 where the clip has none.

    Raises:
        TrainingError: LiteRT has no counterpart of a layer, or the file would give other vectors.
    """
    recipe = embedding.recipe
    clip = made_up_clip(recipe.tracked_parts)
    content = convert(NAME, of_one_clip(embedding_graph(embedding), recipe))
    given = recogniser_inputs(clip, fps=clip.fps)
    expected = {"vector": embedding.embed(recipe.points(at_rate(clip, clip.fps))[None])}
    answers = checked_answers(NAME, content, given, expected)
    about: dict[str, Any] = {"embedding": embedding.fingerprint, "size": embedding.size}
    about |= {"parts": {part: PARTS[part] for part in recipe.tracked_parts}}
    about |= {"max_frames": MAX_FRAMES, "missing": MISSING}
    about |= {"inputs": {name: array.shape for name, array in given.items()}}
    about |= {"outputs": {name: array.shape for name, array in answers.items()}}
    return content, about, clip


def embedding_graph(embedding: SignEmbedding) -> Callable[..., dict[str, Any]]:
    """Return a function of TensorFlow's operators from the arguments of `landmark_views` to the outputs of the file."""
    recipe, whitening = embedding.recipe, embedding.whitening
    centres = np.split(embedding.centre, np.cumsum(embedding.widths)[:-1])
    bodies = fix(lambda X: [body(X, training=False) for body in embedding.networks], recipe, views=recipe.num_views)

    def graph(*clip: Any) -> dict[str, Any]:
        views, found = landmark_views(recipe, *clip)
        features = tf.stack([encode_points(view, recipe) for view in views])
        described = tf.stack([describe_points(view, recipe) for view in views])
        scaled = tf.clip_by_value((described - whitening.mean) / whitening.spread, -WIDEST, WIDEST)
        parts = [*bodies(tf.ensure_shape(features, (recipe.num_views, *recipe.shape)))]
        parts.append(tf.matmul(scaled, tf.constant(whitening.axes)))
        directions = [
            _unit(_unit(tf.reduce_mean(_unit(part), axis=0, keepdims=True)) - centre)
            for part, centre in zip(parts, centres, strict=True)
        ]
        return {"vector": _unit(tf.concat(directions, axis=1)), "found": tf.cast(found, tf.float32)[None]}

    return graph


def _unit(vectors: Any) -> Any:
    length = tf.sqrt(tf.reduce_sum(tf.square(vectors), axis=1, keepdims=True))
    return vectors / tf.maximum(length, LEAST_LENGTH)
