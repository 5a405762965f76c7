"""A trained network and its recipe as one LiteRT file (formerly TensorFlow Lite), for phones and browsers."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from asl_lib._util.console import quiet_native_stderr
from asl_lib._util.files import atomic_write, write_json
from asl_lib.features.recipe import FeatureRecipe, Recipe
from asl_lib.features.resampling import resample_in_time
from asl_lib.landmarks.landmarks import PARTS, Landmarks
from asl_lib.models.errors import TrainingError
from asl_lib.models.point_model import PointModel
from asl_lib.training.recipe_graph import landmark_features
from asl_lib.training.saved import glosses_of, mean_over_views

with quiet_native_stderr():  # TensorFlow's notes come before it reads any setting
    import tensorflow as tf

if TYPE_CHECKING:
    import keras

VERSION = 1
FILE = "recogniser.tflite"
FILES = (FILE, "recogniser.json", "golden.json")
SIGN_FILES = ("embedding.tflite", "vocabulary.npz", "golden_vocabulary.json", "vocabulary.json")
"""What `live.exported.export_signs` adds."""
MAX_FRAMES = 256
"""Frames that an exported recogniser takes: 10 s at 25 a second, 4 s at 60."""
MISSING = -1e9
"""Coordinates of a missing landmark, for runtimes without NaN."""
LARGEST_ERROR = 1e-4


def export_recogniser(
    model: keras.Model | PointModel, recipe: Recipe, folder: str | Path, *, settings: Mapping[str, Any]
) -> Path:
    """Write a network and its recipe as one LiteRT file of built-in operators, and what an application needs with it.

    - `recogniser.tflite`: for landmarks its inputs and outputs are those of `recogniser_inputs` and
      `recogniser_outputs`, and `found` (1,), which is 0 where the clip cannot be classified. For photographs and videos
      the input is `pixels` (1, *recipe.shape) from 0 to 255, and the output `probabilities` (1, classes). All are
      float32, and have these names.
    - `recogniser.json`: glosses, parts, the shapes of inputs and outputs, recipe and settings.
    - `golden.json`, for landmarks: a made-up clip with the features and probabilities that the recipe and Keras give,
      to check another runtime or a port.

    Args:
        model: a network of the course; of one that also names groups, the glosses are exported.
        recipe: its recipe, with the glosses.
        folder: the folder to write to.
        settings: settings of the live recogniser, for `recogniser.json`.

    Returns:
        The path of `recogniser.tflite`.

    Raises:
        TrainingError: the model is no Keras network, or its weights are not finite; its recipe names no glosses;
            LiteRT has no counterpart of a layer; the folder cannot be written to; or the file would give other
            probabilities than the network.
    """
    if isinstance(model, PointModel):
        raise TrainingError(
            f"'{model.name}' cannot be exported to LiteRT: it is no Keras network. Export one, such as attention_lstm."
        )
    if not recipe.glosses:
        raise TrainingError(
            f"The recipe of '{model.name}' must name the glosses; an earlier version wrote it without. Train it again."
        )
    folder = Path(folder)
    try:  # before the conversion, which takes its time
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise TrainingError(f"{folder} must be a folder to write to: {error.strerror}. Name another one.") from error
    about: dict[str, Any] = {"version": VERSION, "name": model.name, "input": recipe.input, "glosses": recipe.glosses}
    if isinstance(recipe, FeatureRecipe):
        clip = made_up_clip(recipe.tracked_parts)
        content = convert(model.name, _landmark_graph(model, recipe))
        given, expected = recogniser_inputs(clip, fps=clip.fps), recogniser_outputs(model, recipe, clip, fps=clip.fps)
        about |= {"parts": {part: PARTS[part] for part in recipe.tracked_parts}}
        about |= {"max_frames": MAX_FRAMES, "missing": MISSING}
    else:
        content = convert(model.name, _pixel_graph(model, recipe))
        given = {"pixels": np.random.default_rng(0).integers(0, 256, (1, *recipe.shape)).astype(np.float32)}
        expected = {"probabilities": glosses_of(model.predict(given["pixels"], verbose=0))}
    if not all(np.isfinite(numbers).all() for numbers in expected.values()):
        raise TrainingError(f"'{model.name}' names no sign: its weights are not finite numbers. Train it again.")
    answers = checked_answers(model.name, content, given, expected)
    about |= {"inputs": {name: array.shape for name, array in given.items()}}
    about |= {"outputs": {name: array.shape for name, array in answers.items()}}
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as name:
        part = Path(name)
        write_json(part / "recogniser.json", {**about, "recipe": asdict(recipe), "settings": dict(settings)})
        if isinstance(recipe, FeatureRecipe):
            write_golden(part / "golden.json", given, expected)
        (part / FILE).write_bytes(content)
        # The old network is removed first and the new one moved last: where it exists, its companion files do, too.
        for old in (*FILES, *SIGN_FILES):
            (folder / old).unlink(missing_ok=True)
        for file in sorted(part.iterdir(), key=lambda path: path.name == FILE):
            file.replace(folder / file.name)
    return folder / FILE


def pack(folder: str | Path) -> Path:
    """Write the files of an export as one zip beside their folder, and return its path."""
    folder = Path(folder)
    archive = folder.with_name(f"{folder.name}.zip")
    with atomic_write(archive) as tmp, zipfile.ZipFile(tmp, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in filter(Path.is_file, (folder / name for name in (*FILES, *SIGN_FILES))):
            packed.write(file, file.name)
    return archive


def recogniser_inputs(clip: Landmarks, *, fps: float) -> dict[str, np.ndarray]:
    """Return the inputs of a `recogniser.tflite` for a clip that has the parts of its recipe and no others.

    Args:
        clip: the landmarks, at any times.
        fps: rate to which the file brings the frames, as `resample_in_time` does; lower where that would be more than
            `MAX_FRAMES` frames.

    Returns:
        float32 `landmarks` (1, T, L, 4): x, y, z and confidence, missing where x is NaN or below -1e6; `times` (1, T):
        seconds; `count` (1,): how many of the T frames are used; `aspect` (1,): height / width; `fps` (1,).

    Raises:
        TrainingError: the clip has more than `MAX_FRAMES` frames.
    """
    n = len(clip.points)
    if n > MAX_FRAMES:
        raise TrainingError(f"An exported recogniser takes at most {MAX_FRAMES} frames; got {n}. Cut the clip.")
    landmarks = np.full((1, MAX_FRAMES, clip.points.shape[1], 4), MISSING, np.float32)
    landmarks[0, :n] = np.where(np.isnan(clip.points[..., :1]), MISSING, _values(clip))
    times = np.zeros((1, MAX_FRAMES), np.float32)
    times[0, :n] = clip.times - clip.times[0]
    scalars = {"count": n, "aspect": clip.height / clip.width, "fps": fps}
    return {"landmarks": landmarks, "times": times, **{name: np.array([v], np.float32) for name, v in scalars.items()}}


def recogniser_outputs(
    model: keras.Model, recipe: FeatureRecipe, clip: Landmarks, *, fps: float
) -> dict[str, np.ndarray]:
    """Return what a `recogniser.tflite` must give for a clip: the numbers of the recipe and of Keras.

    Args:
        model, recipe: a network and its recipe.
        clip, fps: as for `recogniser_inputs`.

    Returns:
        `features` (views, frames, num_features), of each of the recipe's `views`, and `probabilities` (1, classes).

    Raises:
        RecipeError: as `recipe.points`; `found` is 0 then.
    """
    points = recipe.points(at_rate(clip, fps))
    answers = mean_over_views(lambda X: glosses_of(model.predict(X, verbose=0)), recipe, points[None])
    return {"features": np.stack([recipe.encode(view) for view in recipe.views(points)]), "probabilities": answers}


def at_rate(clip: Landmarks, fps: float) -> Landmarks:
    """Return a clip as an exported file, which takes at most `MAX_FRAMES`, brings it to a constant rate."""
    values = resample_in_time(_values(clip), clip.times, fps=fps)
    return Landmarks(values[..., :3], values[..., 3], clip.parts, fps, clip.width, clip.height)


def _values(clip: Landmarks) -> np.ndarray:
    """Return (T, L, 4) as a tracker gives them."""
    return np.concatenate([clip.points, clip.confidence[..., None]], axis=-1)


def fix(program: Callable[[Any], Any], recipe: Recipe, *, views: int) -> Callable[[Any], list[Any]]:
    """Return a function of TensorFlow from (views, *recipe.shape) to a list of tensors, with constants as weights.

    A fixed number of clips at a time: otherwise an LSTM's loop has no counterpart in LiteRT. Variables would have to be
    initialised on the phone.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    concrete = tf.function(program).get_concrete_function(tf.TensorSpec((views, *recipe.shape)))
    return convert_variables_to_constants_v2(concrete)


