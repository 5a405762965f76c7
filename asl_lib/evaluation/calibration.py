"""Is a model as sure as it is right? And how to make it so."""

from __future__ import annotations

import numpy as np
import pandas as pd

from asl_lib.evaluation.metrics import Evaluation, rate


def reliability(evaluation: Evaluation, *, bins: int = 5) -> pd.DataFrame:
    """Return how often predictions of a given probability are right.

    Args:
        evaluation: the predictions.
        bins: intervals of probability, of equal width.

    Returns:
        One row an interval that has clips: probability (their mean), accuracy, low, high (95 % Wilson interval), n.
    """
    probability = evaluation.table["probability"].to_numpy(float)
    right = (evaluation.table["rank"] == 1).to_numpy()
    place = np.minimum((probability * bins).astype(int), bins - 1)
    rows = []
    for number in np.unique(place):
        own = place == number
        share = rate(int(right[own].sum()), int(own.sum()))
        rows.append((probability[own].mean(), share.value, share.low, share.high, share.n))
    return pd.DataFrame(rows, columns=["probability", "accuracy", "low", "high", "n"])


def calibration_error(evaluation: Evaluation, *, bins: int = 5) -> float:
    """Return the mean distance of probability and accuracy over the clips (ECE; Naeini et al. 2015), from 0 to 1."""
    table = reliability(evaluation, bins=bins)
    return float(np.average((table["probability"] - table["accuracy"]).abs(), weights=table["n"]))


def fit_temperature(probabilities: np.ndarray, y: np.ndarray) -> float:
    """Return the temperature that makes validation clips most probable (Guo et al. 2017).

    Above 1 it takes certainty away, below 1 it adds some; the ranking of the glosses stays as it is.

    Args:
        probabilities: (n, classes) on the *validation* clips.
        y: (n,) their classes.

    Raises:
        ValueError: there is no clip.
    """
    from scipy.optimize import minimize_scalar

    if not len(y):
        raise ValueError("probabilities must be of at least one clip; got none.")

    def loss(log_temperature: float) -> float:
        warmed = apply_temperature(probabilities, float(np.exp(log_temperature)))
        return float(-np.log(np.maximum(warmed[np.arange(len(y)), y], 1e-12)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return (n, classes) probabilities as sure as a temperature makes them; 1 changes nothing."""
    logits = np.log(np.maximum(probabilities, 1e-12)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)
