"""A multilayer perceptron on the landmarks of a photographed hand, to compare with networks on pixels."""

from __future__ import annotations

import warnings
from typing import Any


def build_hand_mlp(*, units: int = 128, seed: int = 42) -> Any:
    """Return scikit-learn's multilayer perceptron, to fit on the numbers of `describe_photographs`.

    Args:
        units: width of its one hidden layer.
        seed: seed of its random numbers.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    class Perceptron(MLPClassifier):
        """Ends after a set number of epochs, as the networks of notebook 08 do: no warning is due."""

        def fit(self, X: Any, y: Any) -> Any:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                return super().fit(X, y)

    perceptron = Perceptron((units,), alpha=1.0e-2, max_iter=150, random_state=seed)
    return make_pipeline(StandardScaler(), perceptron)
