"""What every data set offers the course."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from asl_lib._util.files import atomic_write
from asl_lib.data.clips import COLUMNS, Clip, make_clips, missing_files, sample_clips, write_clips
from asl_lib.data.errors import DatasetError

VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
MADE_HERE = ("poses", "landmarks", "preview")
"""Folders that the course writes into a data set's folder."""
SPLIT_NAMES = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}
"""How published lists call the three sides -> how the clips table does."""


@dataclass(frozen=True)
class Options:
    """What to take of a data set.

    Attributes:
        signs, signers, repetitions: what is rendered for `demo`. The other data sets are what they are.
        subset: a published subset, for data sets that have some; empty for all.
        clips_per_sign: at most so many clips of each sign, without replacement; 0 for all.
        also: other data sets of videos, whose clips are added to your own recordings.
        seed: where randomness starts.
        workers: processes that render; 0 for one per core.
    """

    signs: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    repetitions: int = 3
    subset: str = ""
    clips_per_sign: int = 0
    also: tuple[Dataset, ...] = ()
    seed: int = 42
    workers: int = 0


@dataclass(frozen=True)
class Remote:
    """A file to download: where from, and how to know that it is the right one.

    Attributes:
        urls: the address and its mirrors, tried in this order.
        name: what the file is called here.
        known_hash: "sha256:…" or "md5:…" as published; empty where its publisher gives none.
        unpack: whether it is an archive to unpack into the data set's folder.
    """

    urls: tuple[str, ...]
    name: str
    known_hash: str = ""
    unpack: bool = True


@dataclass(frozen=True)
class Published:
    """How much there is, as its publishers say. A count of 0 is one they do not give."""

    clips: int = 0
    signs: int = 0
    signers: int = 0
    per_cell: int = 0
    """Clips of one sign by one signer, where it is the same for all."""


class Dataset(ABC):
    """One data set: where its files are and how they become a clips table.

    A new data set is a subclass with `name`, `title`, `licence`, `size`, `homepage`, `notice`, `obtain` and
    `find_clips`, and a page in docs/datasets/.
    """

    name: str
    title: str
    licence: str
    size: str
    homepage: str
    notice: str
    obtain: str
    """One or two sentences: how to get it and where to put it; {folder} stands for its folder."""
    kind: Literal["videos", "landmarks", "photographs"] = "videos"
    subsets: tuple[str, ...] = ()
    published: Published = Published()
    kaggle: str = ""
    """Handle on Kaggle: "owner/name", or "competition:name"."""
    remotes: tuple[Remote, ...] = ()
    rendered: bool = False
    """Whether `prepare` makes the files themselves, so that there is nothing to download."""

    @property
    def page(self) -> str:
        """The page that describes it, relative to the course's folder."""
        return f"docs/datasets/{self.name}.md"

    @property
    def has_videos(self) -> bool:
        """False where there is nothing for stage 02 to extract."""
        return self.kind == "videos"

    def photographs(self) -> Dataset | None:
        """Return the data set of photographs of handshapes that goes with this one: itself, another, or None."""
        return self if self.kind == "photographs" else None

    def source_dir(self, dataset_dir: Path) -> Path:
        """Return the folder that the clips' paths are relative to."""
        return dataset_dir

    @abstractmethod
    def find_clips(self, source_dir: Path, subset: str = "") -> pd.DataFrame:
        """Return the clips table of what the data set's lists name, or else of the files in `source_dir`.

        A clip whose file is not there is in the table too where a list names it.

        Raises:
            DatasetError: nothing of the data set's form is there; the sentence says what to put where.
        """

    def refine(self, clips: pd.DataFrame, source_dir: Path) -> pd.DataFrame:
        """Return the clips that are present after a look into their files, where their lists need one."""
        return clips

    def published_signs(self, subset: str = "") -> tuple[str, ...]:
        """Return all glosses that its publishers give for a subset; empty where a list in the data set names them."""
        return ()

    def labels(self, source_dir: Path) -> dict[str, str]:
        """Return the words for glosses that are numbers; empty where a gloss is a word itself."""
        return {}

    def prepare(self, dataset_dir: Path, options: Options | None = None) -> pd.DataFrame:
        """Make what is missing, write `clips.csv` into `dataset_dir` and return it.

        Clips that a list names but whose file is not here go to `missing.csv`.

        Raises:
            DatasetError: there is no such subset, or no clip of it is here.
        """
        options = options or Options()
        source = self.source_dir(dataset_dir)
        listed = self._find(source, options.subset)
        missing = missing_files(listed, source)
        with atomic_write(dataset_dir / "missing.csv") as tmp:
            missing.to_csv(tmp, index=False, lineterminator="\n")
        present = listed[~listed["clip_id"].isin(set(missing["clip_id"]))].reset_index(drop=True)
        if present.empty:
            raise DatasetError(
                f"None of the {len(listed)} clips of {self.name} is in {source}; the first would be "
                f"{source / listed['path'].iloc[0]}. {self.how_to_get(source)}"
            )
        clips = self.refine(sample_clips(present, per_sign=options.clips_per_sign, seed=options.seed), source)
        write_clips(clips, dataset_dir / "clips.csv")
        return clips

    def _find(self, source: Path, subset: str) -> pd.DataFrame:
        if subset and subset not in self.subsets:
            has = f"It has: {', '.join(self.subsets)}." if self.subsets else "It has none: leave subset empty."
            raise DatasetError(f"{self.name} has no subset '{subset}'. {has}")
        return self.find_clips(source, subset)

    def minimal_pairs(self) -> list[tuple[str, str, str]]:
        """Return known pairs of glosses that differ in one parameter only: (gloss, gloss, parameter)."""
        return []

    def pose_path(self, dataset_dir: Path, clip: Clip) -> Path:
        """Return where the landmarks of a clip are, or will be."""
        if self.has_videos:
            return dataset_dir / "poses" / f"{clip['clip_id']}.pose"
        return self.source_dir(dataset_dir) / str(clip["path"])

    def how_to_get(self, folder: Path) -> str:
        """Return the sentence that says how to get this data set."""
        return self.obtain.format(folder=folder)

    def absent(self, folder: Path, what: str) -> DatasetError:
        """Return the error for a folder that lacks `what` the data set always has."""
        return DatasetError(f"There is no {what} in {folder}. {self.how_to_get(folder)} See {self.page}.")


