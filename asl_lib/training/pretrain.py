"""`pretrain`: a sign embedding trained on pseudo-signs, random movements by random signers."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from asl_lib._util.console import progress_bar
from asl_lib._util.files import write_json
from asl_lib._util.jobs import run_jobs
from asl_lib._util.paths import project_folder
from asl_lib.data.demo.motion import Performance, keyed_seed, perform
from asl_lib.data.demo.pseudo import random_sign, random_signer
from asl_lib.features.augment import Augmentation
from asl_lib.features.recipe import FeatureRecipe, RecipeError
from asl_lib.features.sets import ClipSet
from asl_lib.landmarks.simulated import simulate_landmarks
from asl_lib.models.embedding import FILE, SignEmbedding, Whitening, build_body
from asl_lib.models.errors import TrainingError
from asl_lib.models.trees import describe_clips
from asl_lib.training.checkpoint import Checkpoint
from asl_lib.training.fit import fingerprint, set_seeds

VERSION = 1
"""Raise it with every change of pseudo-signs, landmarks or training: an older embedding is then made again."""
RECIPE = FeatureRecipe(handshape=True, velocities=True, average_mirrored=True)
PEOPLE = 200
"""Number of random signers; each pseudo-sign is signed by some of them."""
RATES = (15.0, 20.0, 25.0, 30.0)
"""Frames a second of the clips."""
BODIES = 4.0
"""How much more people differ in head and hips than the procedural signers do."""
WHOLE = 0.3
"""Share of the clips that begin and end at rest. Many recordings begin and end anywhere, or with the hands raised."""
SIGNS_A_BATCH, CLIPS_A_SIGN = 32, 4
TEMPERATURE, SCALE = 0.1, 16.0
DESCRIPTION_SIZE = 32
CHECKPOINT_S = 30.0
"""Seconds between two checkpoints."""
BACKGROUND = (120, 2)
"""Pseudo-signs that are not trained on, and clips of each, that an embedding keeps for comparison."""


def pseudo_clips(
    signs: int, signers: int, *, seed: int, recipe: FeatureRecipe = RECIPE, workers: int = 0
) -> ClipSet[FeatureRecipe]:
    """Return clips of pseudo-signs as the tracker would find them, each sign by different random people.

    Another seed gives other signs by other people.

    Args:
        signs: number of signs.
        signers: number of people who sign each of them, one clip each; at most 200.
        seed: seed of signs, people and errors.
        recipe: the recipe of the points.
        workers: number of processes; 0 for one per core.

    Raises:
        TrainingError: there are fewer than 2 signs, or not 2 to 200 signers.
    """
    _check(signs, signers)
    shards = [range(start, min(start + 50, signs)) for start in range(0, signs, 50)]
    make = partial(_pseudo_points, signers=signers, seed=seed, recipe=recipe)
    values, names = np.empty((signs * signers, *recipe.values_shape), np.float32), [""] * (signs * signers)
    jobs = run_jobs(make, shards, workers=workers)
    for done in progress_bar(jobs, total=len(shards), description="Pseudo-signs", unit="shard"):
        if done.error:
            raise TrainingError(f"Pseudo-signs could not be made: {done.error}")
        rows = slice(shards[done.index].start * signers, shards[done.index].stop * signers)
        values[rows], names[rows] = done.result
    y = np.repeat(np.arange(signs), signers)
    glosses = tuple(f"pseudo{number:05d}" for number in range(signs))
    ids = np.array([f"{name}-{glosses[sign]}" for name, sign in zip(names, y, strict=True)])
    return ClipSet(replace(recipe, glosses=glosses), values, y, np.array(names), ids, np.full(len(y), "", "U1"))


def _check(signs: int, signers: int) -> None:
    if signs < 2 or not 2 <= signers <= PEOPLE:
        raise TrainingError(
            f"Pseudo-signs must be at least 2, and their signers 2 to {PEOPLE}; got {signs} and {signers}."
        )


def _pseudo_points(numbers: range, *, signers: int, seed: int, recipe: FeatureRecipe) -> tuple[np.ndarray, list[str]]:
    """Return the points of the pseudo-signs with these numbers, sign by sign, and the names of their signers."""
    points, names = [], []
    for number in numbers:
        rng = np.random.default_rng(keyed_seed(seed, "pseudo-sign", number))
        sign = random_sign(rng, f"pseudo{number}-{seed}")
        for person in rng.choice(PEOPLE, signers, replace=False):
            name = f"person{person}-{seed}"
            signer = random_signer(np.random.default_rng(keyed_seed(seed, name)), name)
            performance = _cut(perform(sign, signer, repetition=0, seed=seed), rng)
            landmarks = simulate_landmarks(performance, rng, fps=float(rng.choice(RATES)), bodies=BODIES)
            points.append(recipe.points(landmarks))
            names.append(name)
    return np.stack(points), names


def _cut(performance: Performance, rng: np.random.Generator) -> Performance:
    """Return a performance as a recording that may begin after, and end before, the hands are at rest."""
    signs = np.flatnonzero(performance.signing.any(axis=1))
    if rng.random() < WHOLE or not len(signs):
        return performance
    first, last = signs[0], signs[-1]
    if rng.random() < 0.4:
        first, last = rng.integers(0, first + 1), rng.integers(last, len(performance.joints))
    kept = {name: getattr(performance, name)[first : last + 1] for name in ("joints", "arms", "signing")}
    return replace(performance, **kept)


def pretrain(
    *,
    signs: int = 400,
    signers: int = 6,
    networks: int = 2,
    steps: int = 300,
    seed: int = 42,
    network: str = "attention_lstm",
    loss: str = "contrastive",
    learning_rate: float = 2.0e-3,
    dropout: float = 0.2,
    folder: str | Path | None = None,
    workers: int = 0,
) -> SignEmbedding:
    """Train a sign embedding on pseudo-signs, or load it where the same call has made it before.

    A call with the same arguments resumes a killed training from its last checkpoint, and waits for one in another
    process.

    Args:
        signs, signers: number of pseudo-signs, and of random people who sign each of them.
        networks: number of networks, which differ in their first weights; 0 for the whitened description alone.
        steps: steps of each training, of 128 clips.
        seed: seed of all random numbers.
        network: name of the model whose body is trained.
        loss: "contrastive": clips of a sign attract each other, and all others are repelled (supervised contrastive
            learning; Khosla et al. 2020); "cosine": a softmax over the signs of the cosine to a vector of each
            (Wang et al. 2017); "softmax": the usual one.
        learning_rate: largest step size of AdamW, which falls with a cosine.
        dropout: share of the numbers that are dropped in training.
        folder: folder of all embeddings; outputs/embedding by default.
        workers: processes that make the pseudo-signs; 0 for one per core.

    Raises:
        TrainingError: an option has an impossible value.
    """
    if loss not in LOSSES or networks < 0 or steps < 1 or not 0 <= dropout < 1:
        raise TrainingError(
            f"loss must be one of {', '.join(LOSSES)}, networks at least 0, steps at least 1 and dropout from 0 to 1; "
            f"got {loss!r}, {networks}, {steps} and {dropout}."
        )
    _check(signs, signers)
    settings: dict[str, Any] = {"signs": signs, "signers": signers, "networks": networks, "steps": steps, "seed": seed}
    settings |= {"network": network, "loss": loss, "learning_rate": learning_rate, "dropout": dropout}
    root = embedding_folder() if folder is None else Path(folder)
    place = root / fingerprint(settings=[VERSION, settings, repr(RECIPE)])[:12]
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(place.with_suffix(".lock")):  # notebooks that run side by side need the same one
        with suppress(TrainingError, RecipeError):  # there is none yet, or it is damaged
            found = SignEmbedding.load(place)
            (place / FILE).touch()  # `load_embedding` takes the newest
            return found
        return _train_all(place, settings, workers=workers)


def embedding_folder() -> Path:
    """Return the folder of all embeddings that were made on this machine."""
    return project_folder() / "outputs" / "embedding"


def load_embedding(folder: str | Path | None = None) -> SignEmbedding:
    """Return the embedding in a folder; without one, the newest that `asl pretrain` has made.

    Raises:
        TrainingError: there is none, or it is damaged.
    """
    if folder is None:
        made = sorted(embedding_folder().glob(f"*/{FILE}"), key=lambda path: path.stat().st_mtime)
        if not made:
            raise TrainingError("There is no sign embedding yet. Make one, in two to three minutes, with: asl pretrain")
        folder = made[-1].parent
    return SignEmbedding.load(folder)


def _train_all(place: Path, settings: dict[str, Any], *, workers: int) -> SignEmbedding:
    """Train an embedding, from the checkpoints in its folder where there are some, and save it there."""
    signs, signers, seed = (settings[name] for name in ("signs", "signers", "seed"))
    started = time.monotonic()
    clips = pseudo_clips(signs, signers, seed=seed, workers=workers)
    views = RECIPE.views(clips.values)
    described = np.concatenate([describe_clips(view, RECIPE) for view in views])
    # A mirrored sign counts as another sign here: only the signer must not matter.
    labels = np.concatenate([clips.y + signs * number for number in range(len(views))])
    whitening = Whitening.fit(described, labels, size=DESCRIPTION_SIZE)
    options: dict[str, Any] = {name: settings[name] for name in ("steps", "loss", "learning_rate")}
    bodies, unfinished = [], [place / f"network_{number}.npz" for number in range(settings["networks"])]
    for number, path in enumerate(unfinished):
        set_seeds(seed + number)
        bodies.append(body := build_body(settings["network"], RECIPE, dropout=settings["dropout"]))
        _train(
            body,
            clips,
            seed=seed + number,
            checkpoint=Checkpoint(path, key=place.name, every_s=CHECKPOINT_S),
            **options,
        )
    embedding = SignEmbedding(RECIPE, network=settings["network"], networks=bodies, whitening=whitening)
    embedding.calibrate(_background(seed, workers))
    embedding.save(place)
    for path in unfinished:
        path.unlink()
    write_json(place / "training.json", {**settings, "minutes": round((time.monotonic() - started) / 60, 3)})
    return embedding


@cache
def _background(seed: int, workers: int) -> np.ndarray:
    """Return the points of the pseudo-signs that an embedding of this seed is not trained on, whatever its size."""
    return pseudo_clips(*BACKGROUND, seed=seed + 1_000_000, workers=workers).values


def _train(
    body: Any,
    clips: ClipSet[FeatureRecipe],
    *,
    steps: int,
    loss: str,
    learning_rate: float,
    seed: int,
    checkpoint: Checkpoint,
) -> None:
    """Train a body so that clips of one pseudo-sign have similar features."""
    import keras
    from keras import layers

    signs = len(clips.recipe.glosses)
    output = layers.UnitNormalization()(body.output)
    if loss == "cosine":
        output = layers.Dense(signs, use_bias=False, kernel_constraint=keras.constraints.UnitNorm(axis=0))(output)
    elif loss == "softmax":
        output = layers.Dense(signs)(body.output)
    model = keras.Model(body.input, output)
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps, alpha=0.01)
    model.compile(keras.optimizers.AdamW(rate, weight_decay=1.0e-2), loss=LOSSES[loss])
    model.optimizer.build(model.trainable_variables)  # otherwise TensorFlow traces the first step twice
    progress, value = checkpoint.restore(model), 0.0
    todo = range(progress.epoch, steps)
    for step in progress_bar(todo, total=len(todo), description="Pretraining", unit="step"):
        value = model.train_on_batch(*_batch(clips, np.random.default_rng((seed, step))))
        progress.epoch = step + 1
        if progress.epoch == steps:
            checkpoint.every_s = 0  # a finished training is not repeated
        checkpoint.keep(model, progress)
    if not np.isfinite(value):
        checkpoint.path.unlink()
        raise TrainingError(f"The loss must stay finite; it became {value}. Lower the learning rate.")


def _batch(clips: ClipSet[FeatureRecipe], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return some clips of each of some signs, varied and encoded, and their signs one-hot."""
    signs = len(clips.recipe.glosses)
    signers = len(clips) // signs
    augmentation = Augmentation(clips.recipe, body=0.02, frames=0.05, mirrored=0.5)
    chosen = rng.choice(signs, min(SIGNS_A_BATCH, signs), replace=False)
    people = rng.permuted(np.tile(np.arange(signers), (len(chosen), 1)), axis=1)[:, :CLIPS_A_SIGN]
    rows = (chosen[:, None] * signers + people).ravel()
    targets = np.eye(signs, dtype=np.float32)[clips.y[rows]]
    return clips.recipe.encode(augmentation(clips.values[rows], rng)), targets


def _contrastive(targets: Any, vectors: Any) -> Any:
    from keras import ops

    itself = ops.eye(ops.shape(vectors)[0])
    similar = ops.matmul(vectors, ops.transpose(vectors)) / TEMPERATURE - 1e9 * itself
    same = ops.matmul(targets, ops.transpose(targets)) * (1 - itself)
    logits = similar - ops.logsumexp(similar, axis=1, keepdims=True)
    return -ops.sum(same * logits, axis=1) / ops.maximum(ops.sum(same, axis=1), 1)


def _cosine(targets: Any, cosines: Any) -> Any:
    import keras

    return keras.losses.categorical_crossentropy(targets, SCALE * cosines, from_logits=True)


def _softmax(targets: Any, logits: Any) -> Any:
    import keras

    return keras.losses.categorical_crossentropy(targets, logits, from_logits=True, label_smoothing=0.1)


LOSSES: dict[str, Callable[[Any, Any], Any]] = {"contrastive": _contrastive, "cosine": _cosine, "softmax": _softmax}
