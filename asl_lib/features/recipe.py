"""Recipes: how landmarks, a photograph or a video become the input of a model.

Training, evaluation, export and the live demo all call the same recipe, which is written beside every model as
`recipe.json`. `FeatureRecipe` works in two steps:

1. `recipe.points(landmarks)`: select parts at a constant rate, take the body's own origin and unit, fill short gaps,
   resample.
   The result is still a clip, (frames, L, C) with NaN where nothing was seen; augmentation happens here.
2. `recipe.encode(points)`: move the hands to their own origin, add handshapes and velocities, turn NaN into
   value + mask, flatten.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar, overload

import numpy as np

from asl_lib._util.files import read_json, write_json
from asl_lib.features.body import (
    LEFT_SHOULDER,
    RECIPE_PARTS,
    RIGHT_SHOULDER,
    left_hand_leads,
    mirror_parts,
    stretch,
    to_wrist_frame,
)
from asl_lib.features.frames import read_clip, square_frame, take_frames
from asl_lib.features.handshape import HANDSHAPE_SIZE, describe_hand
from asl_lib.features.optical_flow import METHODS, reverse_flow
from asl_lib.features.photographs import read_photograph
from asl_lib.features.resampling import MOST_FRAMES, cut_or_pad, fill_gaps, resample, resample_in_time
from asl_lib.landmarks.landmarks import PARTS, TRACKERS, Landmarks

RECIPE_VERSION = 3
LARGEST_PX = 4096
"""Largest size in a recipe: a recipe file with a larger one could fill the memory."""

AnyRecipe = TypeVar("AnyRecipe", bound="Recipe")


class RecipeError(ValueError):
    """A recipe with impossible values, a file that is no recipe, or a clip that a recipe cannot be applied to."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Base class of the recipes.

    Class attributes are `input`, which names the kind of input in `recipe.json`, and `noun`, one clip in messages.

    Attributes:
        glosses: the names of the classes, in the order of the network's outputs; empty where they are not known.
    """

    input: ClassVar[str]
    noun: ClassVar[str] = "clip"

    glosses: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "glosses", tuple(self.glosses))
        if not all(isinstance(gloss, str) for gloss in self.glosses):
            raise RecipeError(f"glosses must be names; got {reprlib.repr(self.glosses)}.")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one clip as `encode` returns it and a network takes it."""
        raise NotImplementedError

    @property
    def values_shape(self) -> tuple[int, ...]:
        """Shape of one clip of a `ClipSet`, before `encode`."""
        return self.shape

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return clips of a `ClipSet` as a network takes them: (n, *shape) float32."""
        raise NotImplementedError

    def mirror(self, values: np.ndarray) -> np.ndarray:
        """Return the mirrored clips of a `ClipSet`: the same signs, signed with the other hand."""
        raise NotImplementedError

    def views(self, values: np.ndarray) -> list[np.ndarray]:
        """Return the clips of a `ClipSet` in each way that a network predicts them: its prediction is the mean."""
        return [values]

    def save(self, path: str | Path) -> None:
        """Write the recipe as JSON, version 3: `input`, `glosses`, and the recipe's own entries."""
        write_json(path, {"version": RECIPE_VERSION, "input": self.input, **asdict(self)})