def _network(model: keras.Model, recipe: Recipe, *, views: int) -> Callable[[Any], Any]:
    """Return a function from (views, *recipe.shape) to the mean (1, classes) of the probabilities of the glosses."""
    fixed = fix(lambda X: glosses_of(model(X, training=False)), recipe, views=views)
    return lambda X: tf.reduce_mean(fixed(X)[0], axis=0, keepdims=True)


def _landmark_graph(model: keras.Model, recipe: FeatureRecipe) -> Any:
    network = _network(model, recipe, views=recipe.num_views)

    def graph(*clip: Any) -> dict[str, Any]:
        features, found = landmark_features(recipe, *clip)
        features = tf.ensure_shape(features, (recipe.num_views, *recipe.shape))
        return {"probabilities": network(features), "features": features, "found": tf.cast(found, tf.float32)[None]}

    return of_one_clip(graph, recipe)


def of_one_clip(graph: Callable[..., dict[str, Any]], recipe: FeatureRecipe) -> Any:
    """Return a function of TensorFlow with the inputs of `recogniser_inputs`.

    Args:
        graph: a function of the arguments of `landmark_views` but for the recipe.
        recipe: the recipe.
    """

    def program(landmarks: Any, times: Any, count: Any, aspect: Any, fps: Any) -> dict[str, Any]:
        return graph(landmarks[0], times[0], tf.cast(count[0], tf.int32), aspect[0], fps[0])

    size = sum(PARTS[part] for part in recipe.tracked_parts)
    shapes = {
        "landmarks": (1, MAX_FRAMES, size, 4),
        "times": (1, MAX_FRAMES),
        "count": (1,),
        "aspect": (1,),
        "fps": (1,),
    }
    return tf.function(program, input_signature=[tf.TensorSpec(shape, name=name) for name, shape in shapes.items()])


