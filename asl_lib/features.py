"""`FeatureRecipe`: the one way from a clip's landmarks to the numbers a model sees.

Training, evaluation, export and the live demo all call the same `recipe.transform(landmarks)`, and the
recipe is written beside every model. It works in two steps:

1. `recipe.points(landmarks)`: select parts, take the body's own origin and unit, fill short gaps, resample.
   The result is still a clip, (frames, L, C) with NaN where nothing was seen; augmentation happens here.
2. `recipe.encode(points)`: move the hands to their own origin, turn NaN into value + mask, flatten.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from asl_lib.files import write_json
from asl_lib.landmarks import PARTS, Landmarks

RECIPE_VERSION = 1
RECIPE_PARTS: dict[str, tuple[str, int]] = {
    "pose": ("pose", 33),
    "upper_body": ("pose", 25),  # down to the hips: MediaPipe guesses legs that are outside the picture
    "face": ("face", PARTS["face"]),
    "left_hand": ("left_hand", 21),
    "right_hand": ("right_hand", 21),
}
"""Part of a recipe -> tracked part it is taken from, and how many of that part's first landmarks."""

LEFT_SHOULDER, RIGHT_SHOULDER, LEFT_WRIST, RIGHT_WRIST = 11, 12, 15, 16
POSE_MIRROR = (0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(i + 1 if i % 2 else i - 1 for i in range(11, 33)))
"""Index of the landmark on the other side of the body, for each of the 33 pose landmarks."""
WRIST, MIDDLE_KNUCKLE = 0, 9


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
            place and size in the picture.
        hand_frame: "wrist" gives each hand its own origin (the wrist) and unit (the clip's median distance
            from wrist to middle knuckle), so that the handshape reads the same wherever the hand is: the
            place is still in the pose's wrists. "body" leaves the hands in the body's frame.
        mirror_left_handed: mirror a clip whose left hand does more, with the hands exchanged.
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
    mirror_left_handed: bool = False
    frames: int = 30
    max_gap: int = 5
    mask: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        for name, allowed in (
            ("coordinates", ("xy", "xyz")),
            ("body_frame", ("shoulders", "image")),
            ("hand_frame", ("wrist", "body")),
        ):
            if getattr(self, name) not in allowed:
                raise RecipeError(f"{name} must be one of {', '.join(allowed)}; got {getattr(self, name)!r}.")
        for part in self.parts:
            if part not in RECIPE_PARTS:
                raise RecipeError(f"parts must be among {', '.join(RECIPE_PARTS)}; got {part!r}.")
        if not self.parts or len(set(self.parts)) < len(self.parts) or {"pose", "upper_body"} <= set(self.parts):
            raise RecipeError(f"parts must be different ones, pose or upper_body but not both; got {self.parts}.")
        if self.frames < 2 or self.max_gap < 0:
            raise RecipeError(f"frames must be at least 2 and max_gap at least 0; got {self.frames}, {self.max_gap}.")

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
        return sum(RECIPE_PARTS[part][1] for part in self.parts)

    @property
    def num_features(self) -> int:
        """Numbers in one frame of the result."""
        return self.num_landmarks * self.num_coordinates + (len(self.parts) if self.mask else 0)

    def columns(self, part: str) -> slice:
        """Return which of the L landmarks of `points` belong to a part."""
        start = sum(RECIPE_PARTS[p][1] for p in self.parts[: self.parts.index(part)])
        return slice(start, start + RECIPE_PARTS[part][1])

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
        chosen = [parts[RECIPE_PARTS[part][0]][:, : RECIPE_PARTS[part][1]] for part in self.parts]
        points = np.concatenate(chosen, axis=1)[..., : self.num_coordinates]
        return resample(fill_gaps(points, max_gap=self.max_gap), num_frames=self.frames)

    def encode(self, points: np.ndarray) -> np.ndarray:
        """Return the features of one clip or many.

        Args:
            points: (..., frames, L, C) as `points` gives them, augmented or not.

        Returns:
            (..., frames, num_features) float32: all coordinates (0 where missing), then the mask.
        """
        shown = points.copy()
        seen = []
        for part in self.parts:
            columns = self.columns(part)
            seen.append(~np.isnan(points[..., columns, 0]).all(axis=-1))  # (..., frames)
            if self.hand_frame == "wrist" and part.endswith("_hand"):
                shown[..., columns, :] = _in_wrist_frame(points[..., columns, :])
        flat = np.nan_to_num(shown, nan=0.0).reshape(*points.shape[:-2], -1)
        if self.mask:
            flat = np.concatenate([flat, np.stack(seen, axis=-1)], axis=-1)
        return flat.astype(np.float32)

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
            values = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RecipeError(f"{path} cannot be read as a recipe: {error}.") from error
        return cls.from_dict(values, source=str(path))

    @classmethod
    def from_dict(cls, values: Any, *, source: str = "The recipe") -> FeatureRecipe:
        if not isinstance(values, dict) or values.get("version") != RECIPE_VERSION:
            version = values.get("version") if isinstance(values, dict) else None
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
        return cls(**given)


