"""The error of everything that builds, trains, saves or loads a model; this module imports nothing."""


class TrainingError(ValueError):
    """Data that no model can be trained on, weights that do not fit, or a saved model that cannot be used."""
