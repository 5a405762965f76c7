"""Signs learned from examples: which is nearest, how near it is, and what is none of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from asl_lib._util.files import atomic_write, read_npz
from asl_lib._util.paths import project_folder
from asl_lib.data.names import clean_name
from asl_lib.data.video import Frame
from asl_lib.features.recipe import FeatureRecipe, RecipeError
from asl_lib.features.resampling import resample
from asl_lib.features.sets import ENCODING, ClipSet
from asl_lib.landmarks.landmarks import Landmarks
from asl_lib.live.errors import LiveError
from asl_lib.live.recogniser import LiveSettings, SignRecogniser
from asl_lib.models.embedding import SignEmbedding
from asl_lib.models.errors import TrainingError
from asl_lib.training.pretrain import embedding_folder, load_embedding

NAMED_BACKGROUND = 0.05
"""Share of the embedding's background, clips of movements that are none of the signs, that a threshold accepts."""
REFUSED_OWN = 0.10
"""Share of the clips of known signs that a threshold refuses, where several signers show how much signers differ."""
TEMPERATURE = 0.05
"""Difference of similarities that makes a sign e times as probable."""
ARRAYS = ("vectors", "glosses", "signers")

VOCABULARY_FILE = "vocabulary.npz"
"""Name of a vocabulary's file: in `outputs/` that of taught signs, beside a model that of its training clips."""


