"""`FeatureRecipe`: the one way from a clip's landmarks to the numbers a model sees.

Training, evaluation, export and the live demo all call the same `recipe.transform(landmarks)`, and the
recipe is written beside every model. It works in two steps:

1. `recipe.points(landmarks)`: select parts, take the body's own origin and unit, fill short gaps, resample.
   The result is still a clip, (frames, L, C) with NaN where nothing was seen; augmentation happens here.
2. `recipe.encode(points)`: move the hands to their own origin, add handshapes and velocities, turn NaN into
   value + mask, flatten.
"""

from __future__ import annotations

import reprlib
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from asl_lib._util.files import read_json, write_json
from asl_lib.features.handshape import HANDSHAPE_SIZE, MIDDLE_KNUCKLE, WRIST, describe_hand
from asl_lib.features.resampling import cut_or_pad, fill_gaps, resample
from asl_lib.landmarks.landmarks import PARTS, Landmarks
from asl_lib.landmarks.tracker import pose_format_holistic

RECIPE_VERSION = 2
MOST_FRAMES = 10_000
"""No sign lasts so long; a file that asks for more asks for all memory."""
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
        78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415)  # fmt: skip
BROWS = (276, 283, 282, 295, 285, 300, 293, 334, 296, 336, 46, 53, 52, 65, 55, 70, 63, 105, 66, 107)
EYES = (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398,
        33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173)  # fmt: skip
RECIPE_PARTS: dict[str, tuple[str, tuple[int, ...]]] = {
    "pose": ("pose", tuple(range(33))),
    "upper_body": ("pose", tuple(range(25))),  # down to the hips: legs outside the picture are guesses
    "face": ("face", tuple(range(PARTS["face"]))),
    "lips": ("face", LIPS),
    "brows": ("face", BROWS),
    "eyes": ("face", EYES),
    "left_hand": ("left_hand", tuple(range(21))),
    "right_hand": ("right_hand", tuple(range(21))),
}
"""Part of a recipe -> tracked part it is taken from, and which of that part's landmarks.

Lips, brows and eyes are MediaPipe's contours of the face: with them a recipe sees non-manual features (a question's
raised brows, a mouthing) at a fifth of the whole face's size.
"""

LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_WRIST, RIGHT_WRIST = 11, 12, 15, 16
POSE_MIRROR = (0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(i + 1 if i % 2 else i - 1 for i in range(11, 33)))
"""Index of the landmark on the other side of the body, for each of the 33 pose landmarks."""
OTHER_SIDE = {"left_hand": "right_hand", "right_hand": "left_hand"}
"""The part that a part is in a mirror, where that is another one."""


class RecipeError(ValueError):
    """A recipe that cannot be, or landmarks that it cannot be applied to."""


