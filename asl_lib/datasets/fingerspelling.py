"""`fingerspelling`: the letters A to Z in eleven sign languages, as landmarks of eleven signers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from asl_lib.clips import make_clips
from asl_lib.datasets.base import Dataset, DatasetError, shared_folder


class Fingerspelling(Dataset):
    name = "fingerspelling"
    title = "Fingerspelling lexicon of spoken-to-signed-translation (Moryossef et al. 2023)"
    licence = "MIT"
    notice = "Landmarks only: the eleven signers' videos are not part of it. One clip a letter and signer."
    has_videos = False

    def source_dir(self, dataset_dir: Path) -> Path:
        return shared_folder(dataset_dir, holds="index.csv")

    def find_clips(self, source_dir: Path) -> pd.DataFrame:
        index = source_dir / "index.csv"
        if not index.is_file():
            raise DatasetError(
                f"There is no {index}. Copy the folder assets/fingerspelling_lexicon of the GitHub repository "
                f"ZurichNLP/spoken-to-signed-translation to {source_dir}, or set ASL_SHARED_DATA to a folder "
                "that holds it as 'fingerspelling'."
            )
        table = pd.read_csv(index, dtype=str, keep_default_na=False)
        for column in ("path", "words"):
            if column not in table.columns:
                raise DatasetError(f"{index} has no column '{column}' (found: {', '.join(table.columns)}).")
        # The index lists some files under several languages; the folder, not the column, tells who signs.
        table = table.drop_duplicates("path").sort_values("path")
        rows: list[dict[str, object]] = []
        for path, word in zip(table["path"], table["words"], strict=True):
            signer = Path(path).parts[0]
            gloss = word.strip().upper()
            rows.append({"clip_id": f"{signer}-{gloss}", "path": path, "gloss": gloss, "signer": signer})
        return make_clips(rows).sort_values("clip_id", ignore_index=True)
