"""What `asl export` and the live page write: a model as one file, and beside it how to refuse and to learn signs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from asl_lib._util.files import write_json
from asl_lib.features.recipe import FeatureRecipe, Recipe, RecipeError
from asl_lib.landmarks.landmarks import Landmarks
from asl_lib.live.errors import LiveError
from asl_lib.live.letters import LETTER_SETTINGS
from asl_lib.live.networks import known_signs
from asl_lib.live.recogniser import LiveSettings
from asl_lib.live.vocabulary import NAMED_BACKGROUND, REFUSED_OWN, TEMPERATURE, OpenClassifier, Vocabulary
from asl_lib.models.embedding import SignEmbedding
from asl_lib.models.errors import TrainingError
from asl_lib.training.embedding_graph import convert_embedding
from asl_lib.training.export import SIGN_FILES, VERSION, at_rate, export_recogniser, recogniser_inputs, write_golden
from asl_lib.training.pretrain import load_embedding
from asl_lib.training.saved import load_model

LEARNED = "the golden clip"
"""Name under which the golden clip is learned, to be named."""


def export_model(
    source: str | Path,
    folder: str | Path,
    *,
    embedding: SignEmbedding | None = None,
    check: Callable[[Recipe], None] = lambda _: None,
    log: Callable[[str], None] = print,
) -> Path:
    """Write a trained model as one file, see `export_recogniser`, and, for landmarks, how it refuses and learns.

    Args:
        source: the model's folder.
        folder: the folder to write to.
        embedding: what refuses and learns; None for that of `asl pretrain`. Without one the file names every movement.
        check: called with the model's recipe; raises an error where it cannot be used.
        log: called with a sentence about what the file lacks.

    Returns:
        The path of `recogniser.tflite`.

    Raises:
        TrainingError, RecipeError: the model cannot be loaded or exported.
    """
    model, recipe = load_model(source)
    check(recipe)
    settings = LETTER_SETTINGS if recipe.input == "photographs" else LiveSettings()
    path = export_recogniser(model, recipe, folder, settings=asdict(settings))
    if isinstance(recipe, FeatureRecipe):
        try:
            embedding = embedding or load_embedding()
            known = known_signs(source, embedding)
            export_signs(folder, recipe, embedding, known)
            if known is None:
                log(
                    "It learns signs, but names every movement: the clips that it was trained on are not there, or "
                    "were prepared in another way than the embedding needs."
                )
        except (LiveError, TrainingError, RecipeError) as error:
            log(f"It names every movement, and cannot be taught: {error}")
    return path


def export_signs(
    folder: str | Path, recipe: FeatureRecipe | None, embedding: SignEmbedding, known: Vocabulary | None
) -> None:
    """Write what an exported model needs to refuse movements and to learn signs as `OpenClassifier` does.

    - `embedding.tflite`: from landmarks to a vector, see `convert_embedding`.
    - `vocabulary.npz`: the signs that the model knows, as `Vocabulary.save` writes them, and `background`, the
      embedding's.
    - `vocabulary.json`: the file's inputs and outputs, constants, and the thresholds of the signs; `refuses` is false
      where the clips of the model's training are not known. Without a model also the settings of a recogniser, and no
      `glosses`.
    - `golden_vocabulary.json`: a made-up clip with its vector, how similar it is to each sign, the probabilities with
      a model that is sure of its first sign, and those after the clip was learned as a sign.

    Args:
        folder: of the exported model.
        recipe: the model's recipe, with its glosses; None to know only signs that are taught.
        embedding: a `SignEmbedding`.
        known: the vocabulary of the clips that the model was trained on, None where it is not known.

    Raises:
        LiveError: the model does not track all that the embedding needs.
        TrainingError: the embedding cannot be exported.
    """
    folder, signs = Path(folder), Vocabulary(embedding) if known is None else known
    model = None if recipe is None else _Sure(recipe, np.eye(len(recipe.glosses))[0])
    classifier = OpenClassifier(Vocabulary(embedding), model=model, known=known)
    content, about, clip = _converted(embedding)
    about = {"version": VERSION, **about, "thresholds": signs.thresholds}
    about |= {"refuses": known is not None or model is None}
    if model is None:
        about |= {"input": "landmarks", "glosses": (), "settings": asdict(LiveSettings())}
    about |= {"named_background": NAMED_BACKGROUND, "refused_own": REFUSED_OWN, "temperature": TEMPERATURE}
    even = at_rate(clip, clip.fps)
    points = embedding.recipe.points(even)
    expected = {"vector": embedding.embed(points[None]), "probabilities": classifier(even)}
    [similarities] = signs.similarities(points)
    classifier.teach(LEARNED, even)
    expected["learned"] = classifier(even)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as name:
        part = Path(name)
        (part / "embedding.tflite").write_bytes(content)
        signs.save(part / "vocabulary.npz", background=embedding.background)
        write_golden(
            part / "golden_vocabulary.json",
            recogniser_inputs(clip, fps=clip.fps),
            expected,
            glosses=classifier.glosses,
            similarities=dict(zip(signs.glosses, similarities.tolist(), strict=True)),
        )
        write_json(part / "vocabulary.json", about)
        for file in SIGN_FILES:
            (part / file).replace(folder / file)


@lru_cache(maxsize=1)  # the models of a page share it, and it takes its time
def _converted(embedding: SignEmbedding) -> tuple[bytes, dict[str, Any], Landmarks]:
    return convert_embedding(embedding)


class _Sure(SimpleNamespace):
    """A model that always gives the same probabilities."""

    def __init__(self, recipe: FeatureRecipe, probabilities: np.ndarray) -> None:
        super().__init__(recipe=recipe, glosses=recipe.glosses, probabilities=probabilities)

    def __call__(self, _: Landmarks) -> np.ndarray:
        return self.probabilities
