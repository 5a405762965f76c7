"""The results of a run: its tables, the predictions behind them, and the report as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from asl_lib._util.files import atomic_write, read_json, read_npz
from asl_lib.evaluation.metrics import Evaluation, Rate, difference, mean_over_signers, rate

PROTOCOLS = {"signer": "new signer", "official": "official split", "random": "known signers"}
"""The parameter `split` -> what its accuracy measures, the most demanding protocol first."""
TEXT = dict.fromkeys(("clip_id", "signer", "gloss", "predicted"), str)
"""Columns of predictions that stay text, even if glosses and signers look like numbers."""
PREDICTED = [*TEXT, "probability", "rank"]
COLUMNS = [
    *("protocol", "model", "held_out", "accuracy", "low", "high", "n", "cells", "signers", "top5_accuracy"),
    *("uncovered", "covered_accuracy", "seeds", "by_seed", "parameters", "epochs", "minutes"),
]
KEYS = ["protocol", "model", "held_out"]


def has_results(run_dir: str | Path) -> bool:
    """Return whether any model has left results in a run's folder."""
    return any(Path(run_dir).glob("*/*/metrics.json"))


def collect_results(run_dir: str | Path) -> pd.DataFrame:
    """Return one row per model and test signer, from every `metrics.json` of a run.

    A signer may have been held out alone in one training and with others in another: the training with
    the fewest held-out signers counts, because it had the most to learn from.

    Returns:
        Columns protocol ("new signer", "official split" or "known signers"), model, held_out (the signer; "all" in the
        other protocols), accuracy, low, high (95 % interval, see `metrics.rate`), n, cells, signers, top5_accuracy,
        uncovered (number of clips of signs without a training clip) and, where there are some, covered_accuracy (of the
        others), seeds (number of trainings with different seeds, whose mean the accuracies are), by_seed (the accuracy
        of each), and of the training: parameters, epochs, minutes (means). Shares are from 0 to 1.

    Raises:
        ValueError: there is no result, or one cannot be read.
    """
    results = _read_results(run_dir)
    if results.empty:
        raise ValueError(f"There are no results under {run_dir}. Train a model first: notebook 05.")
    rows = [_over_seeds(rows) for _, rows in results.groupby(KEYS, sort=False, dropna=False)]
    return pd.concat(rows, ignore_index=True)[COLUMNS]


def collect_evaluation(run_dir: str | Path, model: str) -> Evaluation:
    """Return the predictions behind a model's rows in `collect_results`, with their probabilities.

    Only the most demanding protocol of the model counts, and of several seeds the lowest.

    Raises:
        ValueError: the model left no predictions, or a file of them is damaged.
    """
    results = _read_results(run_dir)
    results = results[results["model"] == model]
    if results.empty:
        raise ValueError(f"There are no predictions of '{model}' under {run_dir}. Train it first.")
    first = headline(results).drop_duplicates(KEYS)
    parts = [_read_predictions(Path(folder), rows) for folder, rows in first.groupby("folder", sort=False)]
    if len({part.glosses for part in parts}) > 1:
        raise ValueError(f"The trainings of '{model}' under {run_dir} are about different signs. Train them again.")
    return Evaluation(
        pd.concat([part.table for part in parts], ignore_index=True),
        parts[0].glosses,
        np.concatenate([part.probabilities for part in parts if part.probabilities is not None]),
    )


def _read_results(run_dir: str | Path) -> pd.DataFrame:
    """Return a row with `seed` and `folder` for every seed of the trainings that count for a model and signer.

    The tables and the predictions of a run both start here, and therefore agree.
    """
    rows = []
    for path in sorted(Path(run_dir).glob("*/*/metrics.json")):
        try:
            metrics = read_json(path)
            training = {key: metrics.get(key) for key in ("model", "parameters", "epochs", "minutes")}
            training |= {"protocol": PROTOCOLS[metrics.get("split", "signer")], "folder": str(path.parent)}
            training |= {"together": len(metrics["signers"]), "seed": metrics.get("seed")}
            untrained = metrics.get("untrained_glosses", [])
            found = _rows(_read_table(path.parent), training["protocol"], untrained=untrained)
            rows += [{**training, **row} for row in found]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is not a table of results ({error!r}). Train that model again.") from error
    table = pd.DataFrame(rows, columns=[*COLUMNS, "together", "seed", "folder"])
    table = table.sort_values([*KEYS, "together", "seed", "folder"])
    # Whole numbers, though trees have no epochs and some models no parameters.
    table = table.astype({"parameters": "Int64", "epochs": "Int64"})
    table = table[table["together"] == table.groupby(KEYS, dropna=False)["together"].transform("min")]
    return table.drop_duplicates([*KEYS, "seed"]).reset_index(drop=True)


