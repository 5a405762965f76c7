"""The course's models: one family a file. They know shapes and classes, nothing of data sets."""

from asl_lib.models.cnn import build_alphabet_cnn, build_letter_cnn
from asl_lib.models.hierarchical import (
    build_attention_hierarchical,
    build_hierarchical,
    groups_by_centroid,
    groups_by_order,
)
from asl_lib.models.lstm import build_attention_lstm, build_lstm
from asl_lib.models.mobilenet import build_transfer_cnn
from asl_lib.models.tcn import build_attention_tcn, build_tcn
from asl_lib.models.transformer import build_attention_transformer, build_transformer
from asl_lib.models.trees import HandTrees, describe_clips

__all__ = [
    "HandTrees",
    "build_alphabet_cnn",
    "build_attention_hierarchical",
    "build_attention_lstm",
    "build_attention_tcn",
    "build_attention_transformer",
    "build_hierarchical",
    "build_letter_cnn",
    "build_lstm",
    "build_tcn",
    "build_transfer_cnn",
    "build_transformer",
    "describe_clips",
    "groups_by_centroid",
    "groups_by_order",
]
