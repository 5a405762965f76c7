"""The `.keras` file of a network, read as if a stranger had written it."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from asl_lib._util.files import LARGEST_RATIO, largest_unpacked

NETWORK_FILES = ("metadata.json", "config.json", "model.weights.h5")


def load_network(path: Path) -> Any:
    """Return the Keras network in a file, with the layers that the course's networks use, in Keras's safe mode.

    Raises:
        ValueError: the file holds more than a network, see `check_archive`. A damaged one raises whatever Keras, h5py
            and TensorFlow raise at that place; `load_model` names it.
    """
    import keras
    import tcn  # noqa: F401  (registers its layer)

    import asl_lib.models.layers  # noqa: F401  (registers the course's)

    check_archive(path)
    return keras.saving.load_model(path, safe_mode=True, compile=False)


def check_archive(path: Path) -> None:
    """Raise ValueError where a `.keras` file holds more than Keras writes for a network of layers.

    Keras would unpack everything else, such as vocabularies, into a temporary folder, zip bombs included.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise ValueError(f"it is not a whole .keras file ({error}).") from error
    if others := [entry.filename for entry in entries if entry.filename not in NETWORK_FILES]:
        raise ValueError(f"it holds '{others[0][:100]}', which no network of the course has.")
    if sum(entry.file_size for entry in entries) > largest_unpacked(path):
        raise ValueError(f"it unpacks to more than {LARGEST_RATIO} times its size.")
