"""The registry of data sets: one file each, one name each."""

from __future__ import annotations

from asl_lib.datasets.base import Dataset, DatasetError, DemoOptions
from asl_lib.datasets.demo import Demo
from asl_lib.datasets.fingerspelling import Fingerspelling
from asl_lib.datasets.recordings import Recordings

DATASETS: dict[str, Dataset] = {dataset.name: dataset for dataset in (Demo(), Fingerspelling(), Recordings())}

__all__ = ["DATASETS", "Dataset", "DatasetError", "DemoOptions", "get_dataset"]


def get_dataset(name: str) -> Dataset:
    """Return the data set of that name.

    Raises:
        DatasetError: there is none; the sentence lists those there are.
    """
    if name not in DATASETS:
        raise DatasetError(f"There is no data set '{name}'. Known: {', '.join(sorted(DATASETS))}.")
    return DATASETS[name]