@dataclass(frozen=True)
class FeatureRecipe:
    """How a clip becomes a feature tensor.

    Attributes:
        parts: parts to use, from `RECIPE_PARTS`.
        coordinates: "xy" or "xyz". MediaPipe's z is an estimate from one camera, and a noisy one.
        body_frame: "shoulders" puts the origin between the shoulders and makes their distance 1 (both the
            clip's median, so a missing frame or a turn of the body does not matter); "image" keeps the
            place and size in the picture; "minmax" stretches every frame's points to 0..1 on each axis, as
            many tutorials do: a hand that moves then moves the shoulders.
        hand_frame: "wrist" gives each hand its own origin (the wrist) and unit (the clip's median distance
            from wrist to middle knuckle), so that the handshape reads the same wherever the hand is: the
            place is still in the pose's wrists. "body" leaves the hands in the body's frame, "both" gives the two
            beside each other.
        handshape: append what describes a hand's shape and not its place, see `describe_hand`.
        velocities: append the change of every coordinate from the frame before.
        mirror_left_handed: mirror a clip whose left hand does more, with the hands exchanged.
        timing: how a clip becomes `frames` long: "resample" (all of it, faster or slower), "pad" (its first
            frames; a shorter clip ends in missing ones) or "window" (its middle frames; a shorter clip
            stands in the middle of missing ones).
        frames: frames of the result.
        max_gap: longest run of frames in which a landmark is missing that is filled by interpolation.
        mask: append one number a part and frame: 1 where it was seen (or its gap filled), else 0.

    >>> recipe = FeatureRecipe(parts=("pose", "left_hand", "right_hand"), frames=30, mask=False)
    >>> recipe.num_features
    150
    """

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

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        for name, allowed in (
            ("coordinates", ("xy", "xyz")),
            ("body_frame", ("shoulders", "image", "minmax")),
            ("hand_frame", ("wrist", "body", "both")),
            ("timing", ("resample", "pad", "window")),
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
        """Return the clip in the body's frame, resampled: (frames, L, C) float32, NaN where missing."""
        parts = _isotropic(landmarks, self.tracked_parts)
        if self.mirror_left_handed and _left_hand_leads(parts):
            parts = _mirrored(parts)
        if self.body_frame == "shoulders":
            origin, unit = _shoulders(parts["pose"])
            parts = {name: (points - origin) / unit for name, points in parts.items()}
        chosen = [parts[RECIPE_PARTS[part][0]][:, RECIPE_PARTS[part][1]] for part in self.parts]
        points = np.concatenate(chosen, axis=1)[..., : self.num_coordinates]
        if self.body_frame == "minmax":
            points = _stretched(points)
        points = fill_gaps(points, max_gap=self.max_gap)
        if self.timing == "resample":
            return resample(points, num_frames=self.frames)
        return cut_or_pad(points, num_frames=self.frames, centre=self.timing == "window")

    def encode(self, points: np.ndarray) -> np.ndarray:
        """Return the features of one clip or many.

        Args:
            points: (..., frames, L, C) as `points` gives them, augmented or not.

        Returns:
            (..., frames, num_features) float32, 0 where missing: all coordinates, their velocities, the hands'
            shapes, the mask.
        """
        shown, shapes = [points], []
        if self.hand_frame == "wrist":
            shown = [points.copy()]
        # In the body's frame alone nothing is made of a hand: encoding runs on every batch.
        for hand in self.hands if self.hand_frame != "body" or self.handshape else ():
            own = _in_wrist_frame(points[..., self.columns(hand), :])
            if self.hand_frame == "wrist":
                shown[0][..., self.columns(hand), :] = own
            elif self.hand_frame == "both":
                shown.append(own)
            if self.handshape:
                shapes.append(describe_hand(own))
        coordinates = np.concatenate(shown, axis=-2).reshape(*points.shape[:-2], -1)
        blocks = [coordinates]
        if self.velocities:
            blocks.append(np.diff(coordinates, axis=-2, prepend=coordinates[..., :1, :]))
        blocks = [np.nan_to_num(block) for block in (*blocks, *shapes)]
        if self.mask:
            seen = [~np.isnan(points[..., self.columns(part), 0]).all(axis=-1) for part in self.parts]
            blocks.append(np.stack(seen, axis=-1))
        return np.concatenate(blocks, axis=-1, dtype=np.float32)

    def save(self, path: str | Path) -> None:
        """Write the recipe as JSON."""
        write_json(path, {"version": RECIPE_VERSION, **asdict(self)})

    @classmethod
    def load(cls, path: str | Path) -> FeatureRecipe:
        """Read a recipe that `save` wrote.

        Raises:
            RecipeError: the file is missing, no recipe, or of a version this library does not know.
        """
        try:
            values = read_json(path)
        except (OSError, ValueError) as error:
            raise RecipeError(f"{path} cannot be read as a recipe: {error}.") from error
        return cls.from_dict(values, source=str(path))

    @classmethod
    def from_dict(cls, values: Any, *, source: str = "The recipe") -> FeatureRecipe:
        version = values.get("version") if isinstance(values, dict) else None
        # Version 1 had fewer entries; what it had means the same.
        if version not in (1, RECIPE_VERSION):
            raise RecipeError(
                f"{source} must be a recipe of version {RECIPE_VERSION}; got version {version!r}. "
                "A newer asl_lib wrote it: update this one, or train the model again."
            )
        known = {field.name for field in fields(cls)}
        given = {key: value for key, value in values.items() if key != "version"}
        if unknown := sorted(set(given) - known):
            raise RecipeError(
                f"{source} has an entry '{unknown[0]}' that no recipe has. Known: {', '.join(sorted(known))}."
            )
        for field in fields(cls):
            value, kind = given.get(field.name, field.default), type(field.default)
            if not isinstance(value, list | tuple if kind is tuple else kind) or (
                kind is int and isinstance(value, bool)
            ):
                raise RecipeError(f"{source}: '{field.name}' must be a {kind.__name__}; got {reprlib.repr(value)}.")
        return cls(**given)


def _isotropic(landmarks: Landmarks, parts: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return the parts with y in image widths too, so that a hand turned sideways keeps its shape."""
    missing = [part for part in parts if part not in landmarks.parts]
    if missing:
        raise RecipeError(
            f"The recipe needs {', '.join(missing)}, but these landmarks have only {', '.join(landmarks.parts)}. "
            "Extract them again with that part, or leave it out of the recipe."
        )
    scale = np.array([1.0, landmarks.height / landmarks.width, 1.0], np.float32)
    return {part: landmarks.part(part) * scale for part in parts}


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


def _stretched(points: np.ndarray) -> np.ndarray:
    """Return (T, L, C) points with every frame stretched to 0..1 on each axis."""
    unseen = np.isnan(points).all(axis=1, keepdims=True)
    low = np.nanmin(np.where(unseen, 0, points), axis=1, keepdims=True)
    high = np.nanmax(np.where(unseen, 0, points), axis=1, keepdims=True)
    return (points - low) / np.maximum(high - low, 1e-6)


def _in_wrist_frame(hand: np.ndarray) -> np.ndarray:
    """Return (..., T, 21, C) hands relative to their wrist, in units of the clip's median palm length."""
    centred = hand - hand[..., WRIST : WRIST + 1, :]
    palm = np.linalg.norm(centred[..., MIDDLE_KNUCKLE, :2], axis=-1)  # (..., T)
    unseen = np.isnan(palm).all(axis=-1, keepdims=True)
    unit = np.nanmedian(np.where(unseen, 1.0, palm), axis=-1)
    return centred / np.maximum(unit, 1e-6)[..., None, None, None]


def _left_hand_leads(parts: dict[str, np.ndarray]) -> bool:
    """Say whether the left hand does more: it is seen more often or, if both are, held higher."""
    left, right = (float(np.mean(~np.isnan(parts[hand][:, 0, 0]))) for hand in ("left_hand", "right_hand"))
    if abs(left - right) > 0.2:
        return left > right
    heights = parts["pose"][:, [LEFT_WRIST, RIGHT_WRIST], 1]
    if np.isnan(heights).all(axis=0).any():
        return left > right
    left_y, right_y = np.nanmean(heights, axis=0)
    return bool(left_y < right_y)  # y grows downwards


def _mirrored(parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the parts seen in a mirror, each side of the body under the other's name."""
    # x becomes 1 - x: the mirror stands at the edge of the picture, so the clip stays inside it.
    flip, shift = np.array([-1, 1, 1], np.float32), np.array([1, 0, 0], np.float32)
    mirrored = {name: parts[OTHER_SIDE.get(name, name)] * flip + shift for name in parts}
    for part in ("pose", "face"):
        if part in mirrored:
            mirrored[part] = mirrored[part][:, mirror_order(part)]
    return mirrored


@cache
def mirror_order(part: str) -> list[int]:
    """Return for each landmark of a recipe's part which one of that part is on the other side of the body."""
    tracked, indices = RECIPE_PARTS[part]
    if tracked == "face":
        other_side = list(pose_format_holistic().FLIPPED_FACE_POINTS)
    else:
        other_side = list(POSE_MIRROR) if tracked == "pose" else list(range(21))
    place = {index: number for number, index in enumerate(indices)}
    return [place[other_side[index]] for index in indices]
