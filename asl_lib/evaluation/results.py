"""All results of a run in one table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from asl_lib._util.arrays import read_npz
from asl_lib._util.files import atomic_write, read_json
from asl_lib.evaluation.metrics import Evaluation, mean_over_signers, rate

PROTOCOLS = {"signer": "new signer", "official": "official split", "random": "known signers"}
"""The parameter `split` -> what its accuracy says."""
FOLDERS = ("held_out_", "split_official", "split_random")
"""How the folders of results begin, the most demanding protocol first."""
TEXT = dict.fromkeys(("clip_id", "signer", "gloss", "predicted"), str)
"""Columns of predictions that stay text, though glosses and signers may look like numbers."""
PREDICTED = ["clip_id", "signer", "gloss", "predicted", "probability", "rank"]
COLUMNS = [
    "protocol",
    "model",
    "held_out",
    "accuracy",
    "low",
    "high",
    "n",
    "top5_accuracy",
    "parameters",
    "epochs",
    "minutes",
]


class ReportError(ValueError):
    """A run without results, or with results that cannot be read."""


def has_results(run_dir: str | Path) -> bool:
    """Say whether any model has left results in a run's folder."""
    return bool(_metrics(run_dir))


def _metrics(run_dir: str | Path) -> list[Path]:
    return sorted(path for kind in FOLDERS for path in Path(run_dir).glob(f"*/{kind}*/metrics.json"))


def collect_results(run_dir: str | Path) -> pd.DataFrame:
    """Return one row per model and test signer, from every `metrics.json` of a run.

    A signer may have been held out alone in one training and with others in another: the training with
    the fewest held-out signers counts, because it had the most to learn from.

    Returns:
        Columns protocol ("new signer", "official split" or "known signers"), model, held_out (the signer; "all" in the
        other protocols), accuracy, low, high (95 % Wilson interval), n, top5_accuracy,
        and of the training: parameters, epochs, minutes. Shares are from 0 to 1.

    Raises:
        ReportError: there is no result, or one cannot be read.
    """
    rows = []
    for path in _metrics(run_dir):
        try:
            metrics = read_json(path)
            training = {key: metrics.get(key) for key in ("model", "parameters", "epochs", "minutes")}
            training["protocol"] = PROTOCOLS[metrics.get("split", "signer")]
            signers = metrics["signers"]
            if training["protocol"] != "new signer":
                keys = ("hits", "top5_hits", "n")
                signers = {"all": {key: sum(counts[key] for counts in signers.values()) for key in keys}}
            rows += [{**training, **row, "together": len(metrics["signers"])} for row in _rows(signers)]
        except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
            raise ReportError(f"{path} is not a table of results ({error!r}). Train that model again.") from error
    if not rows:
        raise ReportError(f"There are no results under {run_dir}. Train a model first: notebook 05.")
    table = pd.DataFrame(rows).sort_values(["protocol", "model", "held_out", "together"])
    table = table.astype({"parameters": "Int64", "epochs": "Int64"})  # whole numbers, though trees have no epochs
    return table.drop_duplicates(["protocol", "model", "held_out"])[COLUMNS].reset_index(drop=True)


def collect_evaluation(run_dir: str | Path, model: str) -> Evaluation:
    """Return all test clips behind `collect_results` for one model, each once, with their probabilities.

    Raises:
        ReportError: the model left no predictions, or a file of them is damaged.
    """
    by_protocol = (sorted(Path(run_dir).glob(f"{model}/{kind}*/predictions.csv")) for kind in FOLDERS)
    paths = sorted(next(filter(None, by_protocol), []), key=lambda path: path.parent.name.count("+"))
    if not paths:
        raise ReportError(f"There are no predictions of '{model}' under {run_dir}. Train it first.")
    tables, probabilities, glosses = [], [], []
    for path in paths:
        try:
            tables.append(pd.read_csv(path, keep_default_na=False, dtype=TEXT)[PREDICTED])
            kept = read_npz(path.with_name("probabilities.npz"), ["probabilities", "glosses"])
            if kept["probabilities"].shape != (len(tables[-1]), kept["glosses"].size):
                raise ValueError(f"{len(tables[-1])} predictions, but probabilities {kept['probabilities'].shape}")
            probabilities.append(kept["probabilities"])
            glosses.append(tuple(kept["glosses"].tolist()))
        except (OSError, ValueError, KeyError) as error:
            raise ReportError(
                f"The results in {path.parent} cannot be read ({error}). Train that model again."
            ) from error
    if len(set(glosses)) > 1:
        raise ReportError(f"The trainings of '{model}' under {run_dir} are about different signs. Train them again.")
    table = pd.concat(tables, ignore_index=True)
    first = ~table.duplicated("clip_id").to_numpy()
    return Evaluation(table[first].reset_index(drop=True), glosses[0], np.concatenate(probabilities)[first])


