"""`fingerspelling`: the letters A to Z in eleven sign languages, as landmarks of eleven signers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from asl_lib.data.dataset import Dataset, Published, Remote, Row, inner_folder, read_list, shared_folder

REPOSITORY, COMMIT = "spoken-to-signed-translation", "abb1e802ba2102fc62a56bb056e273c0009463cc"
"""The first commit with all points of pose and hands, of 2024-11-06."""
SIGNERS = ("asq", "bzs", "eso", "gsg", "ise", "mfs", "sgg", "ssp", "svk", "swl", "tsm")
"""The course's numbers are those of these eleven."""
OTHERS = ("ase", "cse", "csq", "lls", "psr")
"""The subset "others", on which nothing was ever tuned. The lexicon's three other alphabets do not have A to Z."""


class Fingerspelling(Dataset):
    name = "fingerspelling"
    title = "Fingerspelling lexicon of spoken-to-signed-translation (Moryossef et al. 2023)"
    licence = "MIT"
    size = "100 MB to download, 11 MB without the face"
    homepage = "https://github.com/ZurichNLP/spoken-to-signed-translation"
    notice = "Landmarks only: the eleven signers' videos are not part of it. One clip a letter and signer."
    obtain = (
        "Get it with `asl datasets download fingerspelling` (from the GitHub repository "
        f"ZurichNLP/{REPOSITORY}), or set ASL_SHARED_DATA to a folder that holds it as 'fingerspelling'."
    )
    holds = "index.csv"
    kind = "landmarks"
    subsets = ("others",)
    published = Published(clips=283, signs=26, signers=11)
    remotes = (
        Remote(
            (
                f"https://codeload.github.com/sign-language-processing/{REPOSITORY}/zip/{COMMIT}",
                f"https://github.com/ZurichNLP/{REPOSITORY}/archive/{COMMIT}.zip",
            ),
            "fingerspelling_lexicon.zip",
            inside=f"{REPOSITORY}-{COMMIT}/spoken_to_signed/assets/fingerspelling_lexicon",
        ),
    )

    def source_dir(self, dataset_dir: Path) -> Path:
        folder = inner_folder(dataset_dir, "index.csv")
        return folder if (folder / "index.csv").is_file() else shared_folder(dataset_dir, holds="index.csv")

    def list_clips(self, source_dir: Path, subset: str) -> Iterator[Row]:
        if not (source_dir / "index.csv").is_file():
            return
        # The index lists some files under several languages; the signer is in the folder, not in the column.
        index = read_list(source_dir / "index.csv", ["path", "words"]).drop_duplicates("path")
        for path, word in zip(index["path"], index["words"], strict=True):
            signer, gloss = path.partition("/")[0], word.strip().upper()
            if signer in (OTHERS if subset else SIGNERS) and re.fullmatch("[A-Z]", gloss):
                yield {"clip_id": f"{signer}-{gloss}", "path": path, "gloss": gloss, "signer": signer}
