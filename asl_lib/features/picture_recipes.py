"""How a photograph, or a video, becomes what a network takes: one value, kept beside the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np

from asl_lib._util.files import read_json, write_json
from asl_lib.features.frames import FrameSet, read_clip, square_frame, take_frames
from asl_lib.features.labelled import PictureSet
from asl_lib.features.optical_flow import METHODS
from asl_lib.features.photographs import read_photograph
from asl_lib.models.errors import TrainingError

AnyRecipe = TypeVar("AnyRecipe", bound="PictureRecipe")
LARGEST_PX, MOST_FRAMES = 4096, 10_000
"""What a recipe may ask for: a file that asks for more asks for all memory."""


@dataclass(frozen=True)
class PictureRecipe:
    """What photographs and videos have in common.

    Attributes:
        size: side in px.
        glosses: the classes, in the order of the network's outputs.
    """

    size: int
    glosses: tuple[str, ...]
    noun: ClassVar[str] = "picture"

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of what `transform` gives."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise ValueError where a value is not of its kind."""
        if not all(isinstance(gloss, str) for gloss in self.glosses):
            raise ValueError("glosses must be texts")
        if type(self.size) is not int or not 1 <= self.size <= LARGEST_PX:
            raise ValueError(f"size must be a number of px, from 1 to {LARGEST_PX}")

    def save(self, path: str | Path) -> None:
        """Write the recipe as JSON."""
        write_json(path, {"version": 1, "input": self.noun, **asdict(self)})

    @classmethod
    def load(cls: type[AnyRecipe], path: str | Path) -> AnyRecipe:
        """Read a recipe that `save` wrote.

        Raises:
            TrainingError: the file is missing, or no recipe of this kind.
        """
        try:
            values = read_json(path)
            about = values.pop("version"), values.pop("input")
            if about != (1, cls.noun):
                raise ValueError(f"version {about[0]} of {about[1]}")
            recipe = cls(**{**values, "glosses": tuple(values["glosses"])})
            recipe.check()
            return recipe
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise TrainingError(f"{path} is not the recipe of a network for {cls.noun}s ({error!r}).") from error


@dataclass(frozen=True)
class PhotographRecipe(PictureRecipe):
    """How a photograph becomes a network's input: read upright, as RGB, fitted into a square; from 0 to 255."""

    noun = "photograph"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.size, self.size, 3

    def transform(self, path: str | Path) -> np.ndarray:
        """Return (size, size, 3) uint8 of a file; see `photographs.read_photograph`."""
        return read_photograph(path, size=self.size)


@dataclass(frozen=True)
class VideoRecipe(PictureRecipe):
    """How a video becomes a network's input: N frames, square, in colour or as optical flow; from 0 to 255.

    Attributes:
        frames: N.
        flow: method of the flow; empty for colour.
    """

    frames: int
    flow: str
    noun = "clip"

    def check(self) -> None:
        super().check()
        if type(self.frames) is not int or not 1 <= self.frames <= MOST_FRAMES:
            raise ValueError(f"frames must be a number from 1 to {MOST_FRAMES}")
        if self.flow != "" and self.flow not in tuple(METHODS):
            raise ValueError(f"flow must be empty or one of {', '.join(METHODS)}")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.frames, self.size, self.size, 2 if self.flow else 3

    def transform(self, path: str | Path, **cut: Any) -> np.ndarray:
        """Return (frames, size, size, channels) uint8 of a video, or of a cut of it; see `frame_store.read_clip`."""
        return read_clip(path, frames=self.frames, size=self.size, flow=self.flow, **cut)

    def square(self, frame: np.ndarray) -> np.ndarray:
        """Return what `transform` makes of a (H, W, 3) uint8 RGB frame first, as soon as a camera gives it."""
        return square_frame(frame, size=self.size, flow=self.flow)

    def transform_squares(self, squares: Sequence[np.ndarray]) -> np.ndarray:
        """Return the same as `transform`, to the last bit, of all frames of a clip as `square` gives them."""
        return take_frames(squares, frames=self.frames, size=self.size, flow=self.flow)


def recipe_of(pictures: PictureSet) -> PictureRecipe:
    """Return the recipe that the pictures of a set were made by."""
    glosses = tuple(pictures.glosses.tolist())
    if isinstance(pictures, FrameSet):
        return VideoRecipe(pictures.size, glosses, pictures.frames, pictures.flow)
    return PhotographRecipe(pictures.size, glosses)
