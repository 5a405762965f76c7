"""Training of video networks: a head on cached features, and I3D from its top downwards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asl_lib._util.cache import ArrayCache
from asl_lib._util.console import progress_bar
from asl_lib.features.recipe import VideoRecipe
from asl_lib.features.sets import ClipSet
from asl_lib.models.i3d import train_only_top
from asl_lib.models.mobilenet import BACKBONE, HEAD
from asl_lib.training.fit import Split, Training, fingerprint, fit
from asl_lib.training.saved import save_model

if TYPE_CHECKING:
    import keras


def frame_features(model: keras.Model, clips: ClipSet[VideoRecipe], *, folder: str | Path) -> Any:
    """Return the features of every frame from a network's frozen backbone, computed once.

    They are cached in `folder`, in a file whose name changes with the weights of the backbone; a clip with other pixels
    is computed again. An interruption loses one clip.

    Args:
        model: as `build_mobilenet_lstm` returns it.
        clips: in colour.
        folder: where the file is cached.

    Returns:
        (n, frames, features) float32, mapped from the file.
    """
    import tensorflow as tf

    backbone = model.get_layer(BACKBONE).layer
    features_of = tf.function(lambda frames: backbone(frames, training=False))
    weights = fingerprint(*backbone.get_weights(), settings=[backbone.name])[:8]
    name = f"{backbone.name}-{clips.recipe.frames}x{clips.recipe.size}-{weights}.jsonl"
    cache = ArrayCache(Path(folder) / name, shape=(clips.recipe.frames, backbone.output_shape[-1]), dtype="<f4")
    number = {clip_id: index for index, clip_id in enumerate(clips.clip_id.tolist())}
    stamps = dict(zip(number, (hashlib.sha256(pixels).hexdigest()[:16] for pixels in clips.contents()), strict=True))

    def make(clip_ids: list[str]) -> Iterator[tuple[str, tuple[int, int], dict[str, Any]]]:
        for clip_id in progress_bar(clip_ids, total=len(clip_ids), description="Frame features", unit="clip"):
            frames = tf.constant(clips.values[number[clip_id]], tf.float32)
            yield clip_id, cache.append(np.asarray(features_of(frames), np.float32)[None]), {}

    return cache.fill(stamps, make).rows()


def calibrate_batch_norm(
    model: keras.Model, clips: ClipSet[VideoRecipe], rows: np.ndarray, *, seed: int, batches: int = 40
) -> None:
    """Estimate the batch statistics of a backbone with *random* weights from training frames, in place.

    Batch normalisation starts with mean 0 and variance 1. Through fifty layers of random weights the activations then
    shrink to 1e-11, and all frames look alike. Trained weights come with their statistics and need no calibration.

    Args:
        model: as `build_mobilenet_lstm` returns it.
        clips: in colour.
        rows: the training clips, never those of the test.
        seed: chooses the frames.
        batches: number of batches of 64 frames.
    """
    import tensorflow as tf

    backbone = model.get_layer(BACKBONE).layer
    rng = np.random.default_rng(seed)
    backbone.trainable = True  # a frozen batch normalisation does not update its statistics
    update = tf.function(lambda frames: backbone(frames, training=True))
    for _ in range(batches):
        chosen = rng.choice(rows, min(16, len(rows)), replace=False)
        frames = np.concatenate([clips.values[row][rng.integers(clips.recipe.frames, size=4)] for row in chosen])
        update(tf.constant(frames, tf.float32))
    backbone.trainable = False


def fit_lstm(
    model: keras.Model,
    clips: ClipSet[VideoRecipe],
    split: Split | None = None,
    *,
    features: Any,
    folder: str | Path,
    **settings: Any,
) -> Training:
    """Train the head of `build_mobilenet_lstm` on cached features, and save the whole network.

    Args:
        model: the whole network.
        clips: the clips in colour.
        split: as in `fit`.
        features: their features, as `frame_features` returns them; `seconds` does not include computing them.
        folder: folder of the network; that of the head alone is `head` below it.
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
    """Train I3D: first only its new top, then all layers.

    Gradients of a random top would spoil pretrained weights. For random weights `top_epochs` is best 0. After an
    interruption in the second part, a call with the same arguments repeats the first part, which is short, and resumes
    the second.

    Args:
        model: as `build_i3d` returns it.
        clips: the clips, in colour or as flow.
        split: as in `fit`.
        folder: folder of the network; that of the first part is `top` below it.
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
