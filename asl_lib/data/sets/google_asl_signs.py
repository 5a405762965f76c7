"""`google_asl_signs`: 250 ASL signs by 21 people, as MediaPipe landmarks (Kaggle competition, 2023)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asl_lib.data.dataset import Dataset, Published, Row, inner_folder, read_list


class GoogleAslSigns(Dataset):
    name = "google_asl_signs"
    title = "Google Isolated Sign Language Recognition: 250 ASL signs as landmarks (2023)"
    licence = "CC BY 4.0"
    size = "57 GB"
    homepage = "https://www.kaggle.com/competitions/asl-signs"
    notice = "Landmarks only, one parquet file per clip, used as published. Many clips have few frames with a hand."
    obtain = (
        "Accept the rules at https://www.kaggle.com/competitions/asl-signs, then call "
        "`asl datasets download google_asl_signs`, or put train.csv and train_landmark_files/ into {folder}."
    )
    holds = "train.csv"
    kind = "landmarks"
    published = Published(clips=94477, signs=250, signers=21)
    kaggle = "competition:asl-signs"

    def source_dir(self, dataset_dir: Path) -> Path:
        return inner_folder(dataset_dir, "train.csv")

    def list_clips(self, source_dir: Path, subset: str) -> Iterator[Row]:
        if not (source_dir / "train.csv").is_file():
            return
        for row in read_list(source_dir / "train.csv", ["path", "participant_id", "sequence_id", "sign"]).itertuples():
            clip_id = f"{row.participant_id}-{row.sequence_id}"
            yield {"clip_id": clip_id, "path": row.path, "gloss": row.sign, "signer": row.participant_id}
