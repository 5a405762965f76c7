"""Write the table of data sets in docs/datasets/README.md from the registry.

python scripts/dataset_tables.py
"""

from __future__ import annotations

import re
from pathlib import Path

from asl_lib.data.dataset import Dataset
from asl_lib.data.registry import find_datasets

ROOT = Path(__file__).resolve().parent.parent
TABLE = re.compile(r"(<!-- table of data sets -->\n).*?(\n<!-- end of table -->)", re.DOTALL)


def full_table() -> str:
    """Return the table: every data set, the counts that its publishers give, and how to get it."""
    rows = [["data set", "what", "signs", "signers", "clips", "comes as", "size", "how to get it"], ["---"] * 8]
    for dataset in find_datasets().values():
        counts = dataset.published
        numbers = [f"{number:,}" if counts.clips else "" for number in (counts.signs, counts.signers, counts.clips)]
        link = f"[{dataset.name}]({Path(dataset.page).name})"
        rows.append([link, dataset.title, *numbers, dataset.kind, dataset.size, _source(dataset)])
    return _markdown(rows)


def with_table(text: str, table: str) -> str:
    """Return a page with the table between its two marks replaced."""
    return TABLE.sub(lambda found: found[1] + table + found[2], text)


def main() -> None:
    path = ROOT / "docs" / "datasets" / "README.md"
    path.write_text(with_table(path.read_text(encoding="utf-8"), full_table()), encoding="utf-8")


def _source(dataset: Dataset) -> str:
    if dataset.rendered:
        return "rendered on your machine"
    return f"`asl datasets download {dataset.name}`" if dataset.kaggle or dataset.remotes else "see its page"


def _markdown(rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    main()