class Vocabulary:
    """Signs, each known by one or more clips, as unit vectors in the space of a sign embedding.

    A clip is as similar to a sign as to the sign's nearest clip: their cosine. It is *accepted* as the sign where that
    reaches a threshold. How similar clips by one person are says little about another's, so the threshold of signs that
    one signer has shown is what 1 in 20 clips of the embedding's background reach: signs that nobody signs, and that
    were not trained on. Where several signers have shown a sign, the threshold is what 9 in 10 of all such clips reach
    with the other signers' clips of their own sign.

    Args:
        embedding: a `SignEmbedding`. Its vectors mean nothing to another one.
    """

    def __init__(self, embedding: SignEmbedding) -> None:
        self.embedding = embedding
        self._set(np.empty((0, embedding.size), np.float32), np.empty(0, str), np.empty(0, str))

    def __len__(self) -> int:
        return len(self.glosses)

    def __contains__(self, gloss: str) -> bool:
        return clean_name(gloss) in self.glosses

    @property
    def glosses(self) -> tuple[str, ...]:
        """The signs, in alphabetical order."""
        return self._names

    @property
    def thresholds(self) -> dict[str, float]:
        """Gloss -> least similarity of a clip that is accepted as this sign."""
        return dict(zip(self._names, self._thresholds.tolist(), strict=True))

    def count(self, gloss: str) -> int:
        """Return how many clips of a sign are known."""
        return int((self._glosses == clean_name(gloss)).sum())

    def add(self, gloss: str, points: np.ndarray, *, signer: str = "") -> None:
        """Learn a sign, or further clips of it.

        Args:
            gloss: its name.
            points: (frames, L, C) or (n, frames, L, C), as `embedding.recipe.points` returns them.
            signer: who signs; clips of several signers tell how much signers differ.

        Raises:
            LiveError: the name is empty.
        """
        gloss = clean_name(gloss)
        if not gloss:
            raise LiveError("A sign needs a name, its gloss; got an empty one.")
        vectors = self._embed(points)
        texts = (np.full(len(vectors), text) for text in (gloss, signer))
        self._set(*(np.concatenate(pair) for pair in zip(self._arrays, (vectors, *texts), strict=True)))

    def remove(self, gloss: str) -> None:
        """Forget a sign.

        Raises:
            LiveError: there is no such sign.
        """
        gloss = clean_name(gloss)
        if gloss not in self:
            raise LiveError(f"There is no sign '{gloss}' to forget. There are: {', '.join(self.glosses) or 'none'}.")
        others = self._glosses != gloss
        self._set(*(values[others] for values in self._arrays))

    def similarities(self, points: np.ndarray) -> np.ndarray:
        """Return (n, signs) cosines of (n, frames, L, C) points, or (1, signs) of one clip, in the order of glosses."""
        return self._nearest(self._embed(points))

    def rank(self, points: np.ndarray) -> list[list[tuple[str, float]]]:
        """Return for each clip all signs with their similarities, the nearest first."""
        ranked = []
        for row in self.similarities(points):
            best = np.argsort(-row, kind="stable")
            ranked.append([(self._names[index], float(row[index])) for index in best])
        return ranked

    def above(self, points: np.ndarray) -> np.ndarray:
        """Return (n, signs): how far the similarities of clips are above the thresholds of the signs."""
        return self.similarities(points) - self._thresholds

    def name(self, points: np.ndarray) -> str | list[str]:
        """Return the gloss of one clip, or a list for several; "" for a clip that is none of the signs."""
        best = [self._names[row.argmax()] if row.max(initial=-1.0) >= 0 else "" for row in self.above(points)]
        return best if np.ndim(points) == 4 else best[0]

    def joined(self, other: Vocabulary) -> Vocabulary:
        """Return a vocabulary with the clips of both."""
        both = Vocabulary(self.embedding)
        both._set(*(np.concatenate(pair) for pair in zip(self._arrays, other._arrays, strict=True)))
        return both

    def save(self, path: str | Path, **more: np.ndarray) -> None:
        """Write a small `.npz` of numbers and text, with more arrays where they are given."""
        arrays: dict[str, Any] = {**more, **dict(zip(ARRAYS, self._arrays, strict=True))}
        with atomic_write(path) as tmp, tmp.open("wb") as file:  # of a path NumPy would change the suffix
            np.savez_compressed(file, embedding=np.array(self.embedding.fingerprint), **arrays)

    @classmethod
    def load(cls, path: str | Path, embedding: SignEmbedding) -> Vocabulary:
        """Return the vocabulary that `save` wrote; errors as of `reload`."""
        vocabulary = cls(embedding)
        vocabulary.reload(path)
        return vocabulary

    def reload(self, path: str | Path) -> None:
        """Read what `save` wrote, in place of the signs so far.

        Raises:
            LiveError: it is missing, damaged, or was made with another embedding.
        """
        try:
            arrays = read_npz(path, [*ARRAYS, "embedding"])
        except (OSError, ValueError) as error:
            raise LiveError(f"{path} is not a vocabulary ({error}). Teach the signs again: asl teach.") from error
        vectors, *texts = (arrays[name] for name in ARRAYS)
        if str(arrays["embedding"]) != self.embedding.fingerprint:
            raise LiveError(
                f"{path} was made with another embedding: its numbers mean nothing to this one. Teach the signs again "
                "(asl teach), or bring the embedding back that they were taught with (asl pretrain)."
            )
        fits = (
            (vectors.dtype == np.float32 and vectors.ndim == 2 and vectors.shape[1] == self.embedding.size)
            and all(text.dtype.kind == "U" and text.shape == vectors.shape[:1] for text in texts)
            and np.allclose(np.linalg.norm(vectors.astype(float), axis=1), 1, atol=1e-3)
            and all(map(clean_name, texts[0]))
        )
        if not fits:
            raise LiveError(f"{path} is not a vocabulary: its arrays do not fit. Teach the signs again: asl teach.")
        # A file from elsewhere must not write control characters into a terminal.
        self._set(vectors, *(np.array([*map(clean_name, text)], str) for text in texts))

    @classmethod
    def of_clips(
        cls, embedding: SignEmbedding, clips: ClipSet[FeatureRecipe], rows: np.ndarray | None = None
    ) -> Vocabulary:
        """Return the vocabulary of labelled clips, such as those that a network was trained on.

        Args:
            embedding: a `SignEmbedding`.
            clips: clips whose points hold those of the embedding's recipe, see `points_for`.
            rows: which of them; None for all.

        Raises:
            RecipeError: the clips were prepared in another way than the embedding needs.
        """
        rows = np.arange(len(clips)) if rows is None else np.asarray(rows, int)
        points = points_for(clips.values[rows], clips.recipe, embedding.recipe)
        vocabulary = cls(embedding)
        if len(rows):
            vocabulary._set(vocabulary._embed(points), clips.glosses[clips.y[rows]], clips.signer[rows])
        return vocabulary

    def _embed(self, points: np.ndarray) -> np.ndarray:
        return self.embedding.embed(points if np.ndim(points) == 4 else points[None])

    def _nearest(self, vectors: np.ndarray) -> np.ndarray:
        """Return (n, signs): the cosine of n vectors and the nearest clip of each sign."""
        if not len(self):
            return np.empty((len(vectors), 0), np.float32)
        return np.asarray(np.maximum.reduceat(vectors @ self._vectors[self._order].T, self._starts, axis=1))

    @property
    def _arrays(self) -> tuple[np.ndarray, ...]:
        return self._vectors, self._glosses, self._signers

    def _set(self, vectors: np.ndarray, glosses: np.ndarray, signers: np.ndarray) -> None:
        """Take other clips, and measure the thresholds anew."""
        self._vectors, self._glosses, self._signers = vectors, glosses, signers
        self._names = tuple(sorted(set(glosses.tolist())))
        self._order = np.argsort(glosses, kind="stable")
        self._starts = np.unique(glosses[self._order], return_index=True)[1]
        shown_by = {gloss: set(signers[glosses == gloss].tolist()) for gloss in self._names}
        several = np.array([len(shown_by[gloss]) > 1 for gloss in self._names], bool)
        self._thresholds = np.zeros(len(self._names))
        if len(self._names):
            strangers = self._nearest(self.embedding.background).max(axis=1)
            self._thresholds[:] = np.quantile(strangers, 1 - NAMED_BACKGROUND)
        if several.any():
            similar = []
            for gloss in np.array(self._names)[several]:
                of_sign, by = vectors[glosses == gloss], signers[glosses == gloss]
                similar.append(np.where(by[:, None] != by, of_sign @ of_sign.T, -1.0).max(axis=1))
            self._thresholds[several] = np.quantile(np.concatenate(similar), REFUSED_OWN)


