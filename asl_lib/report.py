"""All results of a run in one table."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from asl_lib.evaluation import mean_over_signers, rate

PROTOCOLS = {"signer": "new signer", "official": "official split", "random": "known signers"}
"""The parameter `split` -> what its accuracy says."""
FOLDERS = ("held_out_", "split_official", "split_random")
"""How the folders of results begin, the most demanding protocol first."""
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
    for path in sorted(path for kind in FOLDERS for path in Path(run_dir).glob(f"*/{kind}*/metrics.json")):
        try:
            metrics = json.loads(path.read_text(encoding="utf-8"))
            training = {key: metrics.get(key) for key in ("model", "parameters", "epochs", "minutes")}
            training["protocol"] = PROTOCOLS[metrics.get("split", "signer")]
            signers = metrics["signers"]
            if training["protocol"] != "new signer":
                keys = ("hits", "top5_hits", "n")
                signers = {"all": {key: sum(counts[key] for counts in signers.values()) for key in keys}}
            for signer, counts in signers.items():
                share = rate(counts["hits"], counts["n"])
                row = {"held_out": signer, "accuracy": share.value, "low": share.low, "high": share.high, "n": share.n}
                row["top5_accuracy"] = counts["top5_hits"] / counts["n"]
                rows.append({**training, **row, "together": len(metrics["signers"])})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ReportError(f"{path} is not a table of results ({error!r}). Train that model again.") from error
    if not rows:
        raise ReportError(f"There are no results under {run_dir}. Train a model first: notebook 05.")
    table = pd.DataFrame(rows).sort_values(["protocol", "model", "held_out", "together"])
    return table.drop_duplicates(["protocol", "model", "held_out"])[COLUMNS].reset_index(drop=True)


def collect_predictions(run_dir: str | Path, model: str) -> pd.DataFrame:
    """Return the predictions behind `collect_results` for one model: each test clip once.

    Raises:
        ReportError: the model left no predictions.
    """
    by_protocol = (sorted(Path(run_dir).glob(f"{model}/{kind}*/predictions.csv")) for kind in FOLDERS)
    paths = sorted(next(filter(None, by_protocol), []), key=lambda path: path.parent.name.count("+"))
    if not paths:
        raise ReportError(f"There are no predictions of '{model}' under {run_dir}. Train it first.")
    return pd.concat([pd.read_csv(path, keep_default_na=False) for path in paths]).drop_duplicates("clip_id")


def headline(results: pd.DataFrame) -> pd.DataFrame:
    """Return the results of the most demanding protocol there is: new signers, else the official split."""
    order = [name for name in PROTOCOLS.values() if name in set(results["protocol"])]
    return results[results["protocol"] == order[0]].reset_index(drop=True)


def summarise(results: pd.DataFrame) -> pd.DataFrame:
    """Return each model's mean over held-out signers, with the 95 % bootstrap interval over signers.

    Columns: model, signers, clips, mean_accuracy, low, high, lowest, highest.
    """
    rows = []
    for model, group in headline(results).groupby("model", sort=False):
        mean, low, high = mean_over_signers(group["accuracy"].tolist())
        lowest, highest = group["accuracy"].min(), group["accuracy"].max()
        rows.append((model, len(group), int(group["n"].sum()), mean, low, high, lowest, highest))
    return pd.DataFrame(
        rows, columns=["model", "signers", "clips", "mean_accuracy", "low", "high", "lowest", "highest"]
    )
