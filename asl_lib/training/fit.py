"""One `fit` for every model of the course, and the files it leaves behind."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from asl_lib._util.console import progress_bar, quiet_native_stderr
from asl_lib._util.files import write_json
from asl_lib.features.sets import ClipSet
from asl_lib.models.errors import TrainingError
from asl_lib.models.trees import HandTrees
from asl_lib.training.batches import Augment, training_batches, validation_batches
from asl_lib.training.checkpoint import Checkpoint, Progress
from asl_lib.training.saved import clips_at_a_time, glosses_of, save_model

if TYPE_CHECKING:
    import keras


CHECKPOINT = "training.npz"
"""Where the state of an unfinished training is, in the model's folder."""


class Split(Protocol):
    """Which clips train, validate and test a model: what `evaluation.splits.make_split` returns."""

    @property
    def train(self) -> np.ndarray: ...
    @property
    def validation(self) -> np.ndarray: ...
    @property
    def test(self) -> np.ndarray: ...
    @property
    def settings(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Training:
    """What a training has left.

    Attributes:
        name: the name of the model in results.
        folder: where the model is.
        parameters: numbers that were learned; of trees, their nodes.
        seconds: how long it took.
        history: one row an epoch: epoch, loss, accuracy, val_loss, val_accuracy (with validation), learning_rate,
            seconds; empty for trees, which have no epochs.
        settings: seed, validation signers, and how the clips were split.
    """

    name: str
    folder: Path
    parameters: int
    seconds: float
    history: pd.DataFrame
    settings: Mapping[str, Any]

    def save(self) -> None:
        """Write all but the history as `training.json` into the folder, where `Evaluation.save` finds it."""
        epochs = {"epochs": len(self.history)} if len(self.history) else {}
        values = {"model": self.name, "parameters": self.parameters, **epochs, "minutes": round(self.seconds / 60, 3)}
        write_json(self.folder / "training.json", {**values, **self.settings})

    def __str__(self) -> str:
        epochs = f"{len(self.history)} epochs in " if len(self.history) else ""
        return f"{epochs}{self.seconds / 60:.1f} minutes"


def set_seeds(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow, and make TensorFlow's operations deterministic.

    On one machine the same seed then gives the same losses to the last bit; another processor may round
    differently.
    """
    # What TensorFlow tells at import about the processor is no news to a reader of a notebook.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_native_stderr():
        import keras
        import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # the advice it gives on small networks' speed is no news either
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def fit(
    model: Any,
    clips: ClipSet[Any],
    split: Split | None = None,
    *,
    folder: str | Path,
    name: str = "",
    epochs: int = 200,
    patience: int = 40,
    monitor: str = "accuracy",
    batch_size: int = 32,
    learning_rate: float = 1.0e-4,
    schedule: str = "constant",
    weight_decay: float = 0.0,
    label_smoothing: float = 0.0,
    mixup: float = 0.0,
    balance: bool = False,
    groups: np.ndarray | None = None,
    group_weight: float = 0.3,
    augmentation: Augment | None = None,
    seed: int = 42,
    checkpoint_s: float = 30.0,
) -> Training:
    """Train with Adam until validation stops improving, and keep the best weights; or for a given number of epochs.

    Writes `model.keras`, `recipe.json`, `history.csv`, `training.json` and TensorBoard logs into `folder`. A training
    that was killed goes on from its last checkpoint when it is called again with the same arguments, and ends with
    the same weights as an undisturbed one.

    Args:
        model: a network from what `clips.recipe` encodes to class probabilities, or to a dict of those of "group" and
            "gloss"; or `HandTrees`, to which only `clips`, `split`, `folder` and `name` apply.
        clips: all clips: landmarks, photographs or frames.
        split: which of them to train on, and which to look at after each epoch; None trains on all clips.
        folder: where the files go.
        name: the name of the model in results; empty for the network's own.
        epochs: most passes over the training clips.
        patience: epochs without a better validation result before training stops.
        monitor: the validation result that counts, "accuracy" (of equal ones the lower loss) or "loss"; "none" trains
            all epochs and keeps the last weights, which a cosine schedule has brought to rest. Without validation
            clips it must be "none".
        batch_size: clips in one step.
        learning_rate: step size of Adam.
        schedule: "constant", or "cosine": up over the first twentieth of the epochs, then down to a hundredth
            (Loshchilov and Hutter 2017).
        weight_decay: pull of the weights towards zero, apart from the loss (AdamW; same paper's authors, 2019).
        label_smoothing: share of the target that is spread over all classes (Szegedy et al. 2016).
        mixup: alpha of the Beta distribution by which two clips and their labels are mixed (Zhang et al. 2018); 0
            for none.
        balance: weigh clips so that every class counts the same, however rare.
        groups: (classes,) the group of each class, for a network that also names groups.
        group_weight: share of the loss that is about the groups, for such a network.
        augmentation: how to vary the training clips, anew in each epoch: `Augmentation` for landmarks,
            `ImageVariation` for photographs, `ClipVariation` for frames; None leaves them as they are.
        seed: where all randomness starts.
        checkpoint_s: seconds between two checkpoints; 0 for one an epoch.

    Raises:
        TrainingError: there is no training or validation clip, the network takes other clips or names other classes,
            an option has an impossible value, or the loss is no longer a number.
    """
    folder = Path(folder)
    rows = np.arange(len(clips)) if split is None else np.asarray(split.train, int)
    validation = np.empty(0, int) if split is None else np.asarray(split.validation, int)
    if not len(rows):
        raise TrainingError(f"Training needs at least one {clips.recipe.noun}; got none. Check the held-out signers.")
    if unseen := sorted(set(range(len(clips.glosses))) - set(clips.y[rows].tolist())):
        warnings.warn(
            f"No training {clips.recipe.noun} shows {', '.join(clips.glosses[unseen])}, so no model can learn it. "
            "Hold other signers out, or leave out what they alone show.",
            stacklevel=2,
        )
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(model, HandTrees):
        start = time.monotonic()
        model.fit(clips.values[rows], clips.y[rows])
        history, seconds = pd.DataFrame(), time.monotonic() - start
    else:
        _check(model, clips, validation, monitor=monitor, schedule=schedule)
        losses: dict[str, Any] = {
            "label_smoothing": label_smoothing,
            "group_weight": None if groups is None else group_weight,
        }
        _compile(model, learning_rate=learning_rate, weight_decay=weight_decay, **losses)
        options: dict[str, Any] = {"batch_size": batch_size, "seed": seed, "augmentation": augmentation}
        options |= {"mixup": mixup, "balance": balance, "groups": groups}
        stopping: dict[str, Any] = {"epochs": epochs, "patience": patience, "monitor": monitor}
        rates = {"rates": [learning_rate, schedule, weight_decay]}
        key = _key(model, clips, rows, validation, **stopping, **losses, **rates, **options)
        checkpoint = Checkpoint(folder / CHECKPOINT, key=key, every_s=checkpoint_s)
        history = _train(
            model,
            training_batches(clips, rows, **options),
            validation_batches(clips, validation, batch_size=clips_at_a_time(clips), groups=groups),
            checkpoint,
            **stopping,
            rate=partial(_rate, epochs=epochs, peak=learning_rate, schedule=schedule),
            # Keras shuffles the order in which it asks for batches, too; those of a file are read from front to back.
            shuffle=clips.recipe.input == "landmarks",
        )
        seconds = float(history["seconds"].sum())
    save_model(model, clips.recipe, history, folder)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    signers = [] if split is None else sorted(set(clips.signer[split.validation].tolist()))
    settings = {"seed": seed, **({} if split is None else split.settings), "validation_signers": signers}
    training = Training(name or model.name, folder, model.count_params(), seconds, history, settings)
    training.save()
    return training


def fingerprint(*arrays: np.ndarray, settings: Any) -> str:
    """Return a hash of arrays and of settings that JSON can hold."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    digest.update(json.dumps(settings).encode())
    return digest.hexdigest()


def _key(model: keras.Model, clips: ClipSet[Any], rows: np.ndarray, validation: np.ndarray, **settings: Any) -> str:
    """Return a fingerprint of all that a training depends on: a checkpoint of another training is ignored."""
    groups = settings.pop("groups")
    # Pixels are recognised by their clips' names: to read them all would take as long as an epoch.
    content = clips.values if clips.recipe.input == "landmarks" else np.array([name.encode() for name in clips.clip_id])
    arrays = [content, clips.y, rows, validation, *([] if groups is None else [groups]), *model.get_weights()]
    settings["augmentation"] = repr(settings["augmentation"])
    return fingerprint(*arrays, settings=[settings, repr(clips.recipe), model.count_params()])


def _check(model: keras.Model, clips: ClipSet[Any], validation: np.ndarray, *, monitor: str, schedule: str) -> None:
    """Raise TrainingError where a network does not fit the clips, or an option has an impossible value."""
    if monitor not in ("accuracy", "loss", "none") or schedule not in ("constant", "cosine"):
        raise TrainingError(
            f"monitor must be accuracy, loss or none, and schedule constant or cosine; got {monitor!r} and "
            f"{schedule!r}."
        )
    noun = clips.recipe.noun
    if not len(validation) and monitor != "none":
        raise TrainingError(
            f"Validation needs at least one {noun}; got none. Check the held-out signers, or train with monitor='none'."
        )
    wanted = (*clips.encode(np.arange(1)).shape[1:], len(clips.glosses))
    takes = (*model.input_shape[1:], glosses_of(model.compute_output_shape(model.input_shape))[-1])
    if takes != wanted:
        raise TrainingError(
            f"{model.name} must take {noun}s and classes as they are, {wanted}; got {takes}. "
            f"Build it for the size of the {noun}s and the number of their classes."
        )


def _compile(
    model: keras.Model,
    *,
    learning_rate: float,
    weight_decay: float,
    label_smoothing: float,
    group_weight: float | None,
) -> None:
    import keras

    loss = keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)
    compiled: dict[str, Any] = {"loss": loss, "metrics": ["accuracy"]}
    if group_weight is not None:
        weights = {"group": group_weight, "gloss": 1 - group_weight}
        compiled = {"loss": dict.fromkeys(weights, loss), "loss_weights": weights}
        compiled["metrics"] = {name: ["accuracy"] for name in weights}
    model.compile(keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay), **compiled)


def _train(
    model: keras.Model,
    batches: Any,
    validation: Any,
    checkpoint: Checkpoint,
    *,
    epochs: int,
    patience: int,
    monitor: str,
    rate: Callable[[int], float],
    shuffle: bool,
) -> pd.DataFrame:
    """Run the epochs that are left, put the best weights into the network, and return the whole history."""
    import keras

    progress = checkpoint.restore(model)
    with progress_bar(total=epochs, description="Training", unit="epoch", initial=progress.epoch) as bar:
        if progress.epoch < epochs and progress.epoch - progress.best_epoch < patience:
            follow = _follow(model, batches, progress, checkpoint, bar, monitor=monitor, patience=patience, rate=rate)
            logs = str(checkpoint.path.with_name("tensorboard"))
            model.fit(
                batches,
                validation_data=validation,
                validation_batch_size=256,
                epochs=epochs,
                initial_epoch=progress.epoch,
                shuffle=shuffle,
                callbacks=[follow, keras.callbacks.TensorBoard(logs, write_graph=False)],
                verbose=0,
            )
    loss = progress.rows[-1]["loss"]
    if not np.isfinite(loss):
        checkpoint.remove()
        raise TrainingError(
            f"The loss must stay finite; it became {loss} in epoch {progress.epoch}. "
            f"Lower the learning rate (now {rate(progress.epoch - 1):g}) and look for extreme values in the input."
        )
    model.set_weights(progress.best_weights)
    return pd.DataFrame(progress.rows)


def _follow(
    model: keras.Model,
    batches: Any,
    progress: Progress,
    checkpoint: Checkpoint,
    bar: Any,
    *,
    monitor: str,
    patience: int,
    rate: Callable[[int], float],
) -> Any:
    """Return the callback that sets the learning rate, notes each epoch, keeps the best weights and ends it."""
    import keras

    class Follow(keras.callbacks.Callback):
        started = 0.0

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.started = time.perf_counter()
            batches.epoch, model.optimizer.learning_rate = epoch, rate(epoch)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            values = {name.replace("gloss_accuracy", "accuracy"): float(value) for name, value in (logs or {}).items()}
            seconds = round(time.perf_counter() - self.started, 4)
            row = {"epoch": epoch + 1, **values, "learning_rate": rate(epoch), "seconds": seconds}
            if progress.is_better(row, monitor):
                progress.best_epoch, progress.best_weights = epoch + 1, model.get_weights()
            progress.rows.append(row)
            progress.epoch = epoch + 1
            if not np.isfinite(row["loss"]) or progress.epoch - progress.best_epoch >= patience:
                model.stop_training = True
            checkpoint.keep(model, progress)
            side = "val_accuracy" if "val_accuracy" in row else "accuracy"
            bar.set_postfix_str(
                f"{'validation' if side.startswith('val') else 'training'} {row[side]:.0%}", refresh=False
            )
            bar.update()

    return Follow()


def _rate(epoch: int, *, epochs: int, peak: float, schedule: str) -> float:
    """Return the learning rate of an epoch, counted from 0."""
    if schedule == "constant":
        return peak
    warm = max(1, epochs // 20)
    if epoch < warm:
        return peak * (epoch + 1) / warm
    share = (epoch - warm) / max(1, epochs - warm)
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))
