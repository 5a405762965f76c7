"""One training, whatever it learns from: epochs, the best weights, checkpoints, the files it leaves."""

from __future__ import annotations

import hashlib
import json
import math
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import pandas as pd

from asl_lib._util.console import progress_bar
from asl_lib._util.files import atomic_write, largest_unpacked
from asl_lib.models.errors import TrainingError
from asl_lib.training.checkpoint import Checkpoint, Progress

if TYPE_CHECKING:
    import keras


class Recipe(Protocol):
    """What is kept beside a model: how its input is made."""

    def save(self, path: str | Path) -> None: ...


def run(
    model: keras.Model,
    *,
    batches: Callable[[int], Any],
    validation: Any,
    recipe: Recipe,
    folder: str | Path,
    key: str,
    epochs: int,
    patience: int,
    monitor: str,
    learning_rate: float,
    schedule: str,
    weight_decay: float,
    label_smoothing: float,
    group_weight: float | None = None,
    steps: int | None = None,
    checkpoint_s: float = 30.0,
) -> pd.DataFrame:
    """Train a network; `training.fit` and `image_training.fit_images` say what the arguments mean.

    Args:
        model: the network.
        batches: from the number of the first epoch to train to a Keras data set of batches.
        validation: what Keras takes as such: input and targets, or a data set of them; None for none.
        recipe: what to keep beside the model.
        key: `fingerprint` of the data and of what is done to it. With the network and the settings it tells whose a
            checkpoint is: that of another training is not gone on from.
        group_weight: share of the group's loss, for a network that also names groups; None for one that does not.
        steps: batches in an epoch, where `batches` gives one endless data set.
        folder, epochs, patience, monitor, learning_rate, schedule, weight_decay, label_smoothing, checkpoint_s: see
            there.

    Raises:
        TrainingError: an option has a value it cannot have, or the loss is no longer a number.
    """
    import keras

    folder = Path(folder)
    if monitor not in ("accuracy", "loss", "none") or schedule not in ("constant", "cosine"):
        raise TrainingError(
            f"monitor must be accuracy, loss or none, and schedule constant or cosine; got {monitor!r} and "
            f"{schedule!r}."
        )
    if validation is None and monitor != "none":
        raise TrainingError(f"Without validation clips monitor must be none; got {monitor!r}. Give validation clips.")
    folder.mkdir(parents=True, exist_ok=True)
    losses = keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)
    named: dict[str, Any] = {"loss": losses, "metrics": ["accuracy"]}
    if group_weight is not None:
        weights = {"group": group_weight, "gloss": 1 - group_weight}
        named = {"loss": dict.fromkeys(weights, losses), "loss_weights": weights}
        named["metrics"] = {name: ["accuracy"] for name in weights}
    model.compile(keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay), **named)
    settings = [key, epochs, patience, monitor, learning_rate, schedule, weight_decay, label_smoothing, group_weight]
    whose = fingerprint(*model.get_weights(), about=[*settings, model.count_params()])
    checkpoint = Checkpoint(folder / "training.npz", key=whose, every_s=checkpoint_s)
    progress = checkpoint.restore(model)
    with progress_bar(total=epochs, description="Training", unit="epoch", initial=progress.epoch) as bar:
        follow = _follow(model, progress, checkpoint, bar, monitor=monitor, patience=patience,
                         rate=partial(_rate, epochs=epochs, peak=learning_rate, schedule=schedule))  # fmt: skip
        if progress.epoch < epochs and progress.epoch - progress.best_epoch < patience:
            model.fit(
                batches(progress.epoch),
                validation_data=validation,
                validation_batch_size=256,
                epochs=epochs,
                initial_epoch=progress.epoch,
                steps_per_epoch=steps,
                shuffle=steps is None,  # an endless data set has its own order
                callbacks=[follow, keras.callbacks.TensorBoard(str(folder / "tensorboard"), write_graph=False)],
                verbose=0,
            )
    history = pd.DataFrame(progress.rows)
    if not np.isfinite(history["loss"].iloc[-1]):
        checkpoint.remove()
        raise TrainingError(
            f"The loss must stay finite; it became {history['loss'].iloc[-1]} in epoch {len(history)}. "
            f"Lower the learning rate (now {learning_rate:g}) and look for extreme values in the input."
        )
    model.set_weights(progress.best_weights)
    save_network(model, recipe, history, folder)
    checkpoint.remove()
    return history


def save_network(model: keras.Model, recipe: Recipe, history: pd.DataFrame, folder: str | Path) -> None:
    """Write `history.csv`, `model.keras` and `recipe.json`, each whole or not at all."""
    folder = Path(folder)
    with atomic_write(folder / "history.csv") as tmp:
        history.to_csv(tmp, index=False, lineterminator="\n")
    with atomic_write(folder / "model.keras") as tmp:
        model.save(tmp)
    recipe.save(folder / "recipe.json")


def fingerprint(*arrays: np.ndarray, about: list[Any]) -> str:
    """Return a hash of arrays and of what JSON can tell `about` them."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    digest.update(json.dumps(about).encode())
    return digest.hexdigest()


AnyRecipe = TypeVar("AnyRecipe")
NETWORK_FILES = ("metadata.json", "config.json", "model.weights.h5")


def check_archive(path: Path) -> None:
    """Raise ValueError where a `.keras` file holds more than Keras writes for a network of layers.

    Keras unpacks what else there is, such as vocabularies, into a temporary folder, bombs and all.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(f"it is not a whole .keras file ({error}).") from error
    if others := [entry.filename for entry in entries if entry.filename not in NETWORK_FILES]:
        raise ValueError(f"it holds '{others[0][:100]}', which no network of the course has.")
    if sum(entry.file_size for entry in entries) > largest_unpacked(path):
        raise ValueError("it unpacks to more than a hundred times its size.")


def load_network(
    folder: str | Path, load_recipe: Callable[[Path], AnyRecipe], *, remedy: str
) -> tuple[keras.Model, AnyRecipe]:
    """Return the network that `run` left in a folder, with Keras's safe mode on, and its recipe.

    Args:
        folder: the folder.
        load_recipe: reads the recipe from its file.
        remedy: what to do where there is no network.

    Raises:
        TrainingError: the folder has no network, or one that cannot be loaded.
    """
    import keras

    path = Path(folder) / "model.keras"
    if not path.is_file():
        raise TrainingError(f"There is no {path}. {remedy}")
    recipe = load_recipe(path.with_name("recipe.json"))
    try:
        check_archive(path)
        return keras.saving.load_model(path, safe_mode=True, compile=False), recipe
    except Exception as error:
        # Keras, h5py and TensorFlow raise whatever the damaged place breaks, with their own, undocumented classes.
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise TrainingError(f"{path} cannot be loaded as a Keras model: {reason} {remedy}") from error


def _follow(
    model: keras.Model,
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
            model.optimizer.learning_rate = rate(epoch)

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
