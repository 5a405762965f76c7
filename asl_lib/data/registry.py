"""The registry of data sets: one file each, one name each."""

from __future__ import annotations

from asl_lib.data.dataset import Dataset, Options
from asl_lib.data.errors import DatasetError
from asl_lib.data.sets.alphabet import AslAlphabet, AslDigits
from asl_lib.data.sets.asl_citizen import AslCitizen
from asl_lib.data.sets.autsl import Autsl
from asl_lib.data.sets.demo import Demo
from asl_lib.data.sets.demo_letters import DemoLetters
from asl_lib.data.sets.fingerspelling import Fingerspelling
from asl_lib.data.sets.google_asl_signs import GoogleAslSigns
from asl_lib.data.sets.isogd import Isogd
from asl_lib.data.sets.karsl import Karsl
from asl_lib.data.sets.lsa64 import Lsa64
from asl_lib.data.sets.recordings import Recordings
from asl_lib.data.sets.wlasl import Wlasl

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