def fill_gaps(points: np.ndarray, *, max_gap: int) -> np.ndarray:
    """Return (T, L, C) points with gaps of at most `max_gap` frames filled by linear interpolation in time.

    A gap has a seen frame on both sides: what is missing at the start or the end stays NaN, and so does a
    hand that was out of sight for longer, because nobody knows where it was.
    """
    filled = points.copy()
    if max_gap == 0 or len(points) < 3:
        return filled
    frames = np.arange(len(points))
    missing = np.isnan(points).any(axis=2)  # (T, L)
    last = np.maximum.accumulate(np.where(missing, -1, frames[:, None]), axis=0)
    following = np.minimum.accumulate(np.where(missing, len(points), frames[:, None])[::-1], axis=0)[::-1]
    fillable = missing & (last >= 0) & (following < len(points)) & (following - last - 1 <= max_gap)
    at, landmark = np.nonzero(fillable)
    before, after = last[at, landmark], following[at, landmark]
    weight = ((at - before) / (after - before))[:, None].astype(points.dtype)
    filled[at, landmark] = points[before, landmark] * (1 - weight) + points[after, landmark] * weight
    return filled


def resample(clip: np.ndarray, *, num_frames: int) -> np.ndarray:
    """Return `clip` resampled to `num_frames` by linear interpolation in time.

    Args:
        clip: (T, L, C) points; NaN where missing.
        num_frames: length of the result, at least 2.

    Returns:
        New (num_frames, L, C) float32. A point is NaN where either neighbour in time is.

    Raises:
        ValueError: the clip has no frame, or `num_frames` < 2.
    """
    if num_frames < 2:
        raise ValueError(f"num_frames must be at least 2; got {num_frames}.")
    if len(clip) == 0:
        raise ValueError("clip must have at least one frame; got none.")
    return sample_at(clip, np.linspace(0, len(clip) - 1, num_frames))


def sample_at(clip: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return (len(times), L, C) float32: the clip at fractional frame numbers from 0 to T - 1."""
    before = np.clip(np.floor(times).astype(int), 0, len(clip) - 1)
    after = np.minimum(before + 1, len(clip) - 1)
    weight = (times - before)[:, None, None].astype(np.float32)
    mixed = clip[before] * (1 - weight) + clip[after] * weight
    # On a frame exactly, its neighbour does not matter: 0 x NaN would make it missing.
    return np.where(weight == 0, clip[before], mixed).astype(np.float32)


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
    other = {"left_hand": "right_hand", "right_hand": "left_hand"}
    if "face" in parts:
        raise RecipeError("mirror_left_handed cannot be used with the face yet: leave the face out of parts.")
    # x becomes 1 - x: the mirror stands at the edge of the picture, so the clip stays inside it.
    flip, shift = np.array([-1, 1, 1], np.float32), np.array([1, 0, 0], np.float32)
    mirrored = {name: parts[other.get(name, name)] * flip + shift for name in parts}
    mirrored["pose"] = mirrored["pose"][:, list(POSE_MIRROR)]
    return mirrored
