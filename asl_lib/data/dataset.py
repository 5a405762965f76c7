"""The base class of the data sets."""

from __future__ import annotations

import os
import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from asl_lib._util.files import atomic_write
from asl_lib.data.clips import Clip, make_clips, missing_files, sample_clips, similar_names, write_clips
from asl_lib.data.errors import DatasetError

VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v")
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")
Row = dict[str, object]
"""One row of the clips table before it is checked, as `make_clips` takes it."""
OWN_FOLDERS = ("poses", "landmarks", "preview", "checked")
"""Subfolders of a data set's folder that the course itself writes."""
SPLIT_NAMES = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation", "test": "test"}
"""Names of the parts of a split in published lists -> in the clips table."""


@dataclass(frozen=True)
class Options:
    """Which clips of a data set to prepare.

    Attributes:
        signs, signers, repetitions: what to render for `demo` and `demo_letters`; other data sets ignore them.
        subset: a published subset; empty for all.
        clips_per_sign: at most this many clips of each sign, drawn without replacement; 0 for all.
        also: other data sets of videos, whose clips are added to your own recordings.
        seed: seed of the drawing and rendering.
        workers: processes that render; 0 for one per core.
    """

    signs: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    repetitions: int = 2
    subset: str = ""
    clips_per_sign: int = 0
    also: tuple[Dataset, ...] = ()
    seed: int = 42
    workers: int = 0


@dataclass(frozen=True)
class Remote:
    """A zip archive to download and to unpack into the data set's folder.

    Attributes:
        urls: its address and mirrors, tried in this order.
        name: file name in the data set's folder.
        known_hash: "sha256:…" or "md5:…" as published; empty where the publisher gives none.
        inside: the folder of the archive to unpack; empty for all of it.
    """

    urls: tuple[str, ...]
    name: str
    known_hash: str = ""
    inside: str = ""


@dataclass(frozen=True)
class Published:
    """The published size of a data set; 0 for counts that the publishers do not give."""

    clips: int = 0
    signs: int = 0
    signers: int = 0
    per_cell: int = 0
    """Clips of each sign by each signer, where the number is constant."""


class Dataset(ABC):
    """A data set: where its files are, and how they become a clips table.

    A new data set is a subclass in a module of `asl_lib.data.sets` with `name`, `title`, `licence`, `size`, `homepage`,
    `notice`, `obtain`, `holds` and `list_clips`; a page in docs/datasets/; and a parameter file in params/.
    """

    name: str
    title: str
    licence: str
    size: str
    homepage: str
    notice: str
    obtain: str
    """How to get it and where to put it, in one or two sentences; {folder} is replaced by its folder."""
    holds: str
    """What its folder always contains, such as "train.csv", for the message when it is missing."""
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
        """Path of the page that describes it, relative to the course's folder."""
        return f"docs/datasets/{self.name}.md"

    @property
    def has_videos(self) -> bool:
        """Whether its clips are videos, from which notebook 02 extracts landmarks."""
        return self.kind == "videos"

    def photographs(self) -> Dataset | None:
        """Return the data set of photographs of handshapes for the same run: itself, another one, or None."""
        return self if self.kind == "photographs" else None

    def source_dir(self, dataset_dir: Path) -> Path:
        """Return the folder that the clips' paths are relative to."""
        return dataset_dir

    @abstractmethod
    def list_clips(self, source_dir: Path, subset: str) -> Iterable[Row]:
        """Return the rows of the clips table, from the data set's lists if it has some, otherwise from its files.

        Rows from lists include clips whose files are missing. There are no rows if the data set is not in the folder.
        """

    def find_clips(self, source_dir: Path, subset: str = "") -> pd.DataFrame:
        """Return the clips table, sorted by clip_id.

        Raises:
            DatasetError: the folder holds nothing of the data set's form; the message says what to put where.
        """
        rows = list(self.list_clips(source_dir, subset))
        if not rows:
            about = f"{self.how_to_get(source_dir)} See {self.page}."
            raise DatasetError(f"There is no {self.holds} in {source_dir}. {about}")
        return make_clips(rows).sort_values("clip_id", ignore_index=True)

    def left_out(self, source_dir: Path) -> dict[str, list[str]]:
        """Return kind -> paths of files that look like clips, or lie in the folders of clips, but are not used.

        A kind is a phrase such as "files in nested folders". Data sets with lists have none.
        """
        return {}

    def notes(self, clips: pd.DataFrame, source_dir: Path) -> list[str]:
        """Return warnings about a clips table, as sentences."""
        return similar_names(clips)

    def refine(self, clips: pd.DataFrame, source_dir: Path) -> pd.DataFrame:
        """Return the clips with start, end and box corrected by their files, where the lists may not fit them."""
        return clips

    def published_signs(self, subset: str = "") -> tuple[str, ...]:
        """Return the published glosses of a subset; empty where they are known only from the data set's lists."""
        return ()

    def labels(self, source_dir: Path) -> dict[str, str]:
        """Return gloss -> word for glosses that are numbers; empty where glosses are words."""
        return {}

    def prepare(self, dataset_dir: Path, options: Options | None = None) -> pd.DataFrame:
        """Write the clips table to `clips.csv` in `dataset_dir` and return it.

        Listed clips whose files do not exist are written to `missing.csv` instead.

        Raises:
            DatasetError: there is no such subset, or none of its files exists.
        """
        options = options or Options()
        if options.subset and options.subset not in self.subsets:
            has = f"It has: {', '.join(self.subsets)}." if self.subsets else "It has none: leave subset empty."
            raise DatasetError(f"{self.name} has no subset '{options.subset}'. {has}")
        source = self.source_dir(dataset_dir)
        listed = self.find_clips(source, options.subset)
        missing = missing_files(listed, source)
        with atomic_write(dataset_dir / "missing.csv") as tmp:
            missing.to_csv(tmp, index=False, lineterminator="\n")
        present = listed[~listed["clip_id"].isin(set(missing["clip_id"]))].reset_index(drop=True)
        if present.empty:
            raise DatasetError(
                f"None of the {len(listed)} clips of {self.name} is in {source}; the first would be "
                f"{source / listed['path'].iloc[0]}. {self.how_to_get(source)}"
            )
        for note in self.notes(present, source):
            warnings.warn(note, stacklevel=2)
        clips = self.refine(sample_clips(present, per_sign=options.clips_per_sign, seed=options.seed), source)
        write_clips(clips, dataset_dir / "clips.csv")
        return clips

    def minimal_pairs(self) -> list[tuple[str, str, str]]:
        """Return pairs of glosses that differ in one parameter only, as (gloss, gloss, parameter)."""
        return []

    def pose_path(self, dataset_dir: Path, clip: Clip) -> Path:
        """Return the path of a clip's landmarks, which may not exist yet."""
        if self.has_videos:
            return dataset_dir / "poses" / f"{clip['clip_id']}.pose"
        return self.source_dir(dataset_dir) / str(clip["path"])

    def how_to_get(self, folder: Path) -> str:
        """Return the sentences on how to get this data set."""
        return self.obtain.format(folder=folder)


