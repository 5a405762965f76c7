"""All results of a run in one table."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from asl_lib.evaluation import mean_over_signers

COLUMNS = ["model", "held_out", "accuracy", "low", "high", "n", "top5_accuracy", "parameters", "epochs", "minutes"]


class ReportError(ValueError):
    """A run without results, or with results that cannot be read."""


def collect_results(run_dir: str | Path) -> pd.DataFrame:
    """Return one row per trained model and held-out signers, from every `metrics.json` of a run.

    Columns: model, held_out, accuracy, low, high (95 % Wilson interval), n, top5_accuracy, parameters,
    epochs, minutes. Shares are from 0 to 1.

    Raises:
        ReportError: there is no result, or one cannot be read.
    """
    rows = []
    for path in sorted(Path(run_dir).glob("*/held_out_*/metrics.json")):
        try:
            metrics = json.loads(path.read_text(encoding="utf-8"))
            low, high = metrics["interval"]
            row = {"held_out": "+".join(metrics["test_signers"]), "low": low, "high": high}
            rows.append({**{key: metrics.get(key) for key in COLUMNS if key not in row}, **row})
        except (ValueError, KeyError, TypeError) as error:
            raise ReportError(f"{path} is not a table of results ({error!r}). Train that model again.") from error
    if not rows:
        raise ReportError(f"There are no results under {run_dir}. Train a model first: notebook 05.")
    return pd.DataFrame(rows)[COLUMNS].sort_values(["model", "held_out"], ignore_index=True)


def summarise(results: pd.DataFrame) -> pd.DataFrame:
    """Return each model's mean over held-out signers, with the 95 % bootstrap interval over signers.

    Columns: model, signers, clips, mean_accuracy, low, high, lowest, highest.
    """
    rows = []
    for model, group in results.groupby("model", sort=False):
        mean, low, high = mean_over_signers(group["accuracy"].tolist())
        rows.append(
            (
                model,
                len(group),
                int(group["n"].sum()),
                mean,
                low,
                high,
                group["accuracy"].min(),
                group["accuracy"].max(),
            )
        )
    return pd.DataFrame(
        rows, columns=["model", "signers", "clips", "mean_accuracy", "low", "high", "lowest", "highest"]
    )
