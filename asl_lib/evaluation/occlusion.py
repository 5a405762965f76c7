"""Occlusion maps: which areas of a photograph a network uses."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

BATCH_BYTES = 2**25
"""Most bytes of the copies of a photograph that are evaluated in one batch."""


def occlusion_map(model: keras.Model, image: np.ndarray, *, label: int, patch: int = 0, step: int = 0) -> np.ndarray:
    """Return how much the probability of a class falls when a patch of the photograph is covered.

    The method of Zeiler and Fergus (2014), for any network. Memory holds a few copies of the photograph at a time.

    Args:
        model: the network.
        image: (size, size, 3) uint8.
        label: number of the class.
        patch: side of the gray patch in px; 0 for a fifth of the photograph.
        step: distance between two positions of the patch; 0 for a quarter of the patch.

    Returns:
        (size, size) float32; the mean over all patches that cover a pixel.
    """
    size = len(image)
    patch = patch or max(2, size // 5)
    step = step or max(1, patch // 4)
    photograph = np.asarray(image, np.float32)
    gray = photograph.mean(axis=(0, 1))
    corners = list(product(range(0, size - patch + 1, step), repeat=2))
    count = max(1, min(32, BATCH_BYTES // photograph.nbytes))
    whole = model.predict(photograph[None], verbose=0)[0, label]
    fall, times = np.zeros((size, size), np.float32), np.zeros((size, size), np.float32)
    for start in range(0, len(corners), count):
        batch = corners[start : start + count]
        covered = np.repeat(photograph[None], len(batch), axis=0)
        for copy, (row, column) in zip(covered, batch, strict=True):
            copy[row : row + patch, column : column + patch] = gray
        probabilities = model.predict(covered, batch_size=count, verbose=0)[:, label]
        for probability, (row, column) in zip(probabilities, batch, strict=True):
            fall[row : row + patch, column : column + patch] += whole - probability
            times[row : row + patch, column : column + patch] += 1
    return fall / np.maximum(times, 1)
