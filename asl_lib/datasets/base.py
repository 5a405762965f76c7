"""What every data set offers the course."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from asl_lib.clips import write_clips


class DatasetError(ValueError):
    """A data set that is unknown, absent or not of the published form."""


@dataclass(frozen=True)
class DemoOptions:
    """What is rendered for the `demo` data set. The other data sets are what they are."""

    signs: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    repetitions: int = 3
    seed: int = 42
    workers: int = 0


class Dataset(ABC):
    """One data set: where its files are and how they become a clips table.

    A new data set is a subclass with `name`, `title`, `licence`, `notice` and `find_clips`.
    """

    name: str
    title: str
    licence: str
    notice: str
    has_videos: bool = True
    """False where the files are landmarks already, and stage 02 has nothing to do."""

    def source_dir(self, dataset_dir: Path) -> Path:
        """Return the folder that the clips' paths are relative to."""
        return dataset_dir

    @abstractmethod
    def find_clips(self, source_dir: Path) -> pd.DataFrame:
        """Return the clips table of the files in `source_dir`.

        Raises:
            DatasetError: nothing of the data set's form is there; the sentence says what to put where.
        """

    def prepare(self, dataset_dir: Path, options: DemoOptions | None = None) -> pd.DataFrame:
        """Make what is missing, write `clips.csv` into `dataset_dir` and return it."""
        clips = self.find_clips(self.source_dir(dataset_dir))
        write_clips(clips, dataset_dir / "clips.csv")
        return clips

    def minimal_pairs(self) -> list[tuple[str, str, str]]:
        """Return known pairs of glosses that differ in one parameter only: (gloss, gloss, parameter)."""
        return []

    def pose_path(self, dataset_dir: Path, clip: pd.Series) -> Path:
        """Return where the landmarks of a clip are, or will be."""
        if self.has_videos:
            return dataset_dir / "poses" / f"{clip['clip_id']}.pose"
        return self.source_dir(dataset_dir) / str(clip["path"])


def shared_folder(dataset_dir: Path, *, holds: str) -> Path:
    """Return `dataset_dir` where it holds the data set, else the copy that several checkouts share.

    That is `$ASL_SHARED_DATA/<name>`, or `../shared/data/<name>` beside the project: a class or a
    laboratory keeps one copy of a large data set for everybody.

    Args:
        dataset_dir: `data/<name>/` of this project.
        holds: a file that the data set always has.
    """
    shared = [os.environ.get("ASL_SHARED_DATA"), dataset_dir.parent.parent.parent / "shared" / "data"]
    places = [dataset_dir, *(Path(root) / dataset_dir.name for root in shared if root)]
    return next((place for place in places if (place / holds).is_file()), dataset_dir)


def safe_name(text: str) -> str:
    """Return `text` as part of a file name that every system accepts."""
    return re.sub(r"[^\w.-]+", "_", text, flags=re.UNICODE).strip("._") or "_"
