"""`recordings`: your own videos, one folder a signer and in it one a gloss."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from asl_lib.clips import make_clips
from asl_lib.datasets.base import MADE_HERE, VIDEO_SUFFIXES, Dataset, safe_name


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
