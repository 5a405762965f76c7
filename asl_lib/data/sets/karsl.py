"""`karsl`: KFUPM Arabic Sign Language, 502 signs by three signers (Sidig et al. 2021)."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from asl_lib.data.dataset import (
    IMAGE_SUFFIXES,
    OWN_FOLDERS,
    SPLIT_NAMES,
    VIDEO_SUFFIXES,
    Dataset,
    Published,
    Row,
    check_columns,
    read_list,
)
from asl_lib.data.errors import DatasetError
from asl_lib.data.names import safe_name, walk

SUBSETS = {"100": (71, 170), "190": (1, 190), "502": (1, 502)}
"""Subset -> its first and last sign. Recognition papers compare on KArSL-100."""
LABEL_FILES = "KARSL-502_Labels"
LARGEST_SHEET_BYTES = 100 << 20


class Karsl(Dataset):
    name = "karsl"
    title = "KArSL: KFUPM Arabic Sign Language (Sidig et al. 2021)"
    licence = "for research; cite the paper"
    size = "tens of GB as videos"
    homepage = "https://hamzah-luqman.github.io/KArSL/"
    notice = "Three signers: a held-out signer is a third of all its people. Some letters are signed with either hand."
    obtain = (
        "Get the RGB videos from https://hamzah-luqman.github.io/KArSL/ and put them into {folder} as "
        "<signer>/<train or test>/<sign>/<name>.mp4, with the label file KARSL-502_Labels.xlsx beside them."
    )
    holds = "video of one of the signs"
    subsets = tuple(SUBSETS)
    published = Published(clips=75300, signs=502, signers=3, per_cell=50)

    def list_clips(self, source_dir: Path, subset: str) -> Iterator[Row]:
        first, last = SUBSETS[subset or "502"]
        found = False
        for path in walk(source_dir):
            if path.suffix.lower() not in VIDEO_SUFFIXES or path.name.startswith("."):
                continue
            relative = path.relative_to(source_dir)
            if relative.parts[0] in OWN_FOLDERS:
                continue
            signer, sign = _signer_and_sign(relative) or ("", 0)
            if not first <= sign <= last:
                continue
            found = True
            split = next((SPLIT_NAMES[part] for part in relative.parts[:-1] if part in SPLIT_NAMES), "")
            clip_id = safe_name("-".join((signer, split or "all", f"{sign:04d}", path.stem)))
            row = {"clip_id": clip_id, "path": relative.as_posix(), "gloss": f"{sign:04d}", "signer": signer}
            yield {**row, "split": split}
        if not found and any(path.suffix.lower() in IMAGE_SUFFIXES for path in walk(source_dir)):
            raise DatasetError(
                f"In {source_dir} each video is a folder of pictures, the form of some copies of KArSL. "
                f"Make videos of them first: {self.page} has the command."
            )

    def published_signs(self, subset: str = "") -> tuple[str, ...]:
        first, last = SUBSETS[subset or "502"]
        return tuple(f"{sign:04d}" for sign in range(first, last + 1))

    def labels(self, source_dir: Path, language: str = "Arabic") -> dict[str, str]:
        """Return sign number -> its meaning.

        Args:
            source_dir: folder with the label file, xlsx or csv.
            language: "Arabic" or "English", the columns it has.

        Raises:
            DatasetError: the file is damaged, lacks a column, or has a SignID that is not a number.
        """
        files = sorted(path for path in source_dir.glob(f"{LABEL_FILES}.*") if path.suffix in (".xlsx", ".csv"))
        if not files:
            return {}
        path, column = files[0], f"Sign-{language}"
        table = read_list(path, ["SignID", column]) if path.suffix == ".csv" else _read_sheet(path, ["SignID", column])
        numbers = pd.to_numeric(table["SignID"], errors="coerce")
        if (bad := table["SignID"][~numbers.between(0, 9999)]).size:
            raise DatasetError(f"{path}: 'SignID' must be a number to 9999; got '{bad.iloc[0][:100]}'.")
        return {f"{int(number):04d}": label.strip() for number, label in zip(numbers, table[column], strict=True)}


def _read_sheet(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return the label file as text: "None" and "N/A" are labels, not missing values.

    Raises:
        DatasetError: the file is damaged, or lacks a column.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > LARGEST_SHEET_BYTES:
            raise ValueError(f"it unpacks to {size:,} bytes")
        table = pd.read_excel(path, dtype=str, keep_default_na=False, engine="openpyxl")
    except Exception as error:
        # An .xlsx is a zip of XML: half a dozen libraries raise their own errors for a damaged one.
        raise DatasetError(f"{path} is not a table ({str(error)[:200]}). Download it again, or remove it.") from error
    check_columns(table, columns, path)
    return table


def _signer_and_sign(path: Path) -> tuple[str, int] | None:
    """Return the signer and sign number in a video's path, or None where it has another form.

    Copies have one of two forms: folders `<signer>/<train, test>/<sign>/`, or flat names such as
    `03_01_0071_….mp4`, whose first field is the signer and whose third is the sign.
    """
    folders = path.parts[:-1]
    if len(folders) >= 3 and folders[-2] in SPLIT_NAMES and folders[-1].isdigit():
        return folders[-3], int(folders[-1])
    fields = path.stem.split("_")
    if len(fields) >= 3 and fields[0].isdigit() and re.fullmatch(r"\d{1,4}", fields[2]):
        return fields[0].zfill(2), int(fields[2])
    return None
