"""`google_asl_signs`: 250 ASL signs by 21 people, as MediaPipe landmarks (Kaggle competition, 2023)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from asl_lib.data.dataset import Dataset, Published, clips_table, inner_folder, read_list


class GoogleAslSigns(Dataset):
    name = "google_asl_signs"
    title = "Google Isolated Sign Language Recognition: 250 ASL signs as landmarks (2023)"
    licence = "CC BY 4.0"
    size = "57 GB"
    homepage = "https://www.kaggle.com/competitions/asl-signs"
    notice = "Landmarks only, one parquet file a clip, read as they are. Many clips hold few frames with a hand."
    obtain = (
        "Accept the rules at https://www.kaggle.com/competitions/asl-signs, then call "
        "`asl datasets download google_asl_signs`, or put train.csv and train_landmark_files/ into {folder}."
    )
    kind = "landmarks"
    published = Published(clips=94477, signs=250, signers=21)
    kaggle = "competition:asl-signs"

    def source_dir(self, dataset_dir: Path) -> Path:
        return inner_folder(dataset_dir, "train.csv")

    def find_clips(self, source_dir: Path, subset: str = "") -> pd.DataFrame:
        if not (source_dir / "train.csv").is_file():
            raise self.absent(source_dir, "train.csv")
        table = read_list(source_dir / "train.csv", ["path", "participant_id", "sequence_id", "sign"])
        return clips_table(
            [
                {
                    "clip_id": f"{row.participant_id}-{row.sequence_id}",
                    "path": row.path,
                    "gloss": row.sign,
                    "signer": row.participant_id,
                }
                for row in table.itertuples()
            ]
        )
