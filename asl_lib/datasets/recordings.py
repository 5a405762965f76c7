"""`recordings`: your own videos, one folder a signer and in it one a gloss."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from asl_lib.clips import make_clips
from asl_lib.datasets.base import Dataset, DatasetError, safe_name

VIDEO_SUFFIXES = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v")


class Recordings(Dataset):
    name = "recordings"
    title = "Your own recordings"
    licence = "yours and your signers'"
    notice = "A face and a signing body identify a person: record, keep and share clips only as the signer agreed."

    def find_clips(self, source_dir: Path) -> pd.DataFrame:
        rows: list[dict[str, object]] = []
        for path in sorted(source_dir.glob("*/*/*")):
            relative = path.relative_to(source_dir)
            signer, gloss, name = relative.parts
            # "poses" is what extraction writes; a leading dot marks unfinished and system files.
            if path.suffix.lower() not in VIDEO_SUFFIXES or signer == "poses" or name.startswith("."):
                continue
            clip_id = "-".join(safe_name(part) for part in (signer, gloss, path.name))
            rows.append({"clip_id": clip_id, "path": relative.as_posix(), "gloss": gloss, "signer": signer})
        if not rows:
            raise DatasetError(
                f"There is no recording under {source_dir}. Put videos there as <signer>/<gloss>/<name>.mp4, "
                "for example recordings/ana/HELLO/01.mp4."
            )
        return make_clips(rows)
