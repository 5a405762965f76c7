"""The course's networks: one builder a file. They know shapes and classes, nothing of data sets."""

from asl_lib.models.lstm import build_lstm

__all__ = ["build_lstm"]