def _pixel_graph(model: keras.Model, recipe: Recipe) -> Any:
    network = _network(model, recipe, views=1)
    signature = [tf.TensorSpec((1, *recipe.shape), name="pixels")]
    return tf.function(lambda pixels: {"probabilities": network(pixels)}, input_signature=signature)


def convert(name: str, graph: Any) -> bytes:
    """Return a function as the content of a LiteRT file that needs built-in operators only.

    Args:
        name: of the network, for messages.
        graph: a `tf.function` with an input signature.

    Raises:
        TrainingError: LiteRT has no counterpart of a layer.
    """
    try:
        with quiet_native_stderr(), tempfile.TemporaryDirectory() as folder:
            # Through a SavedModel, which keeps the names of inputs and outputs; gradients are not needed any more.
            options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
            tf.saved_model.save(tf.Module(), folder, signatures=graph.get_concrete_function(), options=options)
            return bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())
    except Exception as error:
        # The converter raises its own, undocumented classes.
        reason = " ".join(str(error).split())[:200]
        raise TrainingError(
            f"'{name}' cannot be exported to LiteRT, which has no operator for one of its layers: {reason}"
        ) from error


def checked_answers(
    name: str, content: bytes, given: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the answers of a LiteRT file.

    Raises:
        TrainingError: they are not what is expected.
    """
    with quiet_native_stderr():
        answers: dict[str, np.ndarray] = Interpreter(model_content=content).get_signature_runner()(**given)
    apart = max(
        float((np.abs(answers[key] - numbers) / np.maximum(1, np.abs(numbers))).max())
        for key, numbers in expected.items()
    )
    if not apart <= LARGEST_ERROR:
        raise TrainingError(
            f"'{name}' as a LiteRT file gives other numbers than the network, by up to {apart:.2g}. "
            "Update tensorflow and ai-edge-litert."
        )
    return answers


def made_up_clip(parts: tuple[str, ...]) -> Landmarks:
    """Return a clip that is no sign: a body whose hands move, with gaps, at uneven times."""
    rng, n = np.random.default_rng(0), 40
    times = np.round(np.cumsum(rng.uniform(0.025, 0.055, n)), 3)
    size = sum(PARTS[part] for part in parts)
    sway = 0.1 * np.sin(np.arange(n)[:, None, None] / rng.uniform(3, 9, (1, size, 1)))
    points = np.round(rng.uniform(0.3, 0.7, (1, size, 3)) + sway, 4).astype(np.float32)
    start = 0
    for part in parts:
        if part == "pose":
            points[:, 11:13, :2] = (0.65, 0.4), (0.35, 0.4)  # the shoulders
        gap = slice(0, 15) if part == "left_hand" else slice(20, 23)
        points[gap, start : start + PARTS[part]] = np.nan
        start += PARTS[part]
    seen = ~np.isnan(points[..., 0])
    return Landmarks(points, seen.astype(np.float32), parts, 25.0, 640, 480, times - times[0])


def write_golden(path: Path, given: Mapping[str, np.ndarray], expected: Mapping[str, np.ndarray], **about: Any) -> None:
    """Write inputs and outputs as JSON: the used frames only, and null for a missing landmark."""
    n = int(given["count"][0])
    frames = [
        [None if point[0] == np.float32(MISSING) else _short(point) for point in frame]
        for frame in given["landmarks"][0, :n]
    ]
    inputs = {name: _short(numbers) for name, numbers in given.items() if name != "landmarks"}
    inputs |= {"landmarks": [frames], "times": [_short(given["times"][0, :n])]}
    values = {"inputs": inputs, **{name: _short(numbers) for name, numbers in expected.items()}, **about}
    path.write_text(json.dumps(values), encoding="utf-8")


def _short(numbers: np.ndarray) -> Any:
    """Return a float32 array as lists of the shortest numbers that mean the same."""
    return np.vectorize(lambda number: float(str(number)), otypes=[float])(numbers).tolist()