@dataclass(frozen=True)
class FeatureRecipe(Recipe):
    """How the landmarks of a clip become a feature tensor.

    Attributes:
        parts: parts to use, from `RECIPE_PARTS`.
        coordinates: "xy" or "xyz". MediaPipe's z is an estimate from one camera, and a noisy one.
        body_frame: "shoulders" puts the origin between the shoulders and makes their distance 1 (both the
            clip's median, which is robust to missing frames and turns of the body); "image" keeps the position
            and size in the picture; "minmax" stretches every frame's points to 0..1 on each axis, as
            many tutorials do: a hand that moves then moves the shoulders.
        hand_frame: "wrist" gives each hand its own origin (the wrist) and unit (the clip's median distance
            from wrist to middle knuckle), so that the handshape does not depend on the hand's position, which the
            pose's wrists still have. "body" leaves the hands in the body's frame, "both" uses both.
        handshape: append numbers that describe the shape of a hand, see `describe_hand`.
        velocities: append the change of every coordinate from the frame before.
        mirror_left_handed: mirror a clip whose left hand is dominant, with the hands exchanged.
        timing: how a clip becomes `frames` long: "resample" (all of it, faster or slower), "pad" (its first
            frames; a shorter clip ends in missing ones) or "window" (its middle frames; a shorter clip
            stands in the middle of missing ones).
        frames: frames of the result.
        max_gap: longest run of frames in which a landmark is missing that is filled by interpolation.
        mask: append one number per part and frame: 1 where it was detected (or its gap filled), else 0.
        average_mirrored: a network's prediction is the mean over a clip and its mirror image, for networks that were
            trained with `Augmentation(mirrored=...)`. Without effect together with `mirror_left_handed`, and on a
            `PointModel`, whose class decides it.
        tracker: the tracker of the landmarks; the live demo uses the same.

    >>> recipe = FeatureRecipe(parts=("pose", "left_hand", "right_hand"), frames=30, mask=False)
    >>> recipe.num_features
    150
    """

    input: ClassVar[str] = "landmarks"

    parts: tuple[str, ...] = ("pose", "left_hand", "right_hand")
    coordinates: str = "xy"
    body_frame: str = "shoulders"
    hand_frame: str = "wrist"
    handshape: bool = False
    velocities: bool = False
    mirror_left_handed: bool = False
    timing: str = "resample"
    frames: int = 30
    max_gap: int = 5
    mask: bool = True
    average_mirrored: bool = False
    tracker: str = "litert"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "parts", tuple(self.parts))
        for name, allowed in (
            ("coordinates", ("xy", "xyz")),
            ("body_frame", ("shoulders", "image", "minmax")),
            ("hand_frame", ("wrist", "body", "both")),
            ("timing", ("resample", "pad", "window")),
            ("tracker", TRACKERS),
        ):
            if getattr(self, name) not in allowed:
                raise RecipeError(f"{name} must be one of {', '.join(allowed)}; got {getattr(self, name)!r}.")
        for part in self.parts:
            if not isinstance(part, str) or part not in RECIPE_PARTS:
                raise RecipeError(f"parts must be among {', '.join(RECIPE_PARTS)}; got {part!r}.")
        chosen = [(RECIPE_PARTS[part][0], index) for part in self.parts for index in RECIPE_PARTS[part][1]]
        if not self.parts or len(set(chosen)) < len(chosen):
            raise RecipeError(
                "parts must be at least one, and none inside another (upper_body is in pose; lips, brows and eyes are "
                f"in face); got {self.parts}."
            )
        if not 2 <= self.frames <= MOST_FRAMES or self.max_gap < 0:
            raise RecipeError(
                f"frames must be at least 2 (and at most {MOST_FRAMES:,}) and max_gap at least 0; got {self.frames}, "
                f"{self.max_gap}."
            )

    @property
    def tracked_parts(self) -> tuple[str, ...]:
        """The parts of MediaPipe Holistic that this recipe needs, in the order of `PARTS`."""
        needed = {RECIPE_PARTS[part][0] for part in self.parts}
        if self.body_frame == "shoulders" or self.mirror_left_handed:
            needed.add("pose")
        if self.mirror_left_handed:
            needed |= {"left_hand", "right_hand"}
        return tuple(part for part in PARTS if part in needed)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.frames, self.num_features

    @property
    def values_shape(self) -> tuple[int, ...]:
        return self.frames, self.num_landmarks, self.num_coordinates

    @property
    def num_coordinates(self) -> int:
        return len(self.coordinates)

    @property
    def num_landmarks(self) -> int:
        return sum(len(RECIPE_PARTS[part][1]) for part in self.parts)

    @property
    def hands(self) -> tuple[str, ...]:
        """The parts that are hands."""
        return tuple(part for part in self.parts if part.endswith("_hand"))

    @property
    def num_features(self) -> int:
        """Numbers in one frame of the result."""
        twice = 21 * len(self.hands) if self.hand_frame == "both" else 0
        count = (self.num_landmarks + twice) * self.num_coordinates * (2 if self.velocities else 1)
        count += HANDSHAPE_SIZE[self.num_coordinates] * len(self.hands) if self.handshape else 0
        return count + (len(self.parts) if self.mask else 0)

    def columns(self, part: str) -> slice:
        """Return which of the L landmarks of `points` belong to a part."""
        start = sum(len(RECIPE_PARTS[p][1]) for p in self.parts[: self.parts.index(part)])
        return slice(start, start + len(RECIPE_PARTS[part][1]))

    def transform(self, landmarks: Landmarks) -> np.ndarray:
        """Return the features of a clip: (frames, num_features) float32 without NaN.

        Raises:
            RecipeError: the landmarks lack a part, or no frame shows the shoulders that the recipe needs.
        """
        return self.encode(self.points(landmarks))

    def points(self, landmarks: Landmarks) -> np.ndarray:
        """Return the clip in the body's frame, resampled: (frames, L, C) float32, NaN where missing.

        Frames that were taken at uneven times are brought to a constant rate first.
        """
        # All of a clip is resampled from its finest grid; a part of it is as long as frames at the clip's mean rate.
        fps = None if self.timing == "resample" else landmarks.fps
        parts = _isotropic(landmarks, self.tracked_parts, fps=fps)
        if self.mirror_left_handed and left_hand_leads(parts):
            parts = mirror_parts(parts, width=1)
        if self.body_frame == "shoulders":
            origin, unit = _shoulders(parts["pose"])
            parts = {name: (points - origin) / unit for name, points in parts.items()}
        chosen = [parts[RECIPE_PARTS[part][0]][:, RECIPE_PARTS[part][1]] for part in self.parts]
        points = np.concatenate(chosen, axis=1)[..., : self.num_coordinates]
        if self.body_frame == "minmax":
            points = stretch(points)
        points = fill_gaps(points, max_gap=self.max_gap)
        if self.timing == "resample":
            return resample(points, num_frames=self.frames)
        return cut_or_pad(points, num_frames=self.frames, centre=self.timing == "window")

    def encode(self, points: np.ndarray) -> np.ndarray:
        """Return the features of one clip or many.

        Args:
            points: (..., frames, L, C) as `points` returns them, augmented or not.

        Returns:
            (..., frames, num_features) float32, 0 where missing: all coordinates, their velocities, the hands'
            shapes, the mask.
        """
        placed, shapes = [points], []
        if self.hand_frame == "wrist":
            placed = [points.copy()]
        # Hands that stay in the body's frame need no computation: encoding runs on every batch.
        for hand in self.hands if self.hand_frame != "body" or self.handshape else ():
            centred = to_wrist_frame(points[..., self.columns(hand), :])
            if self.hand_frame == "wrist":
                placed[0][..., self.columns(hand), :] = centred
            elif self.hand_frame == "both":
                placed.append(centred)
            if self.handshape:
                shapes.append(describe_hand(centred))
        coordinates = np.concatenate(placed, axis=-2).reshape(*points.shape[:-2], -1)
        blocks = [coordinates]
        if self.velocities:
            blocks.append(np.diff(coordinates, axis=-2, prepend=coordinates[..., :1, :]))
        blocks += shapes
        if self.mask:
            seen = [~np.isnan(points[..., self.columns(part), 0]).all(axis=-1) for part in self.parts]
            blocks.append(np.stack(seen, axis=-1))
        features = np.concatenate(blocks, axis=-1, dtype=np.float32)
        np.copyto(features, 0, where=np.isnan(features))  # in a quarter of the time of nan_to_num
        return features

    def mirror(self, values: np.ndarray) -> np.ndarray:
        """Return (..., L, C) points, as `points` returns them, as seen in a mirror.

        Mirroring twice returns the clip, unless the recipe has one hand only: the mirrored clip then lacks it.
        """
        parts = {part: values[..., self.columns(part), :] for part in self.parts}
        mirrored = mirror_parts(parts, width=0 if self.body_frame == "shoulders" else 1)
        return np.concatenate([mirrored[part] for part in self.parts], axis=-2)

    @property
    def num_views(self) -> int:
        """Number of `views`: a clip, or a clip and its mirror image."""
        return 2 if self.average_mirrored and not self.mirror_left_handed else 1

    def views(self, values: np.ndarray) -> list[np.ndarray]:
        return [values, self.mirror(values)] if self.num_views == 2 else [values]


