"""`asl_alphabet` and `asl_digits`: photographs of handshapes, one folder a class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from asl_lib.data.dataset import IMAGE_SUFFIXES, Dataset, Published, Row, natural, shared_folder
from asl_lib.data.errors import DatasetError
from asl_lib.data.names import walk, walk_folders

TRAIN_SHARE, VALIDATION_SHARE, GAP_SHARE = 0.7, 0.15, 0.01
"""Shares of a class's pictures in the training and validation blocks, and left out on each side of a cut."""


class AslAlphabet(Dataset):
    name = "asl_alphabet"
    title = "ASL Alphabet: photographs of A to Z, del, nothing and space (Akash 2018)"
    licence = "GPL-2.0, according to its page on Kaggle"
    size = "1.1 GB"
    homepage = "https://www.kaggle.com/datasets/grassknoted/asl-alphabet"
    notice = (
        "The 3,000 pictures of a class are one recording of one hand. Neighbours are near-duplicates: a random split "
        "measures memory, and the course splits each class into blocks in time with gaps between them."
    )
    obtain = "Get it with `asl datasets download asl_alphabet` (Kaggle), or put asl_alphabet_train/ into {folder}."
    holds = "folder of a class with pictures (asl_alphabet_train/A/A1.jpg)"
    kind = "photographs"
    published = Published(clips=87028, signs=29, signers=1)
    kaggle = "grassknoted/asl-alphabet"

    def list_clips(self, source_dir: Path, subset: str) -> Iterator[Row]:
        folders = _class_folders(source_dir)
        for folder in folders:
            images = sorted(_images(folder), key=lambda path: natural(path.name))
            for path, split in zip(images, blocks(len(images)), strict=True):
                if split != "gap":
                    yield _row(path, source_dir, gloss=folder.name, signer="unknown", split=split)
        # The published test pictures, one per class, are frames of the same recordings: they get no split.
        for path in walk(source_dir) if folders else []:
            if path.stem.endswith("_test") and path.suffix.lower() in IMAGE_SUFFIXES:
                yield _row(path, source_dir, gloss=path.stem.removesuffix("_test"), signer="unknown")


class AslDigits(Dataset):
    name = "asl_digits"
    title = "Sign Language Digits: photographs of 0 to 9 by 218 students (Mavi 2020)"
    licence = "Apache-2.0"
    size = "24 MB"
    homepage = "https://github.com/ardamavi/Sign-Language-Digits-Dataset"
    notice = "The signers were not recorded: they are recovered from the order of the file numbers."
    obtain = (
        "Copy the folder Dataset of the GitHub repository ardamavi/Sign-Language-Digits-Dataset to {folder}, or set "
        "ASL_SHARED_DATA to a folder that holds it as 'asl_digits'."
    )
    holds = "folder 0 to 9 with pictures (0/IMG_1118.JPG)"
    kind = "photographs"
    published = Published(clips=2062, signs=10, signers=218)

    def source_dir(self, dataset_dir: Path) -> Path:
        return shared_folder(dataset_dir, holds="0")

    def list_clips(self, source_dir: Path, subset: str) -> Iterator[Row]:
        folders = [folder for folder in _class_folders(source_dir) if folder.name.isdigit()]
        images = sorted((path for folder in folders for path in _images(folder)), key=lambda path: natural(path.name))
        persons = persons_by_order([int(path.parent.name) for path in images])
        for path, person in zip(images, persons, strict=True):
            yield _row(path, source_dir, gloss=path.parent.name, signer=f"person{person:03d}")


def blocks(count: int) -> list[str]:
    """Return "train", "validation", "test" or "gap" for each of `count` frames of one recording, in order.

    >>> "".join(name[0] for name in blocks(20))
    'tttttttttttttgvgttt'
    """
    gap = max(1, round(count * GAP_SHARE)) if count >= 10 else 0
    first, second = round(count * TRAIN_SHARE), round(count * (TRAIN_SHARE + VALIDATION_SHARE))
    parts = ["train"] * first + ["validation"] * (second - first) + ["test"] * (count - second)
    for cut in (first, second):
        for index in range(max(0, cut - gap), min(count, cut + gap)):
            parts[index] = "gap"
    return parts


def persons_by_order(labels: list[int]) -> list[int]:
    """Return the number of the person in each picture, from the labels in the order of recording.

    Each student showed the digits in ascending order: a label that does not rise is the first of the next student.

    >>> persons_by_order([0, 1, 2, 0, 2, 2, 3])
    [0, 0, 0, 1, 1, 2, 2]
    """
    persons: list[int] = []
    for index, label in enumerate(labels):
        previous = persons[-1] if persons else 0
        persons.append(previous + (index > 0 and label <= labels[index - 1]))
    return persons


def _class_folders(source_dir: Path) -> list[Path]:
    """Return the innermost folders with pictures; the published archive doubles its top folder.

    Raises:
        DatasetError: a folder is empty, as after a download that ended early.
    """
    folders = []
    for folder, inside, files in walk_folders(source_dir):
        if folder == source_dir or folder.name.startswith("."):
            continue
        folders.append(folder)
        if not inside and not files:
            raise DatasetError(
                f"{folder} is empty. Get its pictures again, or delete the folder if there is no such class."
            )
    return sorted(folder for folder in folders if "test" not in folder.name and _images(folder))


def _images(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES]


def _row(path: Path, source_dir: Path, *, gloss: str, signer: str, split: str = "") -> Row:
    clip_id = path.stem if path.stem.startswith(gloss) else f"{gloss}-{path.stem}"
    relative = path.relative_to(source_dir).as_posix()
    return {"clip_id": clip_id, "path": relative, "gloss": gloss, "signer": signer, "split": split}
