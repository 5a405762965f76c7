"""What the clips and the photographs of a data set have in common: a class, a signer and an id each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from asl_lib.evaluation.metrics import Evaluation, evaluate


class LabelledSet:
    """n recordings with their classes and signers; a subclass adds what was recorded."""

    y: np.ndarray
    glosses: np.ndarray
    signer: np.ndarray
    clip_id: np.ndarray
    split: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    def contents(self) -> Iterable[bytes]:
        """Yield what makes each recording the one it is."""
        raise NotImplementedError

    def clips(self) -> pd.DataFrame:
        """Return clip_id, gloss, signer, split and a hash of the content of every recording as a table, for splits.

        Those with the same content are copies of one recording, whatever they are called.
        """
        content = [hashlib.sha256(recorded).hexdigest()[:16] for recorded in self.contents()]
        named = {"clip_id": self.clip_id, "gloss": self.glosses[self.y], "signer": self.signer, "split": self.split}
        return pd.DataFrame({**named, "content": content})

    def evaluate(self, probabilities: np.ndarray, rows: np.ndarray) -> Evaluation:
        """Compare a model's (len(rows), classes) probabilities with the truth of the recordings in `rows`."""
        return evaluate(
            probabilities,
            self.y[rows],
            glosses=self.glosses.tolist(),
            signers=self.signer[rows],
            clip_ids=self.clip_id[rows],
        )


@dataclass(frozen=True)
class PictureSet(LabelledSet):
    """n photographs, or clips of frames, in the order of the clips table; their pixels stay in a file.

    Attributes:
        images: (n, ..., size, size, channels) uint8, mapped from a file: only those in use take memory. An array, or
            rows of one (`cache.Rows`).
        y: (n,) int, index of each one's class in `glosses`.
        glosses: the names of the classes, sorted.
        signer, clip_id, split: (n,) text.
        left_out: clip_id and reason of those that could not be read.
    """

    images: Any
    y: np.ndarray
    glosses: np.ndarray
    signer: np.ndarray
    clip_id: np.ndarray
    split: np.ndarray
    left_out: pd.DataFrame
    noun: ClassVar[str] = "picture"

    @property
    def size(self) -> int:
        """Side of a picture in px."""
        return int(self.images.shape[-2])

    def contents(self) -> Iterator[bytes]:
        """Yield the pixels of every photograph or clip."""
        for number in range(len(self)):
            yield self.images[number].tobytes()


def labels_of(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the five arrays of a `LabelledSet` from the rows of a clips table."""
    glosses, y = np.unique(table["gloss"].to_numpy(str), return_inverse=True)
    return {
        "y": y.astype(np.int64),
        "glosses": glosses,
        **{name: table[name].to_numpy(str) for name in ("signer", "clip_id", "split")},
    }
