"""The error of models and of `training`, which imports `models` and therefore finds it here."""


class TrainingError(ValueError):
    """Data that no model can be trained on, weights that do not fit, or a saved model that cannot be used."""