def _over_seeds(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row instead of those of several seeds: the means, and the interval of the mean."""
    row = rows.head(1).copy()
    if len(rows) > 1:
        share = _pooled(rows)
        row["accuracy"], row["low"], row["high"] = rows["accuracy"].mean(), share.low, share.high
        for name in ("top5_accuracy", "covered_accuracy", "minutes"):
            row[name] = rows[name].mean()
        row["epochs"] = round(rows["epochs"].mean()) if rows["epochs"].notna().all() else pd.NA
        row["seeds"], row["by_seed"] = len(rows), [tuple(rows["accuracy"])]
    return row


def _pooled(rows: pd.DataFrame) -> Rate:
    """Return the rate over rows of `_read_results`; the clips of several seeds are the same clips, and in one cell."""
    parts = []
    for folder, trained in rows.groupby("folder", sort=False):
        clips = _read_table(Path(str(folder)))
        new = trained["protocol"].iloc[0] == PROTOCOLS["signer"]
        parts.append(clips[clips["signer"].isin(trained["held_out"])] if new else clips)
    table = pd.concat(parts, ignore_index=True)
    return rate((table["rank"] == 1).to_numpy(), table)


def _read_table(folder: Path) -> pd.DataFrame:
    """Return the table that `Evaluation.save` wrote into a training's folder."""
    return pd.read_csv(folder / "predictions.csv", keep_default_na=False, dtype=TEXT)[PREDICTED]


def _read_predictions(folder: Path, results: pd.DataFrame) -> Evaluation:
    """Return the predictions in a training's folder that are behind some rows of `_read_results`."""
    try:
        table = _read_table(folder)
        arrays = read_npz(folder / "probabilities.npz", ["probabilities", "glosses"])
        if arrays["probabilities"].shape != (len(table), arrays["glosses"].size):
            raise ValueError(f"{len(table)} predictions, but probabilities {arrays['probabilities'].shape}")
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"The results in {folder} cannot be read ({error}). Train that model again.") from error
    chosen = np.ones(len(table), bool)
    if results["protocol"].iloc[0] == PROTOCOLS["signer"]:
        chosen = table["signer"].isin(results["held_out"]).to_numpy()
    table = table[chosen].reset_index(drop=True)
    return Evaluation(table, tuple(arrays["glosses"].tolist()), arrays["probabilities"][chosen])


def ensemble_results(evaluation: Evaluation, *, name: str) -> pd.DataFrame:
    """Return the rows of an ensemble (see `evaluation.average`) in the form of `collect_results`."""
    rows = _rows(evaluation.table, PROTOCOLS["signer"])
    return pd.DataFrame(rows, columns=COLUMNS).assign(protocol=PROTOCOLS["signer"], model=name)


def pooled_rate(run_dir: str | Path, model: str) -> Rate:
    """Return a model's accuracy over the clips of all its rows in `collect_results`, the mean of its seeds.

    Raises:
        ValueError: the run has no results of the model.
    """
    results = _read_results(run_dir)
    if model not in (models := sorted(set(results["model"]))):
        raise ValueError(f"{run_dir} has no results of '{model}'. There are: {', '.join(models)}.")
    return _pooled(headline(results[results["model"] == model]))


def row_rate(row: Any) -> Rate:
    """Return the accuracy in a row of `collect_results`, as `itertuples` gives it."""
    return Rate(row.accuracy * row.n, row.n, row.cells, row.signers, row.low, row.high)


