"""The course's networks: one builder a file. They know shapes and classes, nothing of data sets."""

from asl_lib.models.hierarchical import build_hierarchical, groups_by_centroid, groups_by_order
from asl_lib.models.lstm import build_lstm
from asl_lib.models.tcn import build_tcn
from asl_lib.models.transformer import build_transformer

__all__ = [
    "build_hierarchical",
    "build_lstm",
    "build_tcn",
    "build_transformer",
    "groups_by_centroid",
    "groups_by_order",
]
