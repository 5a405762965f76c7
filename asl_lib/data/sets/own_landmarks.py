"""`own_landmarks`: landmarks that you extracted yourself, in the folders of a tutorial or one file a clip."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from asl_lib._util.cache import map_npy
from asl_lib.data.dataset import OWN_FOLDERS, Dataset, Row
from asl_lib.data.names import clip_id_of, unusable, walk_folders
from asl_lib.data.recorded import NUMBERS, TABLE, missing_frames, table_entries, table_notes, table_of

SUFFIXES = (".npy", ".npz", ".parquet", ".pose")
WRAPPER = "MP_Data"
"""The tutorial's name for the folder of all words: it is neither a signer nor a word."""
UNKNOWN = "unknown"


class OwnLandmarks(Dataset):
    name = "own_landmarks"
    title = "Your own landmarks, such as the MP_Data folders of a widespread tutorial"
    licence = "yours and your signers'"
    size = "as large as you make it"
    homepage = ""
    notice = (
        "Landmarks are personal data like the videos they come from: keep and share them only as the signer agreed."
    )
    obtain = (
        f"Copy or link your folder {WRAPPER} into {{folder}}, as <word>/<number>/<frame>.npy, or put one .npy, .npz, "
        ".parquet or .pose file a clip into <word>/ or <signer>/<word>/."
    )
    holds = "clip of landmarks"
    kind = "landmarks"

    def list_clips(self, source_dir: Path, subset: str) -> Iterator[Row]:
        for path in _find(source_dir)[0]:
            names = _names(path)
            known = table_entries(source_dir / path)
            signer = known.get("signer", "") or (names[0] if len(names) == 3 else UNKNOWN)
            gloss, clip = names[-2:]
            row = {"clip_id": clip_id_of(signer, gloss, clip), "path": path.as_posix()}
            yield {**row, "gloss": gloss, "signer": signer}

    def left_out(self, source_dir: Path) -> dict[str, list[str]]:
        return _find(source_dir)[1]

    def notes(self, clips: pd.DataFrame, source_dir: Path) -> list[str]:
        notes, about = super().notes(clips, source_dir), f"see {self.page}"
        for table, paths in _tables(source_dir).items():
            notes += table_notes(table, paths)
        unknown = int((clips["signer"] == UNKNOWN).sum())
        if unknown:
            notes.append(
                f"The signers of {unknown:,} of {len(clips):,} clips are unknown: nobody can be held out, and a test "
                f"on shuffled clips says nothing about new people. Name them in {source_dir / TABLE}; {about}."
            )
        others = [path for path in clips["path"] if Path(path).suffix not in (".pose", ".parquet")]
        assumed = sum(not table_entries(source_dir / path).keys() >= set(NUMBERS) for path in others)
        if assumed:
            notes.append(
                f"{assumed:,} clips are read as 30 frames/s and pictures of 640x480 px, where nothing else is said. If "
                f"that is wrong, hands are too wide or too narrow: write fps, width and height into {TABLE}; {about}."
            )
        return notes


def _tables(source_dir: Path) -> dict[Path, list[Path]]:
    """Return the tables in the data set's folder, each with the paths of all clips of which it is the nearest one."""
    tables: dict[Path, list[Path]] = {source_dir / TABLE: []} if (source_dir / TABLE).is_file() else {}
    for path in _find(source_dir)[0]:
        table = table_of(source_dir / path)
        # A table above the folder may be for other data sets as well.
        if table and table.is_relative_to(source_dir):
            tables.setdefault(table, []).append(source_dir / path)
    return tables


def _find(source_dir: Path) -> tuple[list[Path], dict[str, list[str]]]:
    """Return the paths of the clips, files or folders of frames, and those of the files that are left out, by kind."""
    clips: list[Path] = []
    others: dict[str, list[str]] = {}
    for folder, folders, files in walk_folders(source_dir):
        place = folder.relative_to(source_dir)
        if place.parts[:1] and place.parts[0] in OWN_FOLDERS:
            continue
        if not files and not folders and _left_out(place) is None:
            others.setdefault("empty folders", []).append(place.as_posix())
        frames = [name for name in files if name.lower().endswith(".npy") and name[0] != "."]
        if frames and _are_frames(folder, frames):
            files = [name for name in files if name not in frames]
            if (kind := _left_out(place)) is None:
                clips.append(place)
                if gaps := missing_frames(frames):
                    others.setdefault("missing among the frames of a clip", []).extend(
                        f"{place.as_posix()}/{number}.npy" for number in gaps
                    )
            else:
                others.setdefault(kind, []).extend((place / name).as_posix() for name in frames)
        for path in (place / name for name in files if place.parts):
            kind = _left_out(path)
            if kind is None and path.suffix.lower() not in SUFFIXES:
                kind = "with other suffixes"
            if kind is None:
                clips.append(path)
            elif path.name != TABLE:
                others.setdefault(kind, []).append(path.as_posix())
    return clips, others


def _are_frames(folder: Path, names: list[str]) -> bool:
    """Return whether `.npy` files are the frames of one clip, and not a clip each.

    The first that can be read decides, unless it is of shape (1, values): many such are frames, but one may be a clip
    that is too short.
    """
    for name in names:
        try:
            shape = map_npy(folder / name).shape
        except (OSError, ValueError):
            continue
        if len(shape) != 2 or shape[0] != 1:
            return len(shape) == 1
    return True


def _names(path: Path) -> list[str]:
    return [part for part in path.parts if part != WRAPPER]


def _left_out(path: Path) -> str | None:
    """Return why a path is none of a clip, as a kind of files; None for a clip's."""
    names = _names(path)
    layout = None if len(names) in (2, 3) else "neither in <word>/ nor in <signer>/<word>/"
    return unusable(path, names) or layout
