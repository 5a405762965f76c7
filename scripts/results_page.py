"""Bring the tables of docs/results.md up to date: `python scripts/results_page.py`.

A comment in the page names the source of each of these tables, and another one ends it:

    <!-- results of outputs/demo -->       from the metrics of a run, or a table of `asl ablate` (.csv), where it is on
    ...                                    this machine
    <!-- end -->

    <!-- printed by notebooks -->          every rate in the notebooks' stored outputs
    ...
    <!-- end -->

Everything else on the page stays as it is, and so does the table of a run that lacks models which the table has: delete
their rows first, where they are gone for good.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import nbformat
import pandas as pd

from asl_lib._util.console import counted
from asl_lib._util.files import atomic_write
from asl_lib.evaluation.metrics import Rate, average, describe_size
from asl_lib.evaluation.results import (
    collect_evaluation,
    collect_results,
    describe_difference,
    has_results,
    headline,
    pooled_rate,
    row_rate,
    summarise,
)

ROOT = Path(__file__).resolve().parent.parent
RUN = re.compile(r"(<!-- results of (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
NOTEBOOKS = re.compile(r"(<!-- printed by notebooks -->\n).*?(<!-- end -->)", re.DOTALL)
PRINTED = re.compile(
    r"(?P<what>.*?)(?P<value>\d+\.\d)% \(n = (?P<n>[^()]+), 95 % interval (?P<low>\d+)% to (?P<high>\d+)%\)"
)
"""A rate as `str(Rate)` prints it, and the text before it in its line."""


def percent(share: Rate) -> str:
    """Return a rate as the page writes it: 91.7 % (78 to 97)."""
    return f"{share.value:.1%} ({share.low * 100:.0f} to {share.high * 100:.0f})".replace("%", " %")


def markdown_table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table; bars in its cells are escaped."""
    header = list(header)
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in lines)


def results_table(run_dir: Path) -> str:
    """Return one row a model: its accuracy by held-out signer and over all clips, with intervals; the highest first.

    Where there are several seeds, accuracies are their means, and a column has the range of the means over signers.
    Where there are not, the last row is the ensemble of notebook 11: the course's own models together.
    """
    results = headline(collect_results(run_dir))
    signers, sizes = sorted(set(results["held_out"])), results.groupby("model")["parameters"].first()
    evaluations = {model: collect_evaluation(run_dir, model) for model in results["model"].unique()}
    shares = {
        model: {row.held_out: row_rate(row) for row in rows.itertuples()}
        for model, rows in results.groupby("model", sort=False)
    }
    pooled = {model: pooled_rate(run_dir, model) for model in evaluations}
    pooled = dict(sorted(pooled.items(), key=lambda item: -item[1].value))
    seeds = {
        row.model: f"{row.seeds}: {row.seed_low * 100:.1f} to {row.seed_high * 100:.1f} %"
        for row in summarise(results).itertuples()
        if row.seeds > 1
    }
    members = [model for model in evaluations if model.startswith("attention_") or model == "trees"]
    if len(members) > 1 and not seeds:
        name = f"the {len(members)} own models together"
        together = average([evaluations[model] for model in members])
        pooled[name], shares[name] = together.accuracy, together.per_signer()
    lines = []
    for model, every in pooled.items():
        cells = [percent(shares[model][name]) if name in shares[model] else "" for name in signers]
        size = sizes.get(model)
        spread = [seeds.get(model, "")] if seeds else []
        lines.append([model, *cells, percent(every), *spread, every.size, "" if pd.isna(size) else f"{size:,}"])
    return markdown_table(["model", *signers, "all clips", *["seeds"] * bool(seeds), "n", "parameters"], lines)


def ablation_table(path: Path) -> str:
    """Return one row a variant of a table of `asl ablate`: its accuracy, and its difference from the first."""
    lines = []
    for row in pd.read_csv(path).itertuples():
        spread = f" ({row.seed_low * 100:.0f} to {row.seed_high * 100:.0f})" if row.seeds > 1 else ""
        accuracy = f"{100 * row.accuracy:.1f} %{spread}"
        apart = describe_difference(row) if row.Index else ""
        size = describe_size(row.clips, row.cells, row.signers)
        lines.append([row.variant, accuracy, apart.replace("-", "−"), f"{size}; {counted(row.seeds, 'seed')}"])
    return markdown_table(["variant", "mean (range of seeds)", "difference in points (95 % interval)", "n"], lines)


def printed_rates(path: Path) -> Iterator[list[str]]:
    """Give section, label, rate and n of every rate that a notebook's stored outputs print."""
    section = ""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            section = ([section] + re.findall(r"^##+ (.+)$", cell.source, re.MULTILINE))[-1]
            continue
        text = "".join(output.get("text", "") for output in cell.outputs if output.output_type == "stream")
        for line in text.splitlines():
            for match in PRINTED.finditer(line):
                value = f"{match['value']} % ({match['low']} to {match['high']})"
                # A check prints "Right. Strict: ..." or "Right: ...": only the name of the rate is of interest.
                what = re.sub(r"^[\s.:;]*(Right[.:]?\s*)?|[\s.,:;]+$", "", " ".join(match["what"].split()))
                yield [section, what or "accuracy", value, match["n"]]


def notebooks_table(folder: Path) -> str:
    """Return one row for every rate that the stored notebooks of a folder print."""
    rows = []
    for path in sorted(folder.glob("[0-9][0-9]_*.ipynb")):
        link = f"[{path.name[:2]}](../notebooks/{path.name})"
        rows += [[link, *rate_printed] for rate_printed in printed_rates(path)]
    return markdown_table(["notebook", "section", "what", "accuracy (95 % interval)", "n"], rows)


def first_cells(table: str) -> set[str]:
    """Return the first cells of a table's rows."""
    return set(re.findall(r"^\| ([^|]+?) +\|", table, re.MULTILINE))


def update(page: str, root: Path) -> tuple[str, list[str]]:
    """Return the page with its tables made anew, and sentences about the runs under `root` whose tables stay."""
    left = []

    def table(match: re.Match[str]) -> str:
        path = root / match[2]
        ablation = path.suffix == ".csv"
        if not (path.is_file() if ablation else has_results(path)):
            left.append(f"{match[2]} has no results here: its table stays as it was.")
            return match[0]
        new = ablation_table(path) if ablation else results_table(path)
        if lost := sorted(first_cells(match[0]) - first_cells(new)):
            left.append(f"{match[2]} has no results of {', '.join(lost)}: its table stays as it was.")
            return match[0]
        return match[1] + new + match[3]

    page = NOTEBOOKS.sub(lambda match: match[1] + notebooks_table(root / "notebooks") + match[2], page)
    return RUN.sub(table, page), left


def main() -> None:
    path = ROOT / "docs" / "results.md"
    page, left = update(path.read_text(encoding="utf-8"), ROOT)
    with atomic_write(path) as tmp:
        Path(tmp).write_text(page, encoding="utf-8")
    for sentence in left:
        print(sentence, file=sys.stderr)


if __name__ == "__main__":
    main()
