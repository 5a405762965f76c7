"""One `fit` for every model of the course, and the files it leaves behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from asl_lib._util.console import quiet_native_stderr
from asl_lib.features.augment import Augmentation, mirror, mixup_pairs
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.models.errors import TrainingError
from asl_lib.training.loop import fingerprint, load_network, run

if TYPE_CHECKING:
    import keras


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
    model: keras.Model,
    *,
    points: np.ndarray,
    y: np.ndarray,
    rows: np.ndarray | None = None,
    validation: tuple[np.ndarray, np.ndarray] | None,
    recipe: FeatureRecipe,
    folder: str | Path,
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
    augmentation: Augmentation | None = None,
    seed: int = 42,
    checkpoint_s: float = 30.0,
) -> pd.DataFrame:
    """Train with Adam until validation stops improving, and keep the best weights; or for a given number of epochs.

    Writes `model.keras`, `recipe.json`, `history.csv` and TensorBoard logs into `folder`. A training that was killed
    goes on from its last checkpoint when it is called again with the same arguments, and ends with the same
    weights as an undisturbed one.

    Args:
        model: a network from (N, frames, features) to class probabilities, or to a dict of those of "group"
            and "gloss".
        points: (n, frames, L, C) clips as `recipe.points` gives them.
        y: (n,) class numbers.
        rows: (m,) int, which of the n clips to train on; None for all. Naming them here instead of cutting them out
            leaves a large data set in memory once.
        validation: points and classes of the validation clips, which are never varied; None where `monitor` is "none".
        recipe: the recipe that made the points; it encodes every batch and is kept beside the model.
        folder: where the files go.
        epochs: most passes over the training clips.
        patience: epochs without a better validation result before training stops.
        monitor: the validation result that counts, "accuracy" (of equal ones the lower loss) or "loss"; "none" trains
            all epochs and keeps the last weights, which a cosine schedule has brought to rest.
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
        group_weight: share of the group's loss for such a network; the gloss's loss has the rest.
        augmentation: how to vary the training clips, anew in each epoch; None leaves them as they are.
        seed: where all randomness starts.
        checkpoint_s: seconds between two checkpoints; 0 for one an epoch.

    Returns:
        One row an epoch: epoch, loss, accuracy, val_loss, val_accuracy (where there is validation), learning_rate,
        seconds.

    Raises:
        TrainingError: there is no training or validation clip, the shapes do not fit the recipe, or the loss is no
            longer a number.
    """
    rows = np.arange(len(points)) if rows is None else np.asarray(rows, int)
    sides = {"training": (len(points), y)} | (
        {} if validation is None else {"validation": (len(validation[0]), validation[1])}
    )
    for side, (count, labels) in sides.items():
        if count == 0 or count != len(labels) or len(rows) == 0:
            raise TrainingError(
                f"The {side} part must have a class for each of at least one clip; got {min(count, len(rows))} clips "
                f"and {len(labels)} classes. Check the held-out signers."
            )
    shape = model.compute_output_shape((None, recipe.frames, recipe.num_features))
    classes = (shape["gloss"] if isinstance(shape, dict) else shape)[-1]
    encode = partial(_targets, groups=groups)
    key = fingerprint(
        points, y, rows, *(validation or ()), *([] if groups is None else [groups]),
        about=[batch_size, mixup, balance, seed, repr(augmentation), repr(recipe)],
    )  # fmt: skip
    one_hot = np.eye(classes, dtype=np.float32)
    return run(
        model,
        batches=lambda epoch: _batches(
            points, one_hot[y], rows, recipe, augmentation, encode, batch_size=batch_size, seed=seed, mixup=mixup,
            balance=balance, epoch=epoch,
        ),
        validation=None if validation is None else (recipe.encode(validation[0]), encode(one_hot[validation[1]])),
        recipe=recipe,
        folder=folder,
        key=key,
        epochs=epochs,
        patience=patience,
        monitor=monitor,
        learning_rate=learning_rate,
        schedule=schedule,
        weight_decay=weight_decay,
        label_smoothing=label_smoothing,
        group_weight=None if groups is None else group_weight,
        checkpoint_s=checkpoint_s,
    )  # fmt: skip


def glosses_of(outputs: Any) -> Any:
    """Return what a network says of the glosses, whatever else it says."""
    return outputs["gloss"] if isinstance(outputs, dict) else outputs


def predict(model: keras.Model, X: np.ndarray) -> np.ndarray:
    """Return (n, classes) probabilities of the glosses, whatever else a network says.

    Args:
        model: a trained network.
        X: (n, frames, features) as its recipe encodes clips.
    """
    return np.asarray(glosses_of(model.predict(X, batch_size=256, verbose=0)))


def compile_predictor(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from one encoded clip (frames, features) to its (classes,) probabilities, as fast as can be.

    `model.predict` starts a loop over batches for every call; this is one compiled program (XLA) for one clip. The
    first call, which compiles, is made here.
    """
    import tensorflow as tf

    program = tf.function(lambda clip: glosses_of(model(clip, training=False)), jit_compile=True)

    def probabilities(clip: np.ndarray) -> np.ndarray:
        return np.asarray(program(tf.constant(clip[None], tf.float32))[0])

    with quiet_native_stderr():
        probabilities(np.zeros(model.input_shape[1:], np.float32))
    return probabilities


