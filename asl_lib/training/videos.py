"""Train networks on clips of frames: a head on cached features, and I3D from its top downwards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asl_lib._util.cache import ArrayCache
from asl_lib._util.console import progress
from asl_lib.features.recipe import VideoRecipe
from asl_lib.features.sets import ClipSet
from asl_lib.models.i3d import train_only_top
from asl_lib.models.mobilenet import BACKBONE, HEAD
from asl_lib.training.fit import Split, Training, fingerprint, fit
from asl_lib.training.saved import save_model

if TYPE_CHECKING:
    import keras


def frame_features(model: keras.Model, clips: ClipSet[VideoRecipe], *, folder: str | Path) -> Any:
    """Return what the frozen eye of a network sees in every frame: (n, frames, features) float32, computed once.

    They are kept in `folder`, under a name that changes with the eye's weights; a clip with other pixels is looked at
    again. Stopped at any moment, this loses one clip.

    Args:
        model: what `build_mobilenet_lstm` gives.
        clips: in colour.
        folder: where the file is kept.
    """
    import tensorflow as tf

    eye = model.get_layer(BACKBONE).layer
    look = tf.function(lambda frames: eye(frames, training=False))
    whose = fingerprint(*eye.get_weights(), settings=[eye.name])[:8]
    shape = (clips.recipe.frames, eye.output_shape[-1])
    name = f"{eye.name}-{clips.recipe.frames}x{clips.recipe.size}-{whose}.jsonl"
    cache = ArrayCache(Path(folder) / name, shape=shape, dtype="<f4")
    number = {clip_id: index for index, clip_id in enumerate(clips.clip_id.tolist())}
    stamps = dict(zip(number, (hashlib.sha256(pixels).hexdigest()[:16] for pixels in clips.contents()), strict=True))

    def make(clip_ids: list[str]) -> Iterator[tuple[str, tuple[int, int], dict[str, Any]]]:
        for clip_id in progress(clip_ids, total=len(clip_ids), description="Frame features", unit="clip"):
            frames = tf.constant(clips.values[number[clip_id]], tf.float32)
            yield clip_id, cache.append(np.asarray(look(frames), np.float32)[None]), {}

    return cache.fill(stamps, make).rows()


def calibrate_batch_norm(
    model: keras.Model, clips: ClipSet[VideoRecipe], rows: np.ndarray, *, seed: int, batches: int = 40
) -> None:
    """Let an eye with *random* weights find the range of its own numbers, in place, by looking at training frames.

    Batch normalisation begins with the means of nothing: through fifty layers of random weights a picture fades to
    1e-11, and all pictures look alike. Weights that were learned come with their means, and need none of this.

    Args:
        model: what `build_mobilenet_lstm` gives.
        clips: in colour.
        rows: the training clips: the test must have no say.
        seed: which frames are looked at.
        batches: of 64 frames.
    """
    import tensorflow as tf

    eye = model.get_layer(BACKBONE).layer
    rng = np.random.default_rng(seed)
    eye.trainable = True  # frozen, batch normalisation would keep its means
    look = tf.function(lambda frames: eye(frames, training=True))
    for _ in range(batches):
        chosen = rng.choice(rows, min(16, len(rows)), replace=False)
        frames = np.concatenate([clips.values[row][rng.integers(clips.recipe.frames, size=4)] for row in chosen])
        look(tf.constant(frames, tf.float32))
    eye.trainable = False


def fit_lstm(
    model: keras.Model,
    clips: ClipSet[VideoRecipe],
    split: Split | None = None,
    *,
    features: Any,
    folder: str | Path,
    **settings: Any,
) -> Training:
    """Train the head of `build_mobilenet_lstm` on cached features, and save the whole network, from frames to answers.

    Args:
        model: the whole network.
        clips: whose features they are.
        split: as in `fit`.
        features: what `frame_features` returns; the time that it took is not counted.
        folder: where the network goes; the head alone is in `head` below it.
        settings: as for `fit`, except `augmentation`: features cannot be varied.

    Raises:
        TrainingError: as `fit`.
    """
    folder = Path(folder)
    head = fit(model.get_layer(HEAD), replace(clips, values=features), split, folder=folder / "head", **settings)
    save_model(model, clips.recipe, head.history, folder)
    training = replace(head, name=model.name, parameters=model.count_params(), folder=folder)
    training.save()
    return training


def fit_i3d(
    model: keras.Model,
    clips: ClipSet[VideoRecipe],
    split: Split | None = None,
    *,
    folder: str | Path,
    top_epochs: int = 0,
    **settings: Any,
) -> Training:
    """Train I3D: first its new top alone, where the rest has been trained before, then everything.

    Gradients of a random top would spoil weights that were learned on 300,000 videos; from random weights there is
    nothing to spoil, and `top_epochs` is best 0. Interrupted in the second part, a later call with the same arguments
    repeats the first, which is short, and goes on in the second where it was.

    Args:
        model: what `build_i3d` returns.
        clips: what to train on.
        split: as in `fit`.
        folder: where the network goes; that of the first part is in `top` below it.
        top_epochs: epochs of the first part; 0 for none.
        settings: as for `fit`.

    Returns:
        The training of the second part; its `seconds` are those of both.

    Raises:
        TrainingError: as `fit`.
    """
    before = 0.0
    if top_epochs:
        train_only_top(model, only_top=True)
        before = fit(model, clips, split, folder=Path(folder) / "top", **{**settings, "epochs": top_epochs}).seconds
    train_only_top(model, only_top=False)
    training = fit(model, clips, split, folder=folder, **settings)
    training = replace(training, seconds=before + training.seconds)
    training.save()
    return training
