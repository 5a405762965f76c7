"""Trained models for live recognition: find them, load them, and make a recogniser of each."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from asl_lib._util.files import read_npz
from asl_lib._util.paths import project_folder, relative
from asl_lib.data.names import clean_name
from asl_lib.features.photographs import fit_square
from asl_lib.features.recipe import FeatureRecipe, PhotographRecipe, Recipe, RecipeError, VideoRecipe, load_recipe
from asl_lib.features.sets import ClipSet
from asl_lib.live.clip_capture import ClipCapture
from asl_lib.live.errors import LiveError
from asl_lib.live.letters import LetterRecogniser
from asl_lib.live.recogniser import FrameRecogniser, LiveSettings, SignRecogniser
from asl_lib.live.vocabulary import VOCABULARY_FILE, OpenClassifier, Vocabulary
from asl_lib.models.embedding import SignEmbedding
from asl_lib.training.saved import compile_predictor, load_model

NO_MODELS = "There is no trained network under outputs/. Run make demo, or notebooks 01 to 05, or name a folder of one."


class Classifier:
    """A trained model with its recipe and glosses, compiled for one clip at a time.

    Args:
        model: a network or a `PointModel`.
        recipe: the recipe that it was trained with.
        glosses: the names of its classes.

    Raises:
        LiveError: the model has another number of classes.
    """

    def __init__(self, model: Any, recipe: Any, glosses: tuple[str, ...]) -> None:
        # The names come from a file: on a terminal, control characters in them would be commands.
        self.recipe, self.glosses = recipe, tuple(map(clean_name, glosses))
        self._probabilities = compile_predictor(model, recipe)
        classes = len(self._probabilities(np.zeros(recipe.values_shape, np.float32)))
        if classes != len(glosses):
            raise LiveError(f"The model must have {len(glosses)} classes; it has {classes}. Train it again.")

    @classmethod
    def load(cls, folder: str | Path, kind: type[Recipe] = Recipe) -> Classifier:
        """Load the model that a notebook saved in a folder, whose recipe must be of a kind.

        Raises:
            LiveError: there are no glosses beside the model.
            TrainingError, RecipeError: as `load_model`.
        """
        model, recipe = load_model(folder, kind)
        return cls(model, recipe, recipe.glosses or _tested_glosses(Path(folder)))

    def __call__(self, clip: Any) -> np.ndarray:
        """Return (classes,) probabilities of one clip.

        Args:
            clip: `Landmarks` for a `FeatureRecipe`; a (H, W, 3) uint8 RGB photograph for a `PhotographRecipe`; a list
                of all frames, as `VideoRecipe.square` returns them, for a `VideoRecipe`.

        Raises:
            RecipeError: the clip does not show what the recipe needs.
        """
        if isinstance(self.recipe, PhotographRecipe):
            return self._probabilities(fit_square(clip, size=self.recipe.size))
        if isinstance(self.recipe, VideoRecipe):
            return self._probabilities(self.recipe.transform_squares(clip))
        return self._probabilities(self.recipe.points(clip))


def open_recogniser(
    folder: str | Path | None,
    *,
    taught: Vocabulary | None = None,
    settings: LiveSettings | None = None,
    left_handed: bool = False,
) -> FrameRecogniser:
    """Return a recogniser with the model in a folder; its recipe tells which kind.

    Args:
        folder: folder of a trained model; None for one that knows only the signs that were taught.
        taught: signs that were taught besides, or may be. With it, a model for landmarks also refuses what is none of
            its signs, see `known_signs`.
        settings: how to decide; None for the defaults of its kind.
        left_handed: put the box for letters on the left hand's side.

    Raises:
        LiveError, TrainingError: the model cannot be used; or there is neither a model nor a sign that was taught.
    """
    if folder is None and not taught:
        raise LiveError("There is no model, and no sign that was taught. Name a model's folder, or: asl teach HELLO.")
    classifier: Any = None if folder is None else Classifier.load(folder)
    if taught is not None and (folder is None or isinstance(classifier.recipe, FeatureRecipe)):
        known = None if folder is None else known_signs(folder, taught.embedding)
        classifier = OpenClassifier(taught, model=classifier, known=known)
    if isinstance(classifier.recipe, PhotographRecipe):
        return LetterRecogniser(classifier, settings=settings, left_handed=left_handed)
    kind = ClipCapture if isinstance(classifier.recipe, VideoRecipe) else SignRecogniser
    return kind(classifier, settings=settings)


def known_signs(folder: str | Path, embedding: SignEmbedding) -> Vocabulary | None:
    """Return the vocabulary of the clips that a model was trained on, None where they are not there any more.

    It is made once after each training, from the run's features without the clips that the model was tested on, and
    kept beside the model.

    Args:
        folder: the model's folder, `outputs/<run>/<model>/<split>`.
        embedding: a `SignEmbedding`.
    """
    folder, path = Path(folder), Path(folder) / VOCABULARY_FILE
    try:
        if path.stat().st_mtime_ns >= (folder / "recipe.json").stat().st_mtime_ns:
            return Vocabulary.load(path, embedding)
    except (OSError, LiveError):  # there is none yet, or of an earlier embedding
        pass
    try:
        clips = ClipSet.load(folder.parent.parent)
        tested = read_npz(folder / "probabilities.npz", ["clip_id"])["clip_id"]
        known = Vocabulary.of_clips(embedding, clips, np.flatnonzero(~np.isin(clips.clip_id, tested)))
    except (OSError, ValueError):
        return None
    if not len(known):
        return None
    with suppress(OSError):  # a shared folder may be read-only
        known.save(path)
    return known


def find_models(folder: str | Path | None = None, *, letters: bool = False) -> dict[str, Path]:
    """Return the trained models under `outputs/`, by a name to show, the newest training first.

    Args:
        folder: where to look instead.
        letters: the models for photographs of letters; otherwise those for landmarks.
    """
    outputs = Path(folder) if folder else project_folder() / "outputs"
    found = []
    # A training writes the recipe last.
    for path in outputs.glob("*/letters/letter_cnn/*/recipe.json" if letters else "*/*/*/recipe.json"):
        model, recipe = path.parent, _recipe(path.parent)
        if recipe is None or recipe.input != ("photographs" if letters else "landmarks"):
            continue
        if (recipe.glosses or (model / "probabilities.npz").is_file()) and any(model.glob("model.*")):
            found.append((-path.stat().st_mtime, model))
    return {
        " · ".join(part for part in model.relative_to(outputs).parts if part != "letters"): model
        for _, model in sorted(found)
    }


def choose_model(*, letters: bool = False) -> tuple[Path, str]:
    """Return the folder of the network to use where none is named, and a sentence that says why.

    Raises:
        LiveError: there is none.
    """
    models = list(find_models(letters=letters).values())
    if not models:
        raise LiveError("There is no letter_cnn under outputs/. Run notebook 08." if letters else NO_MODELS)
    among = f", the newest of {len(models)} under outputs/ (--model chooses another)" if len(models) > 1 else ""
    return models[0], f"network: {relative(models[0])}{among}"


def model_of_run(run_dir: str | Path, held_out: str, *, prefer: str) -> Path:
    """Return the folder of a run's network for landmarks: the preferred one, or the newest where that is not trained.

    Args:
        run_dir: folder of the run.
        held_out: name of the folder that tells what the network was not trained on, such as "held_out_ben".
        prefer: name of the preferred network.

    Raises:
        LiveError: the run has no such network.
    """
    run_dir = Path(run_dir)
    found = [path for path in find_models(run_dir.parent).values() if path.parts[-3::2] == (run_dir.name, held_out)]
    found.sort(key=lambda path: path.parent.name != prefer)
    if not found:
        raise LiveError(
            f"There is no trained network in {run_dir} for {held_out}. Run notebook 05 with the same parameters first."
        )
    return found[0]


def _recipe(folder: Path) -> Recipe | None:
    """Return the recipe in a folder, None where there is none."""
    try:
        return load_recipe(folder / "recipe.json")
    except RecipeError:
        return None


def _tested_glosses(folder: Path) -> tuple[str, ...]:
    """Return the glosses of a network whose recipe, of an earlier version, has none: those that it was tested on."""
    path = folder / "probabilities.npz"
    try:
        return tuple(str(gloss) for gloss in read_npz(path, ["glosses"])["glosses"].ravel())
    except (OSError, ValueError) as error:
        raise LiveError(
            f"{path} must contain the glosses of the network beside it ({error!r}). Run the notebook that trained it "
            "again."
        ) from error