def predict_mirrored(model: keras.Model, points: np.ndarray, recipe: FeatureRecipe) -> np.ndarray:
    """Return (n, classes) probabilities, the mean over every clip and its mirror image.

    A sign signed with the other hand is the same sign, so a network that was trained on mirrored clips too has two
    looks at each. Where the recipe has turned all clips to the right hand already (`mirror_left_handed`), one look is
    enough, and this is `predict`.

    Args:
        model: a network trained with `Augmentation(mirrored=...)`.
        points: (n, frames, L, C) as `recipe.points` gives them.
        recipe: the model's recipe.
    """
    seen = predict(model, recipe.encode(points))
    if recipe.mirror_left_handed:
        return seen
    return (seen + predict(model, recipe.encode(mirror(points, recipe=recipe)))) / 2


def load_model(folder: str | Path) -> tuple[keras.Model, FeatureRecipe]:
    """Return the model and the recipe that `fit` left in a folder.

    Keras's safe mode stays on: a model file cannot run code of its own.

    Raises:
        TrainingError: the folder has no model, or one that does not fit its recipe.
    """
    import tcn  # noqa: F401  (registers its layer)

    import asl_lib.models.layers  # noqa: F401  (registers the course's)

    remedy = "Train a model with notebook 05 first, or name the folder of another."
    model, recipe = load_network(folder, FeatureRecipe.load, remedy=remedy)
    if tuple(model.input_shape[1:]) != (recipe.frames, recipe.num_features):
        raise TrainingError(
            f"{Path(folder) / 'model.keras'} takes {tuple(model.input_shape[1:])}, but its recipe gives "
            f"({recipe.frames}, {recipe.num_features}). Model and recipe must come from the same training."
        )
    return model, recipe


def _batches(
    points: np.ndarray,
    labels: np.ndarray,
    chosen: np.ndarray,
    recipe: FeatureRecipe,
    augmentation: Augmentation | None,
    encode: Callable[[np.ndarray], Any],
    *,
    batch_size: int,
    seed: int,
    mixup: float,
    balance: bool,
    epoch: int,
) -> Any:
    """Return a Keras data set that shuffles, varies and encodes the chosen clips anew in each epoch."""
    import keras

    counts = labels[chosen].sum(axis=0)
    by_class = len(chosen) / (np.count_nonzero(counts) * np.maximum(counts, 1))
    weight = by_class[labels.argmax(axis=1)].astype(np.float32)

    class Batches(keras.utils.PyDataset):
        def __init__(self) -> None:
            super().__init__()
            self.epoch = epoch
            self.order = np.random.default_rng((seed, epoch)).permutation(chosen)

        def __len__(self) -> int:
            return -(-len(chosen) // batch_size)

        def __getitem__(self, index: int) -> tuple[Any, ...]:
            rows = self.order[index * batch_size : (index + 1) * batch_size]
            # Keyed by epoch and batch: the order in which batches are asked for does not matter.
            rng = np.random.default_rng((seed, self.epoch, index))
            clips = points[rows] if augmentation is None else augmentation(points[rows], rng)
            X, targets = recipe.encode(clips), labels[rows]
            if mixup:
                X, targets = mixup_pairs(X, targets, rng, alpha=mixup)
            weighted = (weight[rows],) if balance else ()
            return (X, encode(targets), *weighted)

        def on_epoch_end(self) -> None:
            self.epoch += 1
            self.order = np.random.default_rng((seed, self.epoch)).permutation(chosen)

    return Batches()


def _targets(labels: np.ndarray, *, groups: np.ndarray | None) -> Any:
    """Return the (n, classes) targets as the network wants them: with those of the groups, if it names groups."""
    if groups is None:
        return labels
    member = np.eye(int(groups.max()) + 1, dtype=np.float32)[groups]  # (classes, groups)
    return {"group": labels @ member, "gloss": labels}
