"""What a benchmark found: printed, and kept for the page that `python -m benchmarks` writes."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

FILE_VARIABLE = "ASL_BENCHMARK_ROWS"
"""Environment variable with the file that rows are added to; `python -m benchmarks` sets it for what it starts."""


@dataclass(frozen=True)
class Row:
    """One comparison, or one fact that has no counterpart.

    Attributes:
        topic: part of the course: tracker, extraction, reading, augmentation, features, epoch, latency, growth, live.
        what: what asl_lib did.
        against: the plain method or the peer; empty for a fact.
        ratio: time of the other by time of asl_lib: above 1, asl_lib takes less. NaN for a fact.
        fact: what was found, in words, where it is no ratio.
    """

    topic: str
    what: str
    against: str = ""
    ratio: float = float("nan")
    fact: str = ""

    def __str__(self) -> str:
        return f"{self.topic}: {self.what}: " + (f"{self.ratio:.2f} x {self.against}" if self.against else self.fact)


def tell(row: Row) -> None:
    """Print a row, and keep it where `python -m benchmarks` asked for it."""
    print(row, flush=True)
    if path := os.environ.get(FILE_VARIABLE):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a file, in the order in which they were written."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [Row(**json.loads(line)) for line in lines]
