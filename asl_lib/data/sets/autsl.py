"""`autsl`: Ankara University Turkish Sign Language, 226 signs by 43 signers (Sincan & Keles 2020)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from asl_lib.data.dataset import SPLIT_NAMES, Dataset, Published, Row, inner_folder, read_lines, read_list
from asl_lib.data.errors import DatasetError

LABELS = {
    "train": ("train_labels.csv",),
    "val": ("val_labels.csv", "validation_labels.csv", "ground_truth.csv"),
    "test": ("test_labels.csv", "ground_truth.csv"),
}
"""Folder of a part of the split -> names of its label file, beside the folder or in it."""


class Autsl(Dataset):
    name = "autsl"
    title = "AUTSL: Ankara University Turkish Sign Language (Sincan & Keles 2020)"
    licence = "by registration, for research"
    size = "about 30 GB with depth"
    homepage = "https://cvml.ankara.edu.tr/datasets/"
    notice = "The parts of the official split share no signer. Of the colour and depth videos only colour is used."
    obtain = (
        "Register at https://cvml.ankara.edu.tr/datasets/, unpack (7z, with the password you are sent) into "
        "{folder}/train, val and test, and put train_labels.csv, val_labels.csv and test_labels.csv beside them."
    )
    holds = "train_labels.csv"
    published = Published(clips=36302, signs=226, signers=43)

    def list_clips(self, source_dir: Path, subset: str) -> Iterator[Row]:
        for part in LABELS:
            labels = _label_file(source_dir, part)
            if labels is None:
                continue
            folder = inner_folder(source_dir / part, part).relative_to(source_dir)
            folder = folder / part if (source_dir / folder / part).is_dir() else folder
            for sample, sign in _read_labels(labels):
                signer = sample.partition("_")[0].removeprefix("signer")
                path = (folder / f"{sample}_color.mp4").as_posix()
                row = {"clip_id": sample, "path": path, "gloss": f"{sign:03d}", "signer": f"{int(signer):02d}"}
                yield {**row, "split": SPLIT_NAMES[part]}

    def labels(self, source_dir: Path) -> dict[str, str]:
        path = source_dir / "SignList_ClassId_TR_EN.csv"
        if not path.is_file():
            return {}
        table = read_list(path, ["ClassId", "EN"])
        if (bad := table["ClassId"][~table["ClassId"].str.fullmatch(r"\d{1,9}")]).size:
            raise DatasetError(f"{path}: 'ClassId' must be a number; got '{bad.iloc[0][:100]}'. Download it again.")
        return {f"{int(number):03d}": label for number, label in zip(table["ClassId"], table["EN"], strict=True)}


def _label_file(source_dir: Path, part: str) -> Path | None:
    paths = [source_dir / name for name in LABELS[part] if name != "ground_truth.csv"]
    paths += [source_dir / part / name for name in LABELS[part]]
    return next((path for path in paths if path.is_file()), None)


def _read_labels(path: Path) -> Iterator[tuple[str, int]]:
    """Yield (sample, sign number) for each line of the form 'signer0_sample1,41'; the files have no header."""
    for number, line in enumerate(read_lines(path), start=1):
        match = re.fullmatch(r"(signer\d{1,9}_sample\d{1,9})[,;](\d{1,9})", line.strip())
        if not match:
            raise DatasetError(f"{path}, line {number} must be like 'signer0_sample1,41'; got '{line.strip()}'.")
        yield match[1], int(match[2])
