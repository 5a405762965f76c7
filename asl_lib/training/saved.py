"""Trained models: their files and their predictions."""

from __future__ import annotations

import statistics
import time
import zipfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, overload

import numpy as np
import pandas as pd

from asl_lib._util.console import quiet_native_stderr
from asl_lib._util.files import LARGEST_RATIO, atomic_write, largest_unpacked
from asl_lib.features.recipe import AnyRecipe, FeatureRecipe, Recipe, load_recipe
from asl_lib.features.sets import ClipSet
from asl_lib.models.errors import TrainingError
from asl_lib.models.mobilenet import BACKBONE, predict_at_once
from asl_lib.models.point_model import PointModel
from asl_lib.models.registry import point_models

BATCH_BYTES = 2**27
"""Most bytes of the clips that are evaluated in one batch."""
NETWORK = "model.keras"
NETWORK_FILES = ("metadata.json", "config.json", "model.weights.h5")
"""What Keras writes into the `.keras` archive of a network of layers."""


def save_model(model: Any, recipe: Recipe, history: pd.DataFrame, folder: str | Path) -> None:
    """Write `model.keras` and `history.csv`, or a `PointModel`'s file, and `recipe.json`, each whole or not at all."""
    folder = Path(folder)
    if isinstance(model, PointModel):
        model.save(folder / model.file)
    else:
        with atomic_write(folder / "history.csv") as tmp:
            history.to_csv(tmp, index=False, lineterminator="\n")
        with atomic_write(folder / NETWORK) as tmp:
            model.save(tmp)
    recipe.save(folder / "recipe.json")


@overload
def load_model(folder: str | Path) -> tuple[Any, Recipe]: ...
@overload
def load_model(folder: str | Path, kind: type[AnyRecipe]) -> tuple[Any, AnyRecipe]: ...
def load_model(folder: str | Path, kind: type[Any] = Recipe) -> tuple[Any, Any]:
    """Return the model that `fit` left in a folder, and its recipe.

    Keras's safe mode stays on: a model file cannot run code of its own.

    Args:
        folder: the folder.
        kind: the class of recipe that the model must have, such as `FeatureRecipe`; `Recipe` for any.

    Raises:
        TrainingError: the folder has no model, a damaged one, or one that does not fit its recipe.
        RecipeError: the recipe cannot be read, or is of another kind.
    """
    path = Path(folder) / NETWORK
    found = [model for model in point_models() if path.with_name(model.file).is_file()]
    remedy = "Train the model first (notebooks 05 to 10), or name another folder."
    if not path.is_file() and not found:
        raise TrainingError(f"There is no {path}. {remedy}")
    recipe = load_recipe(path.with_name("recipe.json"), kind)
    if not path.is_file():
        path = path.with_name(found[0].file)
        if not isinstance(recipe, FeatureRecipe):
            raise TrainingError(f"{path} needs a recipe for landmarks; the folder has one for {recipe.input}.")
        model: Any = found[0].load(path, recipe)
        if recipe.glosses and len(recipe.glosses) != model.classes:
            raise TrainingError(f"{path} has {model.classes} classes, but its recipe {len(recipe.glosses)} glosses.")
        return model, recipe

    try:
        model = _load_network(path)
        outputs = glosses_of(model.compute_output_shape(model.input_shape))[-1]
    except Exception as error:
        # For a damaged file Keras, h5py and TensorFlow raise undocumented classes.
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise TrainingError(f"{path} cannot be loaded as a Keras model: {reason} {remedy}") from error
    takes, wanted = (*model.input_shape[1:], outputs), (*recipe.shape, len(recipe.glosses) or outputs)
    if takes != wanted:
        raise TrainingError(
            f"{path} takes {takes}, but its recipe gives {wanted}: the shape of a {recipe.noun} and the number of "
            "classes. Model and recipe must come from the same training."
        )
    return model, recipe


def _load_network(path: Path) -> Any:
    """Return the Keras network in a file, read as if a stranger had written it, in Keras's safe mode.

    Raises:
        ValueError: the file holds more than a network. A damaged one raises whatever Keras, h5py and TensorFlow raise
            at that place.
    """
    _check_archive(path)
    with quiet_native_stderr():
        import keras

        with suppress(ModuleNotFoundError):  # keras-tcn needs TensorFlow, which a training with JAX can do without
            import tcn  # noqa: F401  (registers its layer)

        import asl_lib.models.layers  # noqa: F401  (registers the course's)

        return keras.saving.load_model(path, safe_mode=True, compile=False)


