"""`isogd` and `isogd_depth`: ChaLearn IsoGD, 249 gestures as colour and depth videos (Wan et al. 2016)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asl_lib.data.dataset import Dataset, Published, Row, read_lines, read_list, shared_folder
from asl_lib.data.errors import DatasetError

LISTS = {
    "train": ("train_list.txt", "train.txt"),
    "validation": ("valid_list.txt", "val.txt"),
    "test": ("test_list.txt", "test.txt"),
}
"""Part of the official split -> names of its list in the copies that exist."""


class Isogd(Dataset):
    name = "isogd"
    title = "ChaLearn IsoGD, colour videos (Wan et al. 2016)"
    licence = "by registration, for research"
    size = "about 15 GB"
    homepage = "https://gesture.chalearn.org/"
    notice = (
        "Gestures of many kinds, signs among them. The lists do not name the performers; only the official split keeps "
        "them apart."
    )
    obtain = (
        "Register with ChaLearn, unpack train, valid and test into {folder}, and put train_list.txt, valid_list.txt "
        "and test_list.txt beside them."
    )
    holds = "train_list.txt, valid_list.txt or test_list.txt"
    published = Published(clips=47933, signs=249, signers=21)

    stream = 0
    """Column of the lists: 0 for colour (M_….avi), 1 for depth (K_….avi)."""

    @property
    def page(self) -> str:
        return "docs/datasets/isogd.md"

    def source_dir(self, dataset_dir: Path) -> Path:
        together = dataset_dir.with_name("isogd")  # colour and depth share a folder
        for name in LISTS["train"]:
            folder = shared_folder(together, holds=name)
            if (folder / name).is_file():
                return folder
        return together

    def list_clips(self, source_dir: Path, subset: str) -> Iterator[Row]:
        for split, names in LISTS.items():
            path = next((source_dir / name for name in names if (source_dir / name).is_file()), None)
            if path is None:
                continue
            for number, line in enumerate(read_lines(path), start=1):
                fields = line.split()
                named = len(fields) == 3 and Path(fields[0]).name.startswith("M_")
                if not named or not fields[2].isdecimal() or len(fields[2]) > 9:
                    raise DatasetError(
                        f"{path}, line {number} must be 'train/001/M_00001.avi train/001/K_00001.avi 1'; got '{line}'."
                    )
                clip_id = f"{split}-{Path(fields[0]).stem.removeprefix('M_')}"
                gloss, signer = f"{int(fields[2]):03d}", f"{split}-people"
                row = {"clip_id": clip_id, "path": fields[self.stream], "gloss": gloss, "signer": signer}
                yield {**row, "split": split}

    def labels(self, source_dir: Path) -> dict[str, str]:
        path = source_dir / "class.csv"
        if not path.is_file():
            return {}
        table = read_list(path, ["sClass", "sLong"])
        return {
            sign.removeprefix("c").zfill(3): name for sign, name in zip(table["sClass"], table["sLong"], strict=True)
        }


class IsogdDepth(Isogd):
    name = "isogd_depth"
    title = "ChaLearn IsoGD, depth videos (Wan et al. 2016)"
    stream = 1