def ensemble_results(evaluation: Evaluation, *, name: str) -> pd.DataFrame:
    """Return the rows of an ensemble (see `evaluation.average`) as `collect_results` gives those of a model."""
    about = {"protocol": PROTOCOLS["signer"], "model": name}
    return pd.DataFrame([{**about, **row} for row in _rows(evaluation.counts())], columns=COLUMNS)


def _rows(signers: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    """Return what `Evaluation.counts` says of each signer as a row of results."""
    rows = []
    for signer, counts in signers.items():
        share = rate(counts["hits"], counts["n"])
        row = {"held_out": signer, "accuracy": share.value, "low": share.low, "high": share.high, "n": share.n}
        rows.append({**row, "top5_accuracy": counts["top5_hits"] / counts["n"]})
    return rows


def headline(results: pd.DataFrame) -> pd.DataFrame:
    """Return the results of the most demanding protocol there is: new signers, else the official split."""
    order = [name for name in PROTOCOLS.values() if name in set(results["protocol"])]
    return results[results["protocol"] == order[0]].reset_index(drop=True)


def summarise(results: pd.DataFrame) -> pd.DataFrame:
    """Return each model's mean over held-out signers, with the 95 % bootstrap interval over signers.

    Of fewer than 5 signers `low` and `high` are their range.

    Columns: model, signers, clips, mean_accuracy, low, high, lowest, highest, known_signers (its accuracy where the
    signers are known, from a run with split="random"; NaN where there is none), parameters, minutes (of one training).
    """
    rows = []
    known = results[results["protocol"] == PROTOCOLS["random"]].set_index("model")["accuracy"]
    for model, group in headline(results).groupby("model", sort=False):
        mean, low, high = mean_over_signers(group["accuracy"].tolist())
        lowest, highest = group["accuracy"].min(), group["accuracy"].max()
        training = known.get(model, np.nan), group["parameters"].iloc[0], group["minutes"].mean()
        rows.append((model, len(group), int(group["n"].sum()), mean, low, high, lowest, highest, *training))
    return pd.DataFrame(
        rows,
        columns=["model", "signers", "clips", "mean_accuracy", "low", "high", "lowest", "highest", "known_signers",
                 "parameters", "minutes"],
    )  # fmt: skip


def write_page(notebook: str | Path, folder: str | Path) -> Path:
    """Write an executed notebook as a page that any browser opens: `index.html` in `folder`.

    Args:
        notebook: the executed copy, such as outputs/demo/notebooks/11_compare.ipynb.
        folder: where the page belongs; it is made where it is missing.

    Returns:
        The page. It holds its pictures, and asks no other host for anything.

    Raises:
        ReportError: there is no such notebook, or it cannot be read.
    """
    import nbformat
    from nbconvert import HTMLExporter

    notebook = Path(notebook)
    try:
        content = nbformat.read(notebook, as_version=4)
    except (OSError, ValueError, nbformat.reader.NotJSONError) as error:
        raise ReportError(f"{notebook} cannot be read as a notebook ({error}). Run the course again.") from error
    exporter = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="", mermaid_js_url="")
    exporter.exclude_input_prompt = exporter.exclude_output_prompt = True
    body, _ = exporter.from_notebook_node(content, {"metadata": {"name": notebook.stem.replace("_", " ")}})
    page = Path(folder) / "index.html"
    with atomic_write(page) as tmp:
        Path(tmp).write_text(body, encoding="utf-8")
    return page


def save_tables(folder: str | Path, **tables: pd.DataFrame) -> list[Path]:
    """Write each table as `<name>.csv` and `<name>.tex`, and return the files.

    The LaTeX needs the package booktabs; shares stay shares from 0 to 1.
    """
    folder, written = Path(folder), []
    for name, table in tables.items():
        with atomic_write(folder / f"{name}.csv") as tmp:
            table.to_csv(tmp, index=False, float_format="%.4f", lineterminator="\n")
        shown = table.dropna(axis=1, how="all").rename(columns=lambda column: str(column).replace("_", " "))
        with atomic_write(folder / f"{name}.tex") as tmp:
            Path(tmp).write_text(_latex(shown), encoding="utf-8")
        written += [folder / f"{name}.csv", folder / f"{name}.tex"]
    return written


def _latex(table: pd.DataFrame) -> str:
    """Return a booktabs table: text to the left, numbers to the right."""
    numeric = [pd.api.types.is_numeric_dtype(table[column]) for column in table]

    def cell(value: Any) -> str:
        if pd.isna(value):
            return "--"
        if isinstance(value, float):
            return f"{value:.3f}"
        return "".join("\\" + mark if mark in "_%&#$" else mark for mark in str(value))

    lines = [" & ".join(map(cell, row)) + r" \\" for row in [table.columns, *table.itertuples(index=False)]]
    columns = "".join("r" if is_number else "l" for is_number in numeric)
    body = "\n".join([lines[0], r"\midrule", *lines[1:]])
    return f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{body}\n\\bottomrule\n\\end{{tabular}}\n"
