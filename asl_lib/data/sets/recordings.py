"""`recordings`: your own videos in folders <signer>/<gloss>, optionally combined with other data sets of videos."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd

from asl_lib.data.clips import Clip, check_clips, similar_names, write_clips
from asl_lib.data.dataset import OWN_FOLDERS, VIDEO_SUFFIXES, Dataset, Options, Row
from asl_lib.data.errors import DatasetError
from asl_lib.data.names import clip_id_of, unusable, walk_folders

FROM = "+"
"""Separates the name of another data set from the clip_id that the clip has there."""


class Recordings(Dataset):
    name = "recordings"
    title = "Your own recordings"
    licence = "yours and your signers'"
    size = "as large as you make it"
    homepage = ""
    notice = "A face and a signing body identify a person: record, keep and share clips only as the signer agreed."
    obtain = "Put videos into {folder} as <signer>/<gloss>/<name>.mp4, for example recordings/signer01/HELLO/01.mp4."
    holds = "recording"

    def list_clips(self, source_dir: Path, subset: str) -> Iterator[Row]:
        for path in sorted(_files(source_dir)):
            if _left_out(path) is None:
                signer, gloss, _ = path.parts
                row = {"clip_id": clip_id_of(*path.parts), "path": path.as_posix()}
                yield {**row, "gloss": gloss, "signer": signer}

    def left_out(self, source_dir: Path) -> dict[str, list[str]]:
        kinds: dict[str, list[str]] = {}
        for path in sorted(_files(source_dir)):
            if kind := _left_out(path):
                kinds.setdefault(kind, []).append(path.as_posix())
        return kinds

    def prepare(self, dataset_dir: Path, options: Options | None = None) -> pd.DataFrame:
        """Write `clips.csv` of the recordings and, after them, of the data sets in `options.also`.

        The videos and landmarks of the other data sets stay in their own folders. Their signers are renamed
        `<data set>-<signer>`, because the same name may belong to two people.

        Raises:
            DatasetError: there is no recording, or another data set has no videos or is not here.
        """
        options = options or Options()
        own = super().prepare(dataset_dir, replace(options, also=()))
        if not options.also:
            return own
        others = [self._clips_of(other, dataset_dir, options) for other in dict.fromkeys(options.also)]
        clips = check_clips(pd.concat([own, *others]), source="The recordings and the other data sets")
        for note in set(similar_names(clips)) - set(similar_names(own)):
            warnings.warn(note, stacklevel=2)
        write_clips(clips, dataset_dir / "clips.csv")
        return clips

    def _clips_of(self, other: Dataset, dataset_dir: Path, options: Options) -> pd.DataFrame:
        if not other.has_videos or other.name == self.name:
            raise DatasetError(f"Recordings combine with other data sets of videos; got {other.name}, {other.kind}.")
        folder = dataset_dir.parent / other.name
        clips = other.prepare(folder, replace(options, also=()))
        here, there = self.source_dir(dataset_dir), other.source_dir(folder)
        clips["path"] = [Path(os.path.relpath(there / path, here)).as_posix() for path in clips["path"]]
        for column, mark in (("clip_id", FROM), ("signer", "-")):
            clips[column] = f"{other.name}{mark}" + clips[column]
        return clips.assign(split="")

    def pose_path(self, dataset_dir: Path, clip: Clip) -> Path:
        name, mark, clip_id = str(clip["clip_id"]).partition(FROM)
        if not mark:
            return super().pose_path(dataset_dir, clip)
        return super().pose_path(dataset_dir.parent / name, {**clip, "clip_id": clip_id})


def _files(source_dir: Path) -> Iterator[Path]:
    """Yield the files of a folder, relative to it, but those that the course writes."""
    for folder, _, files in walk_folders(source_dir):
        place = folder.relative_to(source_dir)
        yield from (place / name for name in files if not _is_written(place / name))


def _is_written(path: Path) -> bool:
    """Return whether the course writes such a file: a table, or what is in its folders, where no sign has a folder."""
    is_video = path.suffix.lower() in VIDEO_SUFFIXES
    if path.parts[0] in OWN_FOLDERS:
        return not is_video or len(path.parts) < 3
    return not is_video and len(path.parts) == 1


def _left_out(path: Path) -> str | None:
    """Return why a file is not used as a recording, as a kind of files; None if it is used."""
    if kind := unusable(path, path.parts):
        return kind
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        return "with other suffixes"
    if path.parts[0] in OWN_FOLDERS:
        return f"in a folder that the course writes itself, {path.parts[0]}: give the signer another name"
    if len(path.parts) != 3:
        return "in nested folders" if len(path.parts) > 3 else "outside <signer>/<gloss>/"
    return None
