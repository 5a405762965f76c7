"""Trained networks for the live demo: find them, and load one with all that it needs."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asl_lib._util.files import read_npz
from asl_lib.features.recipe import FeatureRecipe
from asl_lib.landmarks.landmarks import Landmarks
from asl_lib.live.errors import LiveError

if TYPE_CHECKING:
    from asl_lib.course.params import Params


class Classifier:
    """A trained network with its recipe and its glosses, compiled for one clip at a time; all sessions can share it.

    Args:
        model: a network from (N, frames, features) to probabilities.
        recipe: the recipe that it was trained with.
        glosses: the names of its classes.

    Raises:
        LiveError: the network names another number of classes.
    """

    def __init__(self, model: Any, recipe: FeatureRecipe, glosses: tuple[str, ...]) -> None:
        from asl_lib.training.fit import compile_predictor

        self.recipe, self.glosses = recipe, glosses
        self._probabilities = compile_predictor(model)
        named = len(self._probabilities(np.zeros(model.input_shape[1:], np.float32)))
        if named != len(glosses):
            raise LiveError(f"The network must name {len(glosses)} glosses; it names {named}. Train it again.")

    @classmethod
    def load(cls, folder: str | Path) -> Classifier:
        """Load what notebooks 05, 06, 07 or 09 left in a folder.

        Raises:
            LiveError: there are no glosses beside the network.
            TrainingError: there is no network, or one that does not fit its recipe.
        """
        from asl_lib.training.fit import load_model

        model, recipe = load_model(folder)
        path = Path(folder) / "probabilities.npz"
        try:
            glosses = tuple(str(gloss) for gloss in read_npz(path, ["glosses"])["glosses"].ravel())
        except (OSError, ValueError) as error:
            raise LiveError(
                f"{path} must tell the glosses of the network beside it ({error!r}). Run the notebook that trained it "
                "again."
            ) from error
        return cls(model, recipe, glosses)

    def __call__(self, landmarks: Landmarks) -> np.ndarray:
        """Return (classes,) probabilities of one clip.

        Raises:
            RecipeError: the clip does not show what the recipe needs.
        """
        return self._probabilities(self.recipe.transform(landmarks))


def find_models(folder: str | Path | None = None) -> dict[str, Path]:
    """Return the trained networks for landmarks under `outputs/`, by a name to show, the newest run first.

    Args:
        folder: where to look instead.
    """
    from asl_lib._util.paths import project_folder

    outputs = Path(folder) if folder else project_folder() / "outputs"
    found = [
        path.parent
        for path in outputs.glob("*/*/*/model.keras")
        if path.with_name("probabilities.npz").is_file() and '"input"' not in _text(path.with_name("recipe.json"))
    ]
    found.sort(key=partial(_age, outputs))
    return {" · ".join(model.relative_to(outputs).parts): model for model in found}


def model_of(params: Params) -> Path:
    """Return the folder of a run's `live_model`, or of another network of the run where that was not trained.

    Raises:
        LiveError: the run has no network for landmarks with these test signers.
    """
    folders = [params.model_dir(params.live_model), *find_models(params.run_dir.parent).values()]
    for folder in folders:
        named = folder == params.model_dir(folder.parent.name)
        if named and all((folder / name).is_file() for name in ("model.keras", "probabilities.npz")):
            return folder
    raise LiveError(
        f"There is no trained network in {params.run_dir} for {params.held_out}. Run notebook 05 with the same "
        "parameters first."
    )


def _age(outputs: Path, folder: Path) -> tuple[float, bool, str]:
    """Sort key: newest run first, and in a run the course's own networks first."""
    run = outputs / folder.relative_to(outputs).parts[0]
    newest = max(path.stat().st_mtime for path in run.glob("*/*/model.keras"))
    return -newest, not folder.parent.name.startswith("attention_"), folder.as_posix()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return '"input"'  # a network without its recipe is of no use
