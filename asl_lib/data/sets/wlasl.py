"""`wlasl`: Word-Level American Sign Language, 2,000 glosses from the web (Li et al. 2020)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from asl_lib._util.console import progress_bar
from asl_lib._util.files import read_json
from asl_lib.data.dataset import (
    SPLIT_NAMES,
    Dataset,
    Published,
    Row,
    inner_folder,
    read_lines,
    shared_folder,
)
from asl_lib.data.errors import DatasetError
from asl_lib.data.video import MediaError, video_info

INDEX = "WLASL_v0.3.json"
ANNOTATED_FPS = 25.0
"""Frame rate of frame_start and frame_end in the lists."""


class Wlasl(Dataset):
    name = "wlasl"
    title = "WLASL: Word-Level American Sign Language (Li et al. 2020)"
    licence = "C-UDA 1.0: computational use only"
    size = "about 5 GB (processed)"
    homepage = "https://dxli94.github.io/WLASL/"
    notice = (
        "Many of its 21,083 videos are no longer on the web; a third missing is normal. Never open the 'missing video' "
        "archives in issue trackers: some are malware."
    )
    obtain = (
        "Get it with `asl datasets download wlasl` (Kaggle), or put WLASL_v0.3.json, nslt_*.json, wlasl_class_list.txt "
        "and videos/<id>.mp4 into {folder}."
    )
    holds = f"{INDEX} or nslt_*.json"
    subsets = ("100", "300", "1000", "2000")
    published = Published(clips=21083, signs=2000, signers=119)
    kaggle = "risangbaskoro/wlasl-processed"

    def source_dir(self, dataset_dir: Path) -> Path:
        folder = inner_folder(dataset_dir, "videos")
        return folder if (folder / "videos").is_dir() else shared_folder(dataset_dir, holds="wlasl_class_list.txt")

    def list_clips(self, source_dir: Path, subset: str) -> Iterator[Row]:
        index, part = source_dir / INDEX, source_dir / f"nslt_{subset or 2000}.json"
        entries = _read_json(index, list) if index.is_file() else []
        if part.is_file():
            return _from_subset(_read_json(part, dict), _glosses(source_dir), _from_index(entries, index), part)
        # The subsets are the first glosses of the index, which is sorted by number of clips.
        return _from_index(entries[: int(subset or len(entries))], index)

    def refine(self, clips: pd.DataFrame, source_dir: Path) -> pd.DataFrame:
        """Apply start, end and box only where they fit the file.

        They refer to the original videos at 25 frames/s. Processed copies are often cut already, resized, or have
        another frame rate, and would be cut at the wrong frames.
        """
        refined = clips.copy()
        rows = clips.index[(clips["end"] > 0) | (clips["start"] > 0) | (clips["box"] != "")]
        for row in progress_bar(rows, total=len(rows), description="Reading video headers", unit="clip"):
            start, end, box = clips.loc[row, ["start", "end", "box"]]
            try:
                info = video_info(source_dir / clips.loc[row, "path"])
            except MediaError:
                continue  # extraction will report it
            scale = info.fps / ANNOTATED_FPS
            if end > 0 and info.frames and end * scale > info.frames + 1:
                start, end = 0, -1  # the video ends before the sign's last frame: it was cut already
            if box:
                _, _, right, bottom = map(int, box.split())
                box = box if right <= info.width and bottom <= info.height else ""
            refined.loc[row, ["start", "end", "box"]] = (
                round(start * scale),
                round(end * scale) if end > 0 else -1,
                box,
            )
        return refined


def _from_index(entries: list[Any], path: Path) -> Iterator[Row]:
    """Yield one row per instance in WLASL_v0.3.json."""
    try:
        for entry in entries:
            for instance in entry["instances"]:
                left, top, right, bottom = (max(0, int(value)) for value in instance["bbox"])
                yield {
                    "clip_id": str(instance["video_id"]),
                    "path": f"videos/{instance['video_id']}.mp4",
                    "gloss": str(entry["gloss"]),
                    "signer": str(instance["signer_id"]),
                    "split": SPLIT_NAMES[instance["split"]],
                    "start": max(0, int(instance["frame_start"]) - 1),  # published frames start at 1
                    "end": int(instance["frame_end"]) if int(instance["frame_end"]) > 0 else -1,
                    "box": f"{left} {top} {right} {bottom}" if left < right and top < bottom else "",
                }
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DatasetError(f"{path} is not of the form of WLASL v0.3: {error!r}. Download it again.") from error


def _from_subset(videos: dict[str, Any], glosses: dict[int, str], known: Iterable[Row], path: Path) -> Iterator[Row]:
    """Yield one row per video in nslt_*.json, with signer and box of the index where it exists."""
    by_id = {str(row["clip_id"]): row for row in known}
    for video_id, about in videos.items():
        try:
            number, first, last = about["action"]
            split = SPLIT_NAMES[about["subset"]]
            row = by_id.get(video_id) or {
                "clip_id": video_id,
                "path": f"videos/{video_id}.mp4",
                "gloss": glosses.get(number, str(number)),
                "signer": "unknown",
                "start": max(0, int(first) - 1),
                "end": int(last) if int(last) > 0 else -1,
            }
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise DatasetError(f"{path}: '{video_id}' has no usable subset and action: {error!r}.") from error
        yield {**row, "split": split}


def _glosses(source_dir: Path) -> dict[int, str]:
    """Return class number -> gloss from wlasl_class_list.txt."""
    path = source_dir / "wlasl_class_list.txt"
    if not path.is_file():
        return {}
    glosses = {}
    for number, line in enumerate(read_lines(path), start=1):
        label, _, gloss = line.partition("\t")
        if not label.strip().isdecimal() or len(label) > 9:
            raise DatasetError(
                f"{path}, line {number} must be like '0<tab>book'; got '{line[:100]}'. Download it again."
            )
        glosses[int(label)] = gloss.strip()
    return glosses


def _read_json(path: Path, form: type) -> Any:
    try:
        value = read_json(path)
    except (ValueError, OSError) as error:
        raise DatasetError(f"{path} is not a whole JSON file ({error}). Download it again.") from error
    if not isinstance(value, form):
        raise DatasetError(f"{path} must hold a {form.__name__}; got a {type(value).__name__}. Download it again.")
    return value
