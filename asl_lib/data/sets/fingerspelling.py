"""`fingerspelling`: the letters A to Z in eleven sign languages, as landmarks of eleven signers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asl_lib.data.dataset import Dataset, Published, Row, read_list, shared_folder


class Fingerspelling(Dataset):
    name = "fingerspelling"
    title = "Fingerspelling lexicon of spoken-to-signed-translation (Moryossef et al. 2023)"
    licence = "MIT"
    size = "11 MB"
    homepage = "https://github.com/ZurichNLP/spoken-to-signed-translation"
    notice = "Landmarks only: the eleven signers' videos are not part of it. One clip a letter and signer."
    obtain = (
        "Copy the folder assets/fingerspelling_lexicon of the GitHub repository ZurichNLP/spoken-to-signed-translation "
        "to {folder}, or set ASL_SHARED_DATA to a folder that holds it as 'fingerspelling'."
    )
    holds = "index.csv"
    kind = "landmarks"
    published = Published(clips=283, signs=26, signers=11)

    def source_dir(self, dataset_dir: Path) -> Path:
        return shared_folder(dataset_dir, holds="index.csv")

    def list_clips(self, source_dir: Path, subset: str) -> Iterator[Row]:
        if not (source_dir / "index.csv").is_file():
            return
        # The index lists some files under several languages; the signer is in the folder, not in the column.
        index = read_list(source_dir / "index.csv", ["path", "words"]).drop_duplicates("path")
        for path, word in zip(index["path"], index["words"], strict=True):
            signer, gloss = path.partition("/")[0], word.strip().upper()
            yield {"clip_id": f"{signer}-{gloss}", "path": path, "gloss": gloss, "signer": signer}
