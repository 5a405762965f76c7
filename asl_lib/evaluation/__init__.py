"""Splits, metrics and the results of a run."""
