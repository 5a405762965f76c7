"""What the clips and the photographs of a data set have in common: a class, a signer and an id each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import pandas as pd

from asl_lib.evaluation import Evaluation, evaluate


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


def labels_of(table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the five arrays of a `LabelledSet` from the rows of a clips table."""
    glosses, y = np.unique(table["gloss"].to_numpy(str), return_inverse=True)
    return {
        "y": y.astype(np.int64),
        "glosses": glosses,
        **{name: table[name].to_numpy(str) for name in ("signer", "clip_id", "split")},
    }