def shared_folder(dataset_dir: Path, *, holds: str) -> Path:
    """Return `dataset_dir` where it holds the data set, else the copy that several checkouts share.

    That is `$ASL_SHARED_DATA/<name>`, or `../shared/data/<name>` beside the project: a class or a
    laboratory keeps one copy of a large data set for everybody.

    Args:
        dataset_dir: `data/<name>/` of this project.
        holds: a file or folder that the data set always has.
    """
    shared = [os.environ.get("ASL_SHARED_DATA"), dataset_dir.resolve().parent.parent.parent / "shared" / "data"]
    places = [dataset_dir, *(Path(root) / dataset_dir.name for root in shared if root)]
    return next((place for place in places if (place / holds).exists()), dataset_dir)


def inner_folder(source_dir: Path, holds: str) -> Path:
    """Return the folder under `source_dir` that has an entry `holds`: archives often wrap all in one or two folders."""
    folder = source_dir
    for _ in range(3):
        if (folder / holds).exists():
            return folder
        entries = sorted(folder.iterdir()) if folder.is_dir() else []
        inside = [path for path in entries if path.is_dir() and path.name not in MADE_HERE and path.name[0] != "."]
        if len(inside) != 1:
            break
        folder = inside[0]
    return source_dir


def read_list(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return a published CSV list as text, after a look at its columns.

    Raises:
        DatasetError: it is no table, or lacks a column.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, OverflowError) as error:  # pandas's own errors are ValueErrors
        raise DatasetError(f"{path} is not a CSV table ({error}). Download it again.") from error
    check_columns(table, columns, path)
    return table


def check_columns(table: pd.DataFrame, columns: Sequence[str], path: Path) -> None:
    """Raise DatasetError where a table lacks a column."""
    for column in columns:
        if column not in table.columns:
            raise DatasetError(f"{path} has no column '{column}' (found: {', '.join(map(str, table.columns))}).")


def read_lines(path: Path) -> list[str]:
    """Return the lines of a published text list that are not empty.

    Raises:
        DatasetError: it is no text.
    """
    try:
        return [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not a text in UTF-8 ({error}). Download it again.") from error


def clips_table(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Return a clips table sorted by clip_id."""
    return make_clips(rows).sort_values("clip_id", ignore_index=True)[list(COLUMNS)]


def safe_name(text: str) -> str:
    """Return `text` as part of a file name that every system accepts."""
    return re.sub(r"[^\w.-]+", "_", text, flags=re.UNICODE).strip("._") or "_"


def natural(text: str) -> list[object]:
    """Return a key that sorts A2 before A10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)]