def _check_archive(path: Path) -> None:
    """Raise ValueError where a `.keras` file holds more than Keras writes for a network of layers.

    Keras would unpack everything else, such as vocabularies, into a temporary folder, zip bombs included.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(f"it is not a whole .keras file ({error}).") from error
    if others := [entry.filename for entry in entries if entry.filename not in NETWORK_FILES]:
        raise ValueError(f"it holds '{others[0][:100]}', which no network of the course has.")
    if sum(entry.file_size for entry in entries) > largest_unpacked(path):
        raise ValueError(f"it unpacks to more than {LARGEST_RATIO} times its size.")


def glosses_of(outputs: Any) -> Any:
    """Return the outputs for the glosses of a network that may also have outputs for their groups."""
    return outputs["gloss"] if isinstance(outputs, dict) else outputs


def predict(model: Any, clips: ClipSet[Any], rows: np.ndarray | None = None) -> np.ndarray:
    """Return (len(rows), classes) probabilities of the glosses: the mean over the recipe's `views` of each clip.

    Args:
        model: a network or a `PointModel`, for clips that `clips.recipe` encodes.
        clips: the clips.
        rows: which of them; None for all.
    """
    rows = np.arange(len(clips)) if rows is None else np.asarray(rows, int)
    recipe = clips.recipe
    if isinstance(model, PointModel):
        return model.predict(clips.values[rows])
    if not len(rows):
        return np.empty((0, len(recipe.glosses)), np.float32)
    step, parts = clips_at_a_time(clips), []
    options = {"batch_size": step if isinstance(recipe, FeatureRecipe) else None, "verbose": 0}
    for start in range(0, len(rows), step):
        values = clips.values[rows[start : start + step]]
        parts.append(mean_over_views(lambda X: glosses_of(model.predict(X, **options)), recipe, values))
    return np.concatenate(parts)


def mean_over_views(network: Callable[[np.ndarray], Any], recipe: Recipe, values: np.ndarray) -> np.ndarray:
    """Return (n, classes): the mean of a network's outputs over the views of n clips of a `ClipSet`."""
    views = [recipe.encode(view) for view in recipe.views(values)]
    outputs = np.asarray(network(np.concatenate(views)))
    return np.asarray(np.mean(np.split(outputs, len(views)), axis=0))


def compile_predictor(model: Any, recipe: Recipe) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from one clip, before `recipe.encode`, to its (classes,) probabilities, as fast as possible.

    They are those of `predict`, which starts a loop over batches for every call; this is one compiled program for one
    clip. The first call, which compiles, is made here. XLA makes an LSTM on landmarks faster, but I3D on a processor
    slower, so networks for pictures are compiled without it.

    Args:
        model: a network or a `PointModel`.
        recipe: its recipe; the clip has `recipe.values_shape`: what `FeatureRecipe.points`,
            `PhotographRecipe.transform` and `VideoRecipe.transform` return.
    """
    if isinstance(model, PointModel):
        return lambda clip: model.predict(clip[None])[0]

    import tensorflow as tf

    landmarks = isinstance(recipe, FeatureRecipe)
    of_frames = any(layer.name == BACKBONE for layer in model.layers)
    call = partial(predict_at_once, model) if of_frames else partial(model, training=False)
    blank = np.zeros(recipe.values_shape, np.float32)
    form = tf.TensorSpec((len(recipe.views(blank[None])), *recipe.shape))
    with quiet_native_stderr():
        # Of functions without a given form, TensorFlow warns that they are traced too often where a program has some.
        program = tf.function(lambda X: glosses_of(call(X)), jit_compile=landmarks).get_concrete_function(form)

        def probabilities(clip: np.ndarray) -> np.ndarray:
            return mean_over_views(lambda X: program(tf.constant(X)), recipe, clip[None])[0]

        probabilities(blank)
    return probabilities


def measure_latencies(run_dir: str | Path, models: Iterable[str], *, repeat: int = 15) -> dict[str, float]:
    """Return the median time in ms that each model of a run takes for one clip on this machine, as it does live.

    The tracker, or decoding and optical flow, come on top. Results without a saved model, as of an ensemble, are left
    out.

    Args:
        run_dir: the run's folder.
        models: names of models.
        repeat: number of timed calls.

    Raises:
        TrainingError, RecipeError: as `load_model`.
    """
    latencies, files = {}, [NETWORK, *(model.file for model in point_models())]
    for name in models:
        saved = sorted(path for file in files for path in (Path(run_dir) / name).glob(f"*/{file}"))
        if not saved:
            continue
        model, recipe = load_model(saved[0].parent)
        probabilities = compile_predictor(model, recipe)
        clip, times = np.zeros(recipe.values_shape, np.float32), []
        for _ in range(repeat):
            started = time.perf_counter()
            probabilities(clip)
            times.append(1000 * (time.perf_counter() - started))
        latencies[name] = statistics.median(times)
    return latencies


def clips_at_a_time(clips: ClipSet[Any]) -> int:
    """Return how many clips fit into one batch for predictions."""
    encoded = clips.encode(np.arange(min(1, len(clips))))
    return max(1, min(256, BATCH_BYTES // max(1, 4 * int(np.prod(encoded.shape[1:])))))