def shared_folder(dataset_dir: Path, *, holds: str) -> Path:
    """Return `dataset_dir` if it holds the data set, otherwise a copy that a class or a laboratory shares.

    The shared copy is `$ASL_SHARED_DATA/<name>`, or `../shared/data/<name>` beside the project. If there is none,
    `dataset_dir` is returned.

    Args:
        dataset_dir: `data/<name>/` of this project.
        holds: a file or folder that the data set always has.
    """
    shared = [os.environ.get("ASL_SHARED_DATA"), dataset_dir.resolve().parent.parent.parent / "shared" / "data"]
    folders = [dataset_dir, *(Path(root) / dataset_dir.name for root in shared if root)]
    return next((folder for folder in folders if (folder / holds).exists()), dataset_dir)


def inner_folder(source_dir: Path, holds: str) -> Path:
    """Return the folder in `source_dir` with an entry `holds`: archives often wrap all in one or two folders."""
    folder = source_dir
    for _ in range(3):
        if (folder / holds).exists():
            return folder
        entries = sorted(folder.iterdir()) if folder.is_dir() else []
        inside = [path for path in entries if path.is_dir() and path.name not in OWN_FOLDERS and path.name[0] != "."]
        if len(inside) != 1:
            break
        folder = inside[0]
    return source_dir


def read_list(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return a published CSV list with all values as text ("None" is a word, not a missing value).

    Raises:
        DatasetError: it is not a CSV table, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (ValueError, OverflowError) as error:  # pandas's own errors are ValueErrors
        raise DatasetError(
            f"{path} is not a CSV table in UTF-8 ({error}). Save it as one, or download it again."
        ) from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes what is too much for row names, and shifts the rest
        raise DatasetError(f"{path} has lines with more values than its header has columns. Correct it.")
    check_columns(table, columns, path)
    return table


def check_columns(table: pd.DataFrame, columns: Sequence[str], path: Path) -> None:
    """Raise DatasetError where a table lacks a column."""
    for column in columns:
        if column not in table.columns:
            found = ", ".join(map(str, table.columns))
            raise DatasetError(f"{path} has no column '{column}' (found: {found}). Commas separate columns.")


def read_lines(path: Path) -> list[str]:
    """Return the non-empty lines of a published text list.

    Raises:
        DatasetError: it is not a text in UTF-8.
    """
    try:
        return [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not a text in UTF-8 ({error}). Download it again.") from error


def natural(text: str) -> list[object]:
    """Return a key that sorts A2 before A10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)]
