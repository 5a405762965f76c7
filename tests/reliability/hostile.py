"""Hostile inputs: how to damage a file, and how long to try."""

from __future__ import annotations

import os
import tracemalloc
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

resource = pytest.importorskip("resource", reason="Limits of a process are POSIX's; Windows has no such module.")

FACTOR = int(os.environ.get("ASL_FUZZ", "1"))
"""How many times as many examples as in CI (`make fuzz`); with more than one they differ from run to run."""
MOST_MB = 400
"""What a hostile file may cost; the parsers themselves, loaded on first use, are in it."""


def tries(examples):
    """Return the settings of a test that tries so many examples in CI, the same ones every time."""
    return settings(
        max_examples=examples * FACTOR,
        derandomize=FACTOR == 1,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@st.composite
def damaged(draw, content):
    """Draw `content` with bytes changed, cut off, put in or doubled; most often where headers are, in front."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 5))):
        last = max(0, len(data) - 1)
        at = draw(st.one_of(st.integers(0, min(last, 300)), st.integers(0, last)))
        way = draw(st.sampled_from(["flip", "flip", "set", "cut", "put", "double", "large"]))
        if way == "flip" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif way == "set" and data:
            data[at] = draw(st.sampled_from([0, 1, 127, 128, 255]))
        elif way == "large":
            data[at : at + 4] = draw(
                st.sampled_from([b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0" * 4])
            )
        elif way == "cut":
            del data[at:]
        elif way == "put":
            data[at:at] = draw(st.binary(max_size=20))
        else:
            data[at:at] = data[at : at + draw(st.integers(1, 200))]
    return bytes(data)


@contextmanager
def little_memory(most_mb=MOST_MB):
    """Assert that the block takes no more memory than a damaged file may cost."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown_mb < most_mb, f"{grown_mb:.0f} MB"


@contextmanager
def little_python_memory(most_mb):
    """Assert the same of what Python and NumPy ask for, even where nothing has been written into it yet."""
    tracemalloc.start()
    try:
        yield
        peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    assert peak_mb < most_mb, f"{peak_mb:.0f} MB"


def answer(function, errors):
    """Return what `function` gives, or the sentence of its own error; any other error is a fault."""
    try:
        return function()
    except errors as error:
        text = str(error)
        if not (len(text) > 10 and text[0].isprintable() and len(text) < 5000):
            pytest.fail(f"no sentence: {text[:300]!r}")
        return text