def shares_of(above: np.ndarray) -> np.ndarray:
    """Return (signs,): the probability of each sign, 0 for all of a clip that is none of them.

    They are a softmax over how far the similarity of each sign is above its threshold, and a further class, "none of
    them", at 0: those of an accepted clip sum to less than 1.
    """
    weights = np.exp(above / TEMPERATURE) if (above >= 0).any() else np.zeros_like(above)
    return np.asarray(weights / (1 + weights.sum()))


def vocabulary_path(path: str | Path = "") -> Path:
    """Return the path of the file of taught signs; that of the project where none is named."""
    return Path(path) if path else project_folder() / "outputs" / VOCABULARY_FILE


def open_vocabulary(path: str | Path) -> Vocabulary:
    """Return the vocabulary in a file with its embedding; an empty one with the newest where there is no such file.

    Raises:
        LiveError: it is damaged, or was made with an embedding that is not here.
        TrainingError: there is no embedding.
    """
    if not Path(path).is_file():
        return Vocabulary(load_embedding())
    return Vocabulary.load(path, _embedding_of(path))


def _embedding_of(path: str | Path) -> SignEmbedding:
    """Return the embedding that a vocabulary was made with; the newest where that one is not here."""
    newest = load_embedding()
    try:
        fingerprint = str(read_npz(path, ["embedding"])["embedding"])
    except (OSError, ValueError):
        return newest
    if fingerprint != newest.fingerprint:
        for folder in embedding_folder().iterdir():
            with suppress(TrainingError, RecipeError):  # one that is damaged, or not finished
                if (found := SignEmbedding.load(folder)).fingerprint == fingerprint:
                    return found
    return newest


