"""`fit`: one training function for all models."""

from __future__ import annotations

import hashlib
import json
import math
import random
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from asl_lib._util.console import progress_bar, quiet_native_stderr
from asl_lib._util.files import write_json
from asl_lib.features.sets import ClipSet
from asl_lib.models.errors import TrainingError
from asl_lib.models.hierarchical import groups_by_centroid
from asl_lib.models.point_model import PointModel
from asl_lib.training.batches import Augment, for_backend, training_batches, validation_batches, with_groups
from asl_lib.training.checkpoint import Checkpoint, Progress
from asl_lib.training.saved import clips_at_a_time, glosses_of, save_model

if TYPE_CHECKING:
    import keras


CHECKPOINT = "training.npz"
"""File of the checkpoint of an unfinished training, in the model's folder."""
GROUP_SHARE = 0.3
"""Share of the loss that is about the groups, for a network that also names groups."""


class Split(Protocol):
    """The part of `evaluation.splits.Split` that `fit` uses: `training` must not import `evaluation`."""

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
    """The result of a training.

    Attributes:
        name: the name of the model in results.
        folder: folder of the model.
        parameters: number of parameters; of trees, of their nodes.
        seconds: duration of the training.
        history: one row an epoch: epoch, loss, accuracy, val_loss, val_accuracy (with validation), learning_rate,
            seconds; empty for trees, which have no epochs.
        settings: seed, validation signers, how the clips were split, and glosses without a training clip, if any.
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
    """Seed Python, NumPy and Keras, and make TensorFlow's operations deterministic.

    On one machine, with the same number of threads, the same seed then gives the same losses to the last bit; another
    processor may round differently. With Keras on JAX (`KERAS_BACKEND=jax`), a graphics card also needs
    `XLA_FLAGS=--xla_gpu_deterministic_ops=true`.
    """
    with quiet_native_stderr():
        import keras

    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        with quiet_native_stderr():
            import tensorflow as tf

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
    groups: np.ndarray | None = None,
    augmentation: Augment | None = None,
    seed: int = 42,
    checkpoint_s: float = 30.0,
) -> Training:
    """Train with Adam until validation stops improving, and keep the best weights; or for a given number of epochs.

    Writes `model.keras` (or the file of a `PointModel`), `recipe.json`, `history.csv`, `training.json` and, where
    TensorFlow is installed, TensorBoard logs into `folder`. A call with the same arguments resumes a killed training
    from its last checkpoint, and ends with the same weights as an undisturbed one.

    Args:
        model: a network from clips, as `clips.recipe` encodes them, to class probabilities or to a dict of "group" and
            "gloss" probabilities; or a `PointModel`, such as trees, which has a seed of its own, and for which only
            `split`, `folder` and `name` are used.
        clips: all clips: landmarks, photographs or frames.
        split: the training and validation clips; None trains on all clips.
        folder: folder for the files.
        name: the name of the model in results; empty for the network's own.
        epochs: most passes over the training clips.
        patience: epochs without a better validation result before training stops.
        monitor: the validation result that counts, "accuracy" (of equal ones the lower loss) or "loss"; "none" trains
            all epochs and keeps the last weights, which suits a cosine schedule. Without validation clips it must be
            "none".
        batch_size: clips in one step.
        learning_rate: step size of Adam.
        schedule: "constant", or "cosine": up over the first twentieth of the epochs, then down to a hundredth
            (Loshchilov and Hutter 2017).
        weight_decay: decay of the weights towards zero, separate from the loss (AdamW; Loshchilov and Hutter 2019).
        label_smoothing: share of the target that is spread over all classes (Szegedy et al. 2016).
        mixup: alpha of the Beta distribution by which two clips and their labels are mixed (Zhang et al. 2018); 0
            for none.
        groups: (classes,) the group of each class, for a network that also names groups; None for groups of classes
            with similar training clips (`groups_by_centroid`).
        augmentation: how to vary the training clips, anew in each epoch: `Augmentation` for landmarks,
            `ImageVariation` for photographs, `ClipVariation` for frames; None leaves them as they are.
        seed: seed of all random numbers.
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
    untrained = np.setdiff1d(np.arange(len(clips.glosses)), clips.y[rows])
    if len(untrained):
        noun, tested = clips.recipe.noun, clips.y[[] if split is None else split.test]
        warnings.warn(
            f"No training {noun} shows {', '.join(clips.glosses[untrained])}, so no model can learn it: "
            f"{np.isin(tested, untrained).sum()} of {len(tested)} test {noun}s are scored apart. "
            "Hold out other signers, or leave these glosses out.",
            stacklevel=2,
        )
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(model, PointModel):
        start, seed = time.monotonic(), getattr(model, "seed", seed)
        model.fit(clips.values[rows], clips.y[rows])
        history, seconds = pd.DataFrame(), time.monotonic() - start
    else:
        _check(
            model, clips, validation, monitor=monitor, schedule=schedule, learning_rate=learning_rate,
            epochs=epochs, patience=patience, batch_size=batch_size,
        )  # fmt: skip
        batching: dict[str, Any] = {"batch_size": batch_size, "seed": seed, "augmentation": augmentation}
        if groups is None and isinstance(outputs := model.compute_output_shape(model.input_shape), dict):
            sizes = {"groups": outputs["group"][-1], "classes": len(clips.glosses)}
            groups = groups_by_centroid(clips.encode(rows), clips.y[rows], **sizes, seed=seed)
        batching |= {"mixup": mixup, "groups": groups, "devices": _devices(batch_size, validation)}
        training: dict[str, Any] = {"epochs": epochs, "patience": patience, "monitor": monitor}
        training |= {"learning_rate": learning_rate, "schedule": schedule}
        losses: dict[str, Any] = {"weight_decay": weight_decay, "label_smoothing": label_smoothing}
        key = _key(model, clips, rows, validation, **batching, **training, **losses)
        _compile(model, **losses, targets=with_groups(np.zeros((1, len(clips.glosses)), np.float32), groups))
        loop = _Loop(
            model,
            training_batches(clips, rows, **batching),
            validation_batches(clips, validation, batch_size=clips_at_a_time(clips), groups=groups),
            Checkpoint(folder / CHECKPOINT, key=key, every_s=checkpoint_s),
            # Keras also shuffles the order of the batches. Batches of pixels are read in order.
            shuffle=clips.recipe.input == "landmarks",
            **training,
        )
        history = loop.run()
        seconds = float(history["seconds"].sum())
    save_model(model, clips.recipe, history, folder)
    (folder / CHECKPOINT).unlink(missing_ok=True)
    signers = [] if split is None else sorted(set(clips.signer[split.validation].tolist()))
    settings = {"seed": seed, **({} if split is None else split.settings), "validation_signers": signers}
    settings |= {} if isinstance(model, PointModel) else _backend()
    settings |= {"untrained_glosses": clips.glosses[untrained].tolist()} if len(untrained) else {}
    done = Training(name or model.name, folder, model.count_params(), seconds, history, settings)
    done.save()
    return done


