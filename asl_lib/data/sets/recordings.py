"""`recordings`: your own videos, one folder a signer and in it one a gloss; with another data set's beside them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pandas as pd

from asl_lib.data.clips import Clip, check_clips, make_clips, write_clips
from asl_lib.data.dataset import MADE_HERE, VIDEO_SUFFIXES, Dataset, Options, safe_name
from asl_lib.data.errors import DatasetError

FROM = "+"
"""Between a data set's name and the id of a clip that comes from there."""


class Recordings(Dataset):
    name = "recordings"
    title = "Your own recordings"
    licence = "yours and your signers'"
    size = "as large as you make it"
    homepage = ""
    notice = "A face and a signing body identify a person: record, keep and share clips only as the signer agreed."
    obtain = "Put videos into {folder} as <signer>/<gloss>/<name>.mp4, for example recordings/ana/HELLO/01.mp4."

    def find_clips(self, source_dir: Path, subset: str = "") -> pd.DataFrame:
        rows: list[dict[str, object]] = []
        for path in sorted(source_dir.glob("*/*/*")):
            relative = path.relative_to(source_dir)
            signer, gloss, name = relative.parts
            # A leading dot marks unfinished and system files.
            if path.suffix.lower() not in VIDEO_SUFFIXES or signer in MADE_HERE or name.startswith("."):
                continue
            clip_id = "-".join(safe_name(part) for part in (signer, gloss, path.name))
            rows.append({"clip_id": clip_id, "path": relative.as_posix(), "gloss": gloss, "signer": signer})
        if not rows:
            raise self.absent(source_dir, "recording")
        return make_clips(rows)

    def prepare(self, dataset_dir: Path, options: Options | None = None) -> pd.DataFrame:
        """Write `clips.csv` of the recordings and, after them, of the data sets in `options.also`.

        Their clips stay where they are, and so do their landmarks; their signers get the data set's name before theirs,
        so that nobody is taken for somebody else.

        Raises:
            DatasetError: there is no recording, or one of the other data sets has no videos or is not here.
        """
        options = options or Options()
        own = super().prepare(dataset_dir, replace(options, also=()))
        if not options.also:
            return own
        others = [self._clips_of(name, dataset_dir, options) for name in dict.fromkeys(options.also)]
        clips = check_clips(pd.concat([own, *others]), source="The recordings and what stands beside them")
        write_clips(clips, dataset_dir / "clips.csv")
        return clips

    def _clips_of(self, name: str, dataset_dir: Path, options: Options) -> pd.DataFrame:
        other = _get(name)
        if other.kind != "videos" or name == self.name:
            raise DatasetError(f"Only data sets of videos can stand beside recordings; {name} comes as {other.kind}.")
        folder = dataset_dir.parent / name
        clips = other.prepare(folder, replace(options, also=()))
        here, there = self.source_dir(dataset_dir), other.source_dir(folder)
        clips["path"] = [Path(os.path.relpath(there / path, here)).as_posix() for path in clips["path"]]
        for column, mark in (("clip_id", FROM), ("signer", "-")):
            clips[column] = f"{name}{mark}" + clips[column]
        return clips.assign(split="")

    def pose_path(self, dataset_dir: Path, clip: Clip) -> Path:
        name, mark, clip_id = str(clip["clip_id"]).partition(FROM)
        if not mark:
            return super().pose_path(dataset_dir, clip)
        return _get(name).pose_path(dataset_dir.parent / name, {**clip, "clip_id": clip_id})


def _get(name: str) -> Dataset:
    from asl_lib.data.registry import get_dataset  # which needs this module first

    return get_dataset(name)