@contextmanager
def editing(path: str | Path, vocabulary: Vocabulary) -> Iterator[None]:
    """Bring a vocabulary up to date with its file, and save what the block changes in it, as one step.

    `asl live` and `asl teach` may run at once: whoever comes second adds to what the first has saved.

    Raises:
        LiveError: the file is damaged, or was made with another embedding.
        OSError: it cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if path.is_file():
            vocabulary.reload(path)
        yield
        vocabulary.save(path)


def find_movements(frames: Iterable[Frame], recipe: FeatureRecipe, *, fps: float) -> list[Landmarks]:
    """Return the movements in a video, each from the raising of a hand to its lowering, as `SignRecogniser` finds them.

    Args:
        frames: its frames.
        recipe: tells what to track.
        fps: the rate to which the frames are resampled by their times: the video's own.
    """
    settings = LiveSettings(fps=fps, every=sys.maxsize)  # ask about whole movements only
    with SignRecogniser(_Nothing(recipe), settings=settings) as recogniser:
        found = []
        for time_s, picture in frames:
            recogniser.process(picture, time_s)
            found.append(recogniser.take_movement())
        recogniser.finish()
        found.append(recogniser.take_movement())
    return [movement for movement in found if movement is not None]


class _Nothing:
    """A classifier that knows no sign."""

    glosses: tuple[str, ...] = ("",)

    def __init__(self, recipe: FeatureRecipe) -> None:
        self.recipe = recipe

    def __call__(self, clip: Landmarks, /) -> np.ndarray:
        return np.zeros(1)


class OpenClassifier:
    """Names signs of vocabularies and refuses every other movement; takes the place of a `networks.Classifier`.

    Its probabilities sum to less than 1 where they come from a vocabulary: the rest is that of "not a sign I know".
    They are all 0 for a movement that is refused.

    Without a model, the vocabulary names a movement. With one, a movement whose nearest clip is one of a taught sign
    is named by the vocabulary, too. Any other is accepted where its expected similarity reaches the expected threshold:
    those of the model's signs, each times the sign's probability. So a movement that is like one sign while the model
    says another is refused. The model names what is accepted.

    Args:
        taught: signs that somebody taught; `teach` adds to it.
        model: a `networks.Classifier` with a `FeatureRecipe`; None to know only what was taught.
        known: the vocabulary of the clips that the model was trained on.

    Raises:
        LiveError: the model does not track all that the embedding needs.
    """

    def __init__(self, taught: Vocabulary, *, model: Any = None, known: Vocabulary | None = None) -> None:
        self.embedding, self.taught, self.model, self.known = taught.embedding, taught, model, known
        self.recipe = self.embedding.recipe if model is None else model.recipe
        lacking = sorted(set(self.embedding.recipe.tracked_parts) - set(self.recipe.tracked_parts))
        if lacking or self.recipe.tracker != self.embedding.recipe.tracker:
            raise LiveError(
                f"The model's landmarks ({self.recipe.tracker}: {', '.join(self.recipe.tracked_parts)}) lack what the "
                f"embedding needs ({self.embedding.recipe.tracker}: {', '.join(self.embedding.recipe.tracked_parts)})."
            )
        self._learned()

    def __call__(self, landmarks: Landmarks) -> np.ndarray:
        """Return (signs,) probabilities of a clip, in the order of `glosses`.

        Raises:
            RecipeError: the clip does not show what a recipe needs.
        """
        signs = self._signs
        above = dict.fromkeys(self.glosses, -1.0)
        if len(signs):
            [found] = signs.above(self.embedding.recipe.points(landmarks))
            nearness = dict(zip(signs.glosses, found.tolist(), strict=True))
            above |= {gloss: nearness[gloss] for gloss in above.keys() & nearness.keys()}
        nearest = max(above, key=above.__getitem__, default="")
        if self.model is None or (nearest in self.taught and above[nearest] >= 0):
            return shares_of(np.array([*above.values()]))
        own = self.model(landmarks)
        expected = own @ [above[gloss] for gloss in self.model.glosses]
        accepted = self.known is None or expected >= 0
        return np.append(own if accepted else np.zeros(len(own)), np.zeros(len(self.glosses) - len(own)))

    def teach(self, gloss: str, landmarks: Landmarks) -> None:
        """Learn a sign from one more clip.

        Raises:
            LiveError: the sign has no name.
            RecipeError: the clip does not show what the recipe needs.
        """
        self.taught.add(gloss, self.embedding.recipe.points(landmarks))
        self._learned()

    def _learned(self) -> None:
        self._signs = self.taught if self.known is None else self.known.joined(self.taught)
        own = tuple(self.model.glosses) if self.model is not None else ()
        self.glosses: tuple[str, ...] = own + tuple(gloss for gloss in self.taught.glosses if gloss not in own)


def points_for(points: np.ndarray, made_by: FeatureRecipe, wanted: FeatureRecipe) -> np.ndarray:
    """Return the points of clips as another recipe makes them, as far as they can be made of these.

    Further parts and coordinates are left out, and another number of frames is interpolated. Clips that were turned to
    one hand stay so where the other recipe looks at a clip and its mirror image: that is the same both ways round.

    Args:
        points: (n, frames, L, C) of `made_by`.
        made_by, wanted: how they were made, and how they should be.

    Raises:
        RecipeError: the recipes differ in anything else.
    """
    free = {"glosses", *ENCODING, "parts", "coordinates"}
    free |= {"frames"} if wanted.timing == "resample" else set()
    free |= {"mirror_left_handed"} if wanted.num_views == 2 else set()
    differ = [name for name, value in vars(wanted).items() if name not in free and getattr(made_by, name) != value]
    differ += ["parts"] if set(wanted.parts) - set(made_by.parts) else []
    differ += ["coordinates"] if wanted.num_coordinates > made_by.num_coordinates else []
    if differ:
        raise RecipeError(
            f"The clips were prepared with another recipe than the embedding's: {', '.join(differ)} differ."
        )
    columns = np.concatenate([np.arange(made_by.num_landmarks)[made_by.columns(part)] for part in wanted.parts])
    points = points[..., columns, : wanted.num_coordinates]
    if made_by.frames == wanted.frames:
        return points
    return np.array([resample(clip, num_frames=wanted.frames) for clip in points]).reshape(-1, *wanted.values_shape)