@dataclass(frozen=True, kw_only=True)
class PictureRecipe(Recipe):
    """Base class of the recipes for photographs and videos, whose values are pixels from 0 to 255.

    Attributes:
        size: side in px.
    """

    size: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.size <= LARGEST_PX:
            raise RecipeError(f"size must be from 1 to {LARGEST_PX} px; got {self.size}.")

    def encode(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(values, np.float32)

    def mirror(self, values: np.ndarray) -> np.ndarray:
        return values[..., ::-1, :]


@dataclass(frozen=True, kw_only=True)
class PhotographRecipe(PictureRecipe):
    """How a photograph becomes a network's input: read upright, as RGB, fitted into a square."""

    input: ClassVar[str] = "photographs"
    noun: ClassVar[str] = "photograph"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.size, self.size, 3

    def transform(self, path: str | Path) -> np.ndarray:
        """Return (size, size, 3) uint8 of a file; see `photographs.read_photograph`."""
        return read_photograph(path, size=self.size)


@dataclass(frozen=True, kw_only=True)
class VideoRecipe(PictureRecipe):
    """How a video becomes a network's input: N square frames, in colour or as optical flow.

    Attributes:
        frames: N.
        flow: method of the optical flow; empty for colour.
    """

    input: ClassVar[str] = "video"

    frames: int
    flow: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.frames <= MOST_FRAMES:
            raise RecipeError(f"frames must be from 1 to {MOST_FRAMES:,}; got {self.frames}.")
        if self.flow and self.flow not in METHODS:
            raise RecipeError(f"flow must be empty or one of {', '.join(METHODS)}; got {self.flow!r}.")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.frames, self.size, self.size, 2 if self.flow else 3

    def transform(self, path: str | Path, **cut: Any) -> np.ndarray:
        """Return (frames, size, size, channels) uint8 of a video, or of a cut of it; see `frames.read_clip`."""
        return read_clip(path, frames=self.frames, size=self.size, flow=self.flow, **cut)

    def square(self, frame: np.ndarray) -> np.ndarray:
        """Return a (H, W, 3) uint8 RGB frame in the form that `transform_squares` takes."""
        return square_frame(frame, size=self.size, flow=self.flow)

    def transform_squares(self, squares: Sequence[np.ndarray]) -> np.ndarray:
        """Return the same as `transform`, to the last bit, of all frames of a clip as `square` returns them.

        They must have been taken at a constant rate.
        """
        return take_frames(squares, frames=self.frames, size=self.size, flow=self.flow)

    def mirror(self, values: np.ndarray) -> np.ndarray:
        mirrored = values[..., ::-1, :]
        return reverse_flow(mirrored) if self.flow else mirrored


def _isotropic(landmarks: Landmarks, parts: tuple[str, ...], *, fps: float | None) -> dict[str, np.ndarray]:
    """Return the parts at a constant rate, and with y in image widths, too: a hand turned sideways keeps its shape."""
    missing = [part for part in parts if part not in landmarks.parts]
    if missing:
        raise RecipeError(
            f"The recipe needs {', '.join(missing)}, but these landmarks have only {', '.join(landmarks.parts)}. "
            "Extract them again with that part, or leave it out of the recipe."
        )
    scale = np.array([1.0, landmarks.height / landmarks.width, 1.0], np.float32)
    scaled = {part: landmarks.part(part) * scale for part in parts}
    if landmarks.has_constant_rate:
        return scaled
    return {part: resample_in_time(points, landmarks.times, fps=fps) for part, points in scaled.items()}


def _shoulders(pose: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the clip's median midpoint between the shoulders (3,) and their median distance."""
    pair = pose[:, [LEFT_SHOULDER, RIGHT_SHOULDER]]
    pair = pair[~np.isnan(pair).any(axis=(1, 2))]
    if not len(pair):
        raise RecipeError(
            "No frame of this clip shows both shoulders, so it has no body frame. "
            "Use a clip that shows the upper body, or body_frame='image'."
        )
    distance = float(np.median(np.linalg.norm(pair[:, 0, :2] - pair[:, 1, :2], axis=-1)))
    origin = np.median(pair.mean(axis=1), axis=0)
    return origin.astype(np.float32), max(distance, 1e-6)


RECIPES: dict[tuple[int, str], type[Recipe]] = {
    (1, "landmarks"): FeatureRecipe,
    (2, "landmarks"): FeatureRecipe,
    (1, "photograph"): PhotographRecipe,
    (1, "clip"): VideoRecipe,
    **{(RECIPE_VERSION, kind.input): kind for kind in (FeatureRecipe, PhotographRecipe, VideoRecipe)},
}
"""Version and input of a file -> class of its recipe. Earlier versions had fewer entries of the same meaning."""
KINDS: dict[str, type] = {"int": int, "str": str, "bool": bool, "tuple[str, ...]": list}
"""Annotation of a recipe's entry -> its type in JSON."""


@overload
def load_recipe(path: str | Path) -> Recipe: ...
@overload
def load_recipe(path: str | Path, kind: type[AnyRecipe]) -> AnyRecipe: ...
def load_recipe(path: str | Path, kind: type[Any] = Recipe) -> Any:
    """Read a recipe that `Recipe.save` wrote, in this or an earlier version of the library.

    Args:
        path: the file, `recipe.json` in a model's folder.
        kind: the class that the recipe must have; `Recipe` for any.

    Raises:
        RecipeError: the file is missing, is not a recipe, has a version that this library does not know, or is the
            recipe of another kind.
    """
    try:
        values = read_json(path)
    except (OSError, ValueError) as error:
        raise RecipeError(
            f"{path} cannot be read as a recipe: {error}. Copy it from its model's folder, or train again."
        ) from error
    recipe = recipe_from_dict(values, source=str(path))
    if not isinstance(recipe, kind):
        raise RecipeError(f"{path} must be a recipe for {kind.input}; it is one for {recipe.input}.")
    return recipe


def recipe_from_dict(values: Any, *, source: str = "The recipe") -> Recipe:
    """Return the recipe that a JSON file holds; `source` names the file in errors.

    Raises:
        RecipeError: as `load_recipe`.
    """
    about = values if isinstance(values, dict) else {}
    version, given = about.get("version"), about.get("input", "landmarks")
    kind = RECIPES.get((version, given)) if type(version) is int and isinstance(given, str) else None
    if kind is None:
        raise RecipeError(
            f"{source} must be a recipe of version {RECIPE_VERSION} or earlier; got version {reprlib.repr(version)} "
            f"for {reprlib.repr(given)}. A newer asl_lib wrote it: update this one, or train the model again."
        )
    entries = {name: value for name, value in about.items() if name not in ("version", "input")}
    known = {entry.name: entry for entry in fields(kind)}
    if unknown := sorted(set(entries) - set(known)):
        raise RecipeError(f"{source} has an unknown entry '{unknown[0]}'. Known: {', '.join(sorted(known))}.")
    for name, entry in known.items():
        json_type = KINDS[str(entry.type)]
        if name not in entries and entry.default is MISSING:
            raise RecipeError(f"{source} must have an entry '{name}'; it has none.")
        if name in entries and type(entries[name]) is not json_type:
            raise RecipeError(f"{source}: '{name}' must be a {json_type.__name__}; got {reprlib.repr(entries[name])}.")
    try:
        return kind(**entries)
    except RecipeError as error:
        raise RecipeError(f"{source}: {error}") from error
