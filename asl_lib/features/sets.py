"""`ClipSet`: the clips of a data set as a recipe prepares them, with their classes and signers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic

import numpy as np
import pandas as pd

from asl_lib._util.files import atomic_write, read_npz
from asl_lib.features.frames import load_frames
from asl_lib.features.photographs import load_photographs
from asl_lib.features.recipe import AnyRecipe, FeatureRecipe, PhotographRecipe, RecipeError, VideoRecipe, load_recipe
from asl_lib.landmarks.store import LandmarkStore

CLIPS_AT_A_TIME = 256
LABELS = ("y", "glosses", "signer", "clip_id", "split")
"""Arrays of a features file beside its points."""
ENCODING = ("hand_frame", "handshape", "velocities", "mask", "average_mirrored")
"""Entries of a `FeatureRecipe` that `points` does not read."""


@dataclass(frozen=True, eq=False)
class ClipSet(Generic[AnyRecipe]):
    """n clips of one input, landmarks, photographs or frames, in the order of the clips table.

    Attributes:
        recipe: how the clips were prepared and how they are encoded; its `glosses` name the classes.
        values: landmarks: (n, frames, L, C) float32 points with NaN, which augmentation varies; photographs:
            (n, size, size, 3), frames: (n, frames, size, size, channels), uint8 from 0 to 255, mapped from a file.
        y: (n,) int, index of each clip's gloss in `glosses`.
        signer: (n,) names.
        clip_id: (n,) ids.
        split: (n,) the part of the official split that each clip is in: "train", "validation", "test" or "".
        left_out: clip_id and reason of the clips that could not be read; empty for a set read from a features file.
    """

    recipe: AnyRecipe
    values: Any
    y: np.ndarray
    signer: np.ndarray
    clip_id: np.ndarray
    split: np.ndarray
    left_out: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["clip_id", "reason"]))

    def __post_init__(self) -> None:
        n, classes = len(self.y) if self.y.ndim == 1 else -1, len(self.recipe.glosses)
        texts = (self.signer, self.clip_id, self.split)
        if any(text.dtype.kind != "U" or text.shape != (n,) for text in texts):
            raise ValueError("signers, ids and splits must be one text a clip")
        if len(self.values) != n:
            raise ValueError(f"values must be those of {n} clips; got {len(self.values)}")
        if self.y.dtype.kind != "i" or (n and not 0 <= self.y.min() <= self.y.max() < classes):
            raise ValueError(f"classes must be numbers of the {classes} glosses")

    def __len__(self) -> int:
        return len(self.y)

    @property
    def glosses(self) -> np.ndarray:
        """The names of the classes, as an array of text."""
        return np.array(self.recipe.glosses, str)

    def encode(self, rows: np.ndarray | slice) -> np.ndarray:
        """Return some clips as a network takes them, (len(rows), *recipe.shape) float32.

        Encode the rows at hand: all clips of a large data set at once would take as much memory again.
        """
        return self.recipe.encode(self.values[rows])

    def with_encoding(self, **changes: Any) -> ClipSet[AnyRecipe]:
        """Return the same clips for a recipe that encodes them in another way.

        Args:
            changes: new values of a `FeatureRecipe`'s hand_frame, handshape, velocities, mask or average_mirrored.

        Raises:
            RecipeError: the points themselves would have to change: call `load_features` with the new recipe.
        """
        if others := sorted(set(changes) - set(ENCODING)):
            raise RecipeError(
                f"Only {', '.join(ENCODING)} can change after the points are made; got {', '.join(others)}. "
                "Call load_features with the new recipe."
            )
        return replace(self, recipe=replace(self.recipe, **changes))

    def table(self) -> pd.DataFrame:
        """Return the clips as a table for `make_split`: clip_id, gloss, signer, split and a hash of the content.

        Clips with the same content are copies of one recording, whatever their names.
        """
        content = [hashlib.sha256(clip).hexdigest()[:16] for clip in self.contents()]
        named = {"clip_id": self.clip_id, "gloss": self.glosses[self.y], "signer": self.signer, "split": self.split}
        return pd.DataFrame({**named, "content": content})

    def contents(self) -> Iterator[bytes]:
        """Yield the values of every clip as bytes; clips in which nothing was seen are all different."""
        for number, name in enumerate(self.clip_id.tolist()):
            clip = np.asarray(self.values[number])
            empty = clip.dtype.kind == "f" and np.isnan(clip).all()
            yield name.encode() if empty else clip.tobytes()

    def save(self, folder: str | Path) -> None:
        """Write the points of landmarks as `features.npz` (numbers and text, no pickled objects) and `recipe.json`.

        Photographs and frames are not written: `load_features` finds them in their own file.
        """
        if not isinstance(self.recipe, FeatureRecipe):
            raise ValueError(f"Only landmarks are saved as features; got {self.recipe.input}. Use load_features.")
        with atomic_write(Path(folder) / "features.npz") as tmp:
            np.savez_compressed(tmp, points=self.values, **{name: getattr(self, name) for name in LABELS})
        self.recipe.save(Path(folder) / "recipe.json")

    @staticmethod
    def load(folder: str | Path) -> ClipSet[FeatureRecipe]:
        """Read what `save` wrote into a folder, in this or an earlier version of the library.

        Raises:
            RecipeError: one of the two files is missing or damaged, or they do not fit each other.
        """
        path = Path(folder) / "features.npz"
        if not path.is_file():
            raise RecipeError(f"There are no features at {path}. Run notebook 03 with the same parameters first.")
        recipe = load_recipe(path.with_name("recipe.json"), FeatureRecipe)
        try:
            arrays = read_npz(path, ["points", *LABELS])
            points, glosses = arrays.pop("points"), arrays.pop("glosses")
            if glosses.ndim != 1 or glosses.dtype.kind != "U":
                raise ValueError("glosses must be a list of text")
            if points.dtype != np.float32 or points.shape[1:] != recipe.values_shape:
                raise ValueError(f"points must be {recipe.values_shape}, as the recipe says; got {points.shape[1:]}")
            return ClipSet(recipe=replace(recipe, glosses=tuple(glosses.tolist())), values=points, **arrays)
        except (OSError, ValueError) as error:
            raise RecipeError(f"{path} is not a file of features ({error}). Run notebook 03 again.") from error


def load_features(
    clips: pd.DataFrame,
    recipe: AnyRecipe,
    *,
    landmarks: LandmarkStore | None = None,
    source_dir: str | Path | None = None,
    folder: str | Path | None = None,
    workers: int = 0,
) -> ClipSet[AnyRecipe]:
    """Return the clips of a table as a recipe prepares them.

    Photographs and frames are read from their files once and kept in `folder`; a later call reads only what has
    changed. A clip that cannot be read is listed in `left_out` with its reason, and the others are returned.

    Args:
        clips: the clips table.
        recipe: a `FeatureRecipe`, `PhotographRecipe` or `VideoRecipe`; its glosses are taken from the clips.
        landmarks: for a `FeatureRecipe`: the landmarks of the clips, as `load_landmarks` returns them.
        source_dir: for photographs and videos: the folder that the table's paths are relative to.
        folder: for photographs and videos: where their file is kept.
        workers: processes that read videos; 0 for one per core.

    Raises:
        RecipeError, MediaError: no clip could be read; the message gives the first reason.
        ValueError: an argument that the recipe needs is missing.
    """
    if isinstance(recipe, FeatureRecipe):
        if landmarks is None:
            raise ValueError("A FeatureRecipe needs landmarks=...; see load_landmarks.")
        values, left_out = _load_points(clips, landmarks, recipe)
    else:
        if source_dir is None or folder is None:
            raise ValueError(f"A recipe for {recipe.input} needs source_dir=... and folder=....")
        where: dict[str, Any] = {"source_dir": source_dir, "folder": folder}
        if isinstance(recipe, VideoRecipe):
            sizes: dict[str, Any] = {"frames": recipe.frames, "size": recipe.size, "flow": recipe.flow}
            values, left_out = load_frames(clips, **where, **sizes, workers=workers)
        elif isinstance(recipe, PhotographRecipe):
            values, left_out = load_photographs(clips, **where, size=recipe.size)
        else:
            raise ValueError(f"There is no way to read {recipe.input}.")
    table = clips[~clips["clip_id"].isin(left_out["clip_id"])]
    glosses, y = np.unique(table["gloss"].to_numpy(str), return_inverse=True)
    labels = {name: table[name].to_numpy(str) for name in ("signer", "clip_id", "split")}
    recipe = replace(recipe, glosses=tuple(glosses.tolist()))
    return ClipSet(recipe=recipe, values=values, y=y.astype(np.int64), left_out=left_out, **labels)


def _load_points(
    clips: pd.DataFrame, landmarks: LandmarkStore, recipe: FeatureRecipe
) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the points of all clips that have landmarks, and a table (clip_id, reason) of the others."""
    # One array from the start: a list of clips, stacked in the end, would be everything twice.
    points = np.empty((len(clips), recipe.frames, recipe.num_landmarks, recipe.num_coordinates), np.float32)
    named = set(clips["clip_id"])
    reasons = {
        clip_id: why for clip_id, why in landmarks.failures.itertuples(index=False, name=None) if clip_id in named
    }
    count = 0
    for clip_id in clips["clip_id"]:
        if clip_id not in landmarks:
            reasons.setdefault(clip_id, "it has no landmarks")
            continue
        try:
            points[count] = recipe.points(landmarks[clip_id])
            count += 1
        except RecipeError as error:
            reasons[clip_id] = str(error)
        if count % CLIPS_AT_A_TIME == 0:
            landmarks.release()
    if not count:
        reason = next(iter(reasons.values()), "the clips table is empty")
        raise RecipeError(f"None of the {len(clips)} clips could be read; the first: {reason}")
    return points[:count], pd.DataFrame(list(reasons.items()), columns=["clip_id", "reason"])
