"""The registry of data sets: one file each, one name each."""

from __future__ import annotations

from asl_lib.datasets.alphabet import AslAlphabet, AslDigits
from asl_lib.datasets.asl_citizen import AslCitizen
from asl_lib.datasets.autsl import Autsl
from asl_lib.datasets.base import Dataset, DatasetError, Options
from asl_lib.datasets.demo import Demo
from asl_lib.datasets.demo_letters import DemoLetters
from asl_lib.datasets.fingerspelling import Fingerspelling
from asl_lib.datasets.google_asl_signs import GoogleAslSigns
from asl_lib.datasets.isogd import Isogd
from asl_lib.datasets.karsl import Karsl
from asl_lib.datasets.lsa64 import Lsa64
from asl_lib.datasets.recordings import Recordings
from asl_lib.datasets.wlasl import Wlasl

DATASETS: dict[str, Dataset] = {
    dataset.name: dataset
    for dataset in (
        Demo(),
        DemoLetters(),
        Recordings(),
        Fingerspelling(),
        Wlasl(),
        Karsl(),
        AslCitizen(),
        Autsl(),
        Lsa64(),
        GoogleAslSigns(),
        Isogd("rgb"),
        Isogd("depth"),
        AslAlphabet(),
        AslDigits(),
    )
}

__all__ = ["DATASETS", "Dataset", "DatasetError", "Options", "get_dataset"]


def get_dataset(name: str) -> Dataset:
    """Return the data set of that name.

    Raises:
        DatasetError: there is none; the sentence lists those there are.
    """
    if name not in DATASETS:
        raise DatasetError(f"There is no data set '{name}'. Known: {', '.join(sorted(DATASETS))}.")
    return DATASETS[name]
