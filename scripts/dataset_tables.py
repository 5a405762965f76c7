"""Write the tables of data sets in README.md and docs/datasets/README.md from the registry.

python scripts/dataset_tables.py
"""

from __future__ import annotations

import re
from pathlib import Path

from asl_lib.data.dataset import Dataset
from asl_lib.data.registry import find_datasets

ROOT = Path(__file__).resolve().parent.parent
TABLE = re.compile(r"(<!-- table of data sets -->\n).*?(\n<!-- end of table -->)", re.DOTALL)


def published_table() -> str:
    """Return the table of README.md: the published data sets with the counts that their publishers give."""
    rows = [["data set", "what", "signs", "signers", "clips"], ["---"] * 5]
    for dataset in find_datasets().values():
        counts = dataset.published
        if counts.clips:
            numbers = [f"{number:,}" for number in (counts.signs, counts.signers, counts.clips)]
            rows.append([f"[{dataset.name}]({dataset.page})", dataset.title, *numbers])
    return _markdown(rows)


def full_table() -> str:
    """Return the table of docs/datasets/README.md: every data set, and how to get it."""
    rows = [["data set", "what", "comes as", "size", "how to get it"], ["---"] * 5]
    for dataset in find_datasets().values():
        link = f"[{dataset.name}]({Path(dataset.page).name})"
        rows.append([link, dataset.title, dataset.kind, dataset.size, _source(dataset)])
    return _markdown(rows)


def with_table(text: str, table: str) -> str:
    """Return a page with the table between its two marks replaced."""
    return TABLE.sub(lambda found: found[1] + table + found[2], text)


def main() -> None:
    for name, table in (("README.md", published_table()), ("docs/datasets/README.md", full_table())):
        path = ROOT / name
        path.write_text(with_table(path.read_text(encoding="utf-8"), table), encoding="utf-8")


def _source(dataset: Dataset) -> str:
    if dataset.rendered:
        return "rendered on your machine"
    return f"`asl datasets download {dataset.name}`" if dataset.kaggle or dataset.remotes else "see its page"


def _markdown(rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


if __name__ == "__main__":
    main()