def _rows(table: pd.DataFrame, protocol: str, *, untrained: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return a row of results for each signer of a table of predictions; one for all where signers may be known."""
    by_signer = protocol == PROTOCOLS["signer"]
    rows = []
    for held_out, clips in table.groupby("signer") if by_signer else [("all", table)]:
        share = rate((clips["rank"] == 1).to_numpy(), clips)
        row = {"held_out": held_out, "accuracy": share.value, "low": share.low, "high": share.high}
        row |= {"n": share.n, "cells": share.cells, "signers": share.signers, "seeds": 1, "by_seed": (share.value,)}
        covered = clips[~clips["gloss"].isin(untrained)]
        row |= {"top5_accuracy": float((clips["rank"] <= 5).mean()), "uncovered": len(clips) - len(covered)}
        rows.append({**row, "covered_accuracy": (covered["rank"] == 1).mean() if row["uncovered"] else np.nan})
    return rows


def headline(results: pd.DataFrame) -> pd.DataFrame:
    """Return the results of the most demanding protocol in the table: new signers, else the official split."""
    order = [name for name in PROTOCOLS.values() if name in set(results["protocol"])]
    return results[results["protocol"] == order[0]].reset_index(drop=True)


def summarise(results: pd.DataFrame) -> pd.DataFrame:
    """Return each model's mean over held-out signers, with the 95 % bootstrap interval over signers.

    Returns:
        Columns protocol, model, signers, clips, cells, mean_accuracy, low, high (of fewer than 5 signers their range),
        lowest, highest, seeds, seed_low, seed_high (the mean with the worst and the best seed), known_signers (accuracy
        on known signers, from a run with split="random", else NaN), parameters, minutes (of one training).
    """
    rows = []
    known = results[results["protocol"] == PROTOCOLS["random"]].set_index("model")["accuracy"]
    for (protocol, model), group in headline(results).groupby(["protocol", "model"], sort=False):
        mean, low, high = mean_over_signers(group["accuracy"].tolist())
        fewest = group["seeds"].min()  # a signer may have been tested with more seeds than another
        by_seed = np.mean([accuracies[:fewest] for accuracies in group["by_seed"]], axis=0)
        rows.append(
            {
                "protocol": protocol,
                "model": model,
                "signers": len(group),
                "clips": int(group["n"].sum()),
                "cells": int(group["cells"].sum()),
                "mean_accuracy": mean,
                "low": low,
                "high": high,
                "lowest": group["accuracy"].min(),
                "highest": group["accuracy"].max(),
                "seeds": len(by_seed),
                "seed_low": by_seed.min(),
                "seed_high": by_seed.max(),
                "known_signers": known.get(model, np.nan),
                "parameters": group["parameters"].iloc[0],
                "minutes": group["minutes"].mean(),
            }
        )
    return pd.DataFrame(rows)


def compare_variants(variants: Sequence[Sequence[str | Path]]) -> pd.DataFrame:
    """Return a table of an ablation: one row a variant, with its difference from the first one.

    Args:
        variants: the folders of each variant's trainings with different seeds, the unchanged method's first.

    Returns:
        Columns variant, accuracy (the mean over the seeds, over all test clips), low, high (95 % interval, see
        `metrics.rate`), seeds, seed_low, seed_high (the worst and the best seed), difference, difference_low,
        difference_high (see `metrics.difference`; NaN in the first row), clips, cells, signers, epochs, minutes (means
        of one training).

    Raises:
        ValueError: a folder has no results, or the variants have no clip in common.
    """
    rows, first = [], None
    for folders in variants:
        trained = [read_json(Path(folder) / "metrics.json") for folder in folders]
        tables = [
            _read_table(Path(folder)).assign(seed=metrics["seed"])
            for folder, metrics in zip(folders, trained, strict=True)
        ]
        table = pd.concat(tables, ignore_index=True)
        share = rate((table["rank"] == 1).to_numpy(), table)
        by_seed = [metrics["accuracy"] for metrics in trained]
        row = {"variant": trained[0]["model"], "accuracy": share.value, "low": share.low, "high": share.high}
        row |= {"seeds": len(folders), "seed_low": min(by_seed), "seed_high": max(by_seed)}
        if first is None:
            first = table
        else:
            apart = difference(first, table)
            row |= {"difference": apart.value, "difference_low": apart.low, "difference_high": apart.high}
        row |= {"clips": share.n, "cells": share.cells, "signers": share.signers}
        means = {name: np.mean([metrics.get(name, np.nan) for metrics in trained]) for name in ("epochs", "minutes")}
        rows.append({**row, **means})
    return pd.DataFrame(rows)


def describe_difference(row: Any) -> str:
    """Return the difference in a row of `compare_variants`, as `itertuples` gives it, in points: "-5.0 (-9 to 0)"."""
    low, high = (f"{round(100 * end):+d}".replace("+0", "0") for end in (row.difference_low, row.difference_high))
    return f"{100 * row.difference:+.1f} ({low} to {high})"


def save_tables(folder: str | Path, **tables: pd.DataFrame) -> list[Path]:
    """Write each table as `<name>.csv` and `<name>.tex`, and return the files.

    The LaTeX needs the package booktabs. Shares are written from 0 to 1.
    """
    folder, written = Path(folder), []
    for name, table in tables.items():
        with atomic_write(folder / f"{name}.csv") as tmp:
            table.to_csv(tmp, index=False, float_format="%.4f", lineterminator="\n")
        shown = table.dropna(axis=1, how="all").rename(columns=lambda column: str(column).replace("_", " "))
        latex = shown.to_latex(index=False, escape=True, float_format="%.3f", na_rep="--")
        with atomic_write(folder / f"{name}.tex") as tmp:
            Path(tmp).write_text(latex, encoding="utf-8")
        written += [folder / f"{name}.csv", folder / f"{name}.tex"]
    return written
