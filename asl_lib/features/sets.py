"""The clips of a data set as a recipe prepares them, and the one `.npz` they are kept in."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from asl_lib._util.files import atomic_write, read_npz, write_npy_header
from asl_lib.features.labelled import LabelledSet, labels_of
from asl_lib.features.recipe import FeatureRecipe, RecipeError
from asl_lib.landmarks.store import LandmarkStore

CLIPS_AT_A_TIME = 256


@dataclass(frozen=True)
class FeatureSet(LabelledSet):
    """n clips, prepared and in the order of the clips table.

    What a model sees of them is `recipe.encode(features.points[rows])`: made for the rows at hand, for all clips of a
    large data set it would take as much memory again.

    Attributes:
        points: (n, frames, L, C) float32 with NaN, what augmentation varies.
        y: (n,) int, index of each clip's gloss in `glosses`.
        glosses: the names of the classes, sorted.
        signer: (n,) names.
        clip_id: (n,) ids.
        split: (n,) the data set's own side of each clip: "train", "validation", "test" or "".
    """

    points: np.ndarray
    y: np.ndarray
    glosses: np.ndarray
    signer: np.ndarray
    clip_id: np.ndarray
    split: np.ndarray

    def contents(self) -> Iterator[bytes]:
        """Yield the points of every clip; clips in which nothing was seen are all different."""
        for clip, name in zip(self.points, self.clip_id.tolist(), strict=True):
            yield name.encode() if np.isnan(clip).all() else clip.tobytes()

    def save(self, path: str | Path, *, recipe: FeatureRecipe) -> None:
        """Write all arrays to an `.npz` file: numbers and text, never pickled objects.

        For readers without this library the file also holds X, (n, frames, features) float32: the clips as `recipe`
        encodes them.
        """
        with atomic_write(path) as tmp:
            np.savez_compressed(tmp, **{name: getattr(self, name) for name in self.__dataclass_fields__})
            with (
                zipfile.ZipFile(tmp, "a", zipfile.ZIP_DEFLATED) as file,
                file.open("X.npy", "w", force_zip64=True) as member,
            ):
                write_npy_header(member, (len(self), recipe.frames, recipe.num_features))
                for start in range(0, len(self), CLIPS_AT_A_TIME):
                    member.write(recipe.encode(self.points[start : start + CLIPS_AT_A_TIME]).astype("<f4").tobytes())

    def check(self) -> None:
        """Raise ValueError where the arrays do not belong together."""
        n, classes = len(self.y) if self.y.ndim == 1 else -1, len(self.glosses) if self.glosses.ndim == 1 else 0
        texts = (self.glosses, self.signer, self.clip_id, self.split)
        if any(text.dtype.kind != "U" for text in texts) or any(text.shape != (n,) for text in texts[1:]):
            raise ValueError("its signers, ids and splits must be one text a clip")
        if self.points.dtype != np.float32 or self.points.ndim != 4 or len(self.points) != n:
            raise ValueError(f"its points must be ({n}, frames, landmarks, coordinates); got {self.points.shape}")
        if self.y.dtype.kind != "i" or (n and not 0 <= self.y.min() <= self.y.max() < classes):
            raise ValueError(f"its classes must be numbers of its {classes} glosses")

    @classmethod
    def load(cls, path: str | Path) -> FeatureSet:
        """Read what `save` wrote.

        Raises:
            FeatureFileError: the file is missing, damaged, or lacks an array.
        """
        path = Path(path)
        if not path.is_file():
            raise FeatureFileError(f"There are no features at {path}. Run notebook 03 with the same parameters first.")
        try:
            features = cls(**read_npz(path, list(cls.__dataclass_fields__)))
            features.check()
            return features
        except (OSError, ValueError) as error:
            raise FeatureFileError(f"{path} is not a file of features ({error}). Run notebook 03 again.") from error


class FeatureFileError(ValueError):
    """A file of features that cannot be read."""


def build_features(
    clips: pd.DataFrame, *, landmarks: LandmarkStore, recipe: FeatureRecipe
) -> tuple[FeatureSet, pd.DataFrame]:
    """Apply a recipe to the landmarks of every clip.

    Args:
        clips: the clips table.
        landmarks: the landmarks of its clips, as `load_landmarks` returns them.
        recipe: how a clip becomes features.

    Returns:
        All clips that could be read, and a table (clip_id, reason) of those that could not.

    Raises:
        RecipeError: not one clip could be read; the sentence gives the first reason.
    """
    # One array from the start: a list of clips, stacked in the end, would be everything twice.
    points = np.empty((len(clips), recipe.frames, recipe.num_landmarks, recipe.num_coordinates), np.float32)
    kept: list[int] = []
    failures: list[tuple[str, str]] = list(landmarks.failures.itertuples(index=False, name=None))
    for row, clip_id in clips["clip_id"].items():
        if clip_id not in landmarks:
            continue
        try:
            points[len(kept)] = recipe.points(landmarks[clip_id])
            kept.append(row)
        except RecipeError as error:
            failures.append((clip_id, str(error)))
        if len(kept) % CLIPS_AT_A_TIME == 0:
            landmarks.forget()
    if not kept:
        raise RecipeError(f"None of the {len(clips)} clips could be read; the first: {failures[0][1]}")
    table = clips.loc[kept]
    features = FeatureSet(points=points[: len(kept)], **labels_of(table))
    return features, pd.DataFrame(failures, columns=["clip_id", "reason"])
