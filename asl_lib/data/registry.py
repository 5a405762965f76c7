"""The registry of data sets: every subclass of `Dataset` in a module of `asl_lib.data.sets` is one."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from functools import cache

from asl_lib.data import sets
from asl_lib.data.dataset import Dataset
from asl_lib.data.errors import DatasetError


@cache
def find_datasets() -> dict[str, Dataset]:
    """Return all data sets by name, in alphabetical order.

    Raises:
        DatasetError: two classes have the same name.
    """
    found: dict[str, Dataset] = {}
    for info in pkgutil.iter_modules(sets.__path__):
        module = importlib.import_module(f"{sets.__name__}.{info.name}")
        for cls in vars(module).values():
            if not (isinstance(cls, type) and issubclass(cls, Dataset) and cls.__module__ == module.__name__):
                continue
            if cls.name in found:
                raise DatasetError(f"{module.__file__}: there is another data set '{cls.name}'. Choose another name.")
            found[cls.name] = cls()
    return dict(sorted(found.items()))


def get_dataset(name: str) -> Dataset:
    """Return the data set of that name.

    Raises:
        DatasetError: there is none; the message lists those that exist.
    """
    known = find_datasets()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise DatasetError(f"There is no data set '{name}'.{hint} Known: {', '.join(known)}.")
    return known[name]
