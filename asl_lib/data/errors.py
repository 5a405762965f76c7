"""The error of data sets; `MediaError`, for videos and photographs, is in `video`."""

from __future__ import annotations


class DatasetError(ValueError):
    """A data set, clips table, lexicon, download or archive that cannot be used; the message names the remedy."""