def fingerprint(*arrays: np.ndarray, settings: Any) -> str:
    """Return a hash of arrays and of settings that JSON can hold."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    digest.update(json.dumps(settings).encode())
    return digest.hexdigest()


def _key(model: keras.Model, clips: ClipSet[Any], rows: np.ndarray, validation: np.ndarray, **settings: Any) -> str:
    """Return a fingerprint of all that a training depends on."""
    groups = settings.pop("groups")
    # Pixels are identified by their clip_id: reading them all would take as long as an epoch.
    content = clips.values if clips.recipe.input == "landmarks" else np.array([name.encode() for name in clips.clip_id])
    arrays = [content, clips.y, rows, validation, *([] if groups is None else [groups]), *model.get_weights()]
    settings["augmentation"] = repr(settings["augmentation"])
    return fingerprint(*arrays, settings=[settings, repr(clips.recipe), model.count_params()])


def _check(
    model: keras.Model,
    clips: ClipSet[Any],
    validation: np.ndarray,
    *,
    monitor: str,
    schedule: str,
    learning_rate: float,
    **counts: int,
) -> None:
    """Raise TrainingError where a network does not fit the clips, or an option has an impossible value."""
    if not 0 < learning_rate < np.inf or min(counts.values()) < 1:
        raise TrainingError(
            f"learning_rate must be above 0, and {', '.join(counts)} at least 1; got {learning_rate:g}, "
            f"{', '.join(map(str, counts.values()))}."
        )
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


def _backend() -> dict[str, str]:
    """Return what Keras computes with, where it is not TensorFlow, as an entry of `training.json`."""
    import keras

    backend = str(keras.backend.backend())
    return {} if backend == "tensorflow" else {"backend": backend}


def _devices(batch_size: int, validation: np.ndarray) -> int:
    """Return the number of devices among which Keras divides a batch, which must be of even parts."""
    import keras

    shared = keras.distribution.distribution()
    devices = 1 if shared is None else int(shared.num_model_replicas)
    if batch_size % devices or (devices > 1 and len(validation)):
        raise TrainingError(
            f"On {devices} devices, batch_size must be a multiple of {devices} and no clip may be for validation; got "
            f"{batch_size} and {len(validation)}. Train with monitor='none' (`split.without_validation()`)."
        )
    return devices


def _compile(model: keras.Model, *, weight_decay: float, label_smoothing: float, targets: Any) -> None:
    """Compile a network for `targets` of this form: an array, or a dictionary with those of the groups."""
    import keras

    loss = keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)
    compiled: dict[str, Any] = {"loss": loss, "metrics": ["accuracy"]}
    if isinstance(targets, dict):
        weights = {"group": GROUP_SHARE, "gloss": 1 - GROUP_SHARE}
        compiled = {"loss": dict.fromkeys(weights, loss), "loss_weights": weights}
        compiled["metrics"] = {name: ["accuracy"] for name in weights}
    model.compile(keras.optimizers.AdamW(weight_decay=weight_decay), **compiled)  # `_Loop` sets the learning rate
    # Keras makes these variables in the first step, which TensorFlow then traces twice: seconds of each training.
    model.optimizer.build(model.trainable_variables)
    model.compute_loss(None, targets, targets)
    model.compute_metrics(None, targets, targets)
    model.reset_metrics()


@dataclass
class _Loop:
    """The epochs of one training; the attributes are arguments of `fit`, or made from them."""

    model: keras.Model
    batches: Any
    validation: Any
    checkpoint: Checkpoint
    epochs: int
    patience: int
    monitor: str
    learning_rate: float
    schedule: str
    shuffle: bool

    def run(self) -> pd.DataFrame:
        """Train the remaining epochs, restore the best weights, and return the whole history."""
        import keras

        progress = self.checkpoint.restore(self.model)
        with progress_bar(total=self.epochs, description="Training", unit="epoch", initial=progress.epoch) as bar:
            if progress.epoch < self.epochs and progress.epoch - progress.best_epoch < self.patience:
                callbacks = [self._callback(progress, bar)]
                if find_spec("tensorflow"):  # it writes the logs, whatever Keras computes with
                    logs = str(self.checkpoint.path.with_name("tensorboard"))
                    callbacks.append(keras.callbacks.TensorBoard(logs, write_graph=False))
                batches = for_backend(self.batches, shuffle=self.shuffle)
                self.model.fit(
                    batches,
                    validation_data=for_backend(self.validation),
                    epochs=self.epochs,
                    initial_epoch=progress.epoch,
                    shuffle=self.shuffle and batches is self.batches,
                    callbacks=callbacks,
                    verbose=0,
                )
        loss = progress.rows[-1]["loss"]
        if not np.isfinite(loss):
            self.checkpoint.path.unlink(missing_ok=True)
            raise TrainingError(
                f"The loss must stay finite; it became {loss} in epoch {progress.epoch}. "
                f"Lower the learning rate (now {self.learning_rate:g}) and look for extreme values in the input."
            )
        self.model.set_weights(progress.best_weights)
        return pd.DataFrame(progress.rows)

    def _callback(self, progress: Progress, bar: Any) -> Any:
        """Return the callback that sets the learning rate, records each epoch, and stops the training."""
        import keras

        loop, state = self, random.getstate()

        class EachEpoch(keras.callbacks.Callback):
            started = 0.0

            def on_train_begin(self, logs: Any = None) -> None:
                # With JAX, Keras has shuffled the batches once more, to look at the first one.
                random.setstate(state)

            def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
                self.started = time.perf_counter()
                loop.batches.epoch, loop.model.optimizer.learning_rate = epoch, loop.rate(epoch)

            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                seconds = round(time.perf_counter() - self.started, 4)
                values = {name.replace("gloss_accuracy", "accuracy"): float(value) for name, value in logs.items()}
                row = {"epoch": epoch + 1, **values, "learning_rate": loop.rate(epoch), "seconds": seconds}
                if progress.is_better(row, loop.monitor):
                    progress.best_epoch, progress.best_weights = epoch + 1, loop.model.get_weights()
                progress.rows.append(row)
                progress.epoch = epoch + 1
                if not np.isfinite(row["loss"]) or progress.epoch - progress.best_epoch >= loop.patience:
                    loop.model.stop_training = True
                loop.checkpoint.keep(loop.model, progress)
                side = "validation" if "val_accuracy" in row else "training"
                share = row.get("val_accuracy", row["accuracy"])
                bar.set_postfix_str(f"{side} {share:.0%}", refresh=False)
                bar.update()

        return EachEpoch()

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        if self.schedule == "constant":
            return self.learning_rate
        warm = max(1, self.epochs // 20)
        if epoch < warm:
            return self.learning_rate * (epoch + 1) / warm
        share = (epoch - warm) / max(1, self.epochs - warm)
        return self.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))
