"""Silence for native libraries while they load."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_native_stderr() -> Iterator[None]:
    """Drop what C++ code writes to stderr inside the block; Python's exceptions pass through.

    TensorFlow and MediaPipe tell at import which graphics card they did not find, before any setting of
    theirs is read. In a notebook that is a red page between a question and its answer.
    """
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
