"""Checkpoints: a killed training resumes, and ends with the same weights to the last bit."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asl_lib._util.files import atomic_write, read_npz

if TYPE_CHECKING:
    import keras


@dataclass
class Progress:
    """The progress of a training.

    Attributes:
        epoch: epochs that are complete.
        rows: one dict of losses and metrics an epoch.
        best_epoch: the epoch with the best validation result, from 1; 0 before the first.
        best_weights: the network's weights after it.
    """

    epoch: int = 0
    rows: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    best_weights: list[np.ndarray] = field(default_factory=list)

    def is_better(self, row: dict[str, float], monitor: str) -> bool:
        """Return whether an epoch is the best so far.

        Of equal accuracies the one with the lower loss is better; with monitor "none", the last epoch is.
        """
        if not self.best_epoch or monitor == "none":
            return True
        best = self.rows[self.best_epoch - 1]
        if monitor == "accuracy":
            return (row["val_accuracy"], -row["val_loss"]) > (best["val_accuracy"], -best["val_loss"])
        return row["val_loss"] < best["val_loss"]


class Checkpoint:
    """The progress of a training in one file, from which a later process resumes.

    The file holds all that the next epoch depends on: weights, the optimiser's moments, the states of the random
    generators of dropout and of Python (with which Keras shuffles batches), and the best weights. It is an `.npz` of
    numbers and text, without pickled objects.

    Args:
        path: the file.
        key: fingerprint of the training; the checkpoint of another training is ignored.
        every_s: seconds between two checkpoints; 0 for one an epoch.
    """

    def __init__(self, path: Path, *, key: str, every_s: float) -> None:
        self.path, self.key, self.every_s = path, key, every_s
        self._written = time.monotonic()

    def restore(self, model: keras.Model) -> Progress:
        """Restore a compiled model and return the progress; without a checkpoint the model stays as it is."""
        try:
            about = json.loads(str(read_npz(self.path, ["about"])["about"]))
            if about["key"] != self.key:
                return Progress()
            names = [[f"{kind}{i}" for i in range(about[kind])] for kind in ("model", "optimizer", "best")]
            kept = read_npz(self.path, [name for group in names for name in group])
            states = [[kept[name] for name in group] for group in names]
            version, words, following = about["random"]
            state = version, tuple(words), following
            random.Random().setstate(state)  # raises where it is damaged
        except (OSError, ValueError, KeyError, TypeError):
            return Progress()  # none, or a damaged one
        model.optimizer.build(model.trainable_variables)
        variables, values = [*model.variables, *model.optimizer.variables], [*states[0], *states[1]]
        if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
            return Progress()
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        random.setstate(state)
        return Progress(about["epoch"], about["rows"], about["best_epoch"], states[2])

    def keep(self, model: keras.Model, progress: Progress) -> None:
        """Write a checkpoint if `every_s` seconds have passed since the last one."""
        if time.monotonic() - self._written < self.every_s:
            return
        groups = {
            "model": [np.asarray(variable) for variable in model.variables],
            "optimizer": [np.asarray(variable) for variable in model.optimizer.variables],
            "best": progress.best_weights,
        }
        about: dict[str, Any] = {"key": self.key, "epoch": progress.epoch, "rows": progress.rows}
        about |= {
            "random": random.getstate(),
            "best_epoch": progress.best_epoch,
            **{kind: len(values) for kind, values in groups.items()},
        }
        arrays: dict[str, Any] = {
            f"{kind}{i}": value for kind, values in groups.items() for i, value in enumerate(values)
        }
        with atomic_write(self.path) as tmp:
            np.savez(tmp, about=np.array(json.dumps(about)), **arrays)
        self._written = time.monotonic()
