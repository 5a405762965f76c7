"""Figures of training and of results: curves, confusion matrices, accuracies with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from asl_lib._util.console import counted
from asl_lib.evaluation.metrics import (
    FEWEST_SIGNERS,
    Evaluation,
    Rate,
    calibration_error,
    mean_over_signers,
    reliability,
)
from asl_lib.plots.style import (
    SMALL_TITLE,
    describe,
    listed,
    percent,
    readable_numbers,
    shown_names,
    subplots,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = "osD^vPX<>p*h"
"""Markers of signers and models, which differ without their colour, too."""
EDGE: dict[str, Any] = {"mec": "0.25", "mew": 0.6}
"""A dark edge, without which the palette's yellow is hardly visible on white."""
LINE_STYLES = ("-", "--", "-.", ":")
SPLITS = {"signer": "split by signer", "official": "official split", "random": "random split"}
"""The parameter `split` in words."""


def plot_history(history: pd.DataFrame, *, split: str = "") -> Figure:
    """Plot loss and accuracy by epoch, and mark the epoch whose weights were kept.

    Args:
        history: one row per epoch: epoch, loss, accuracy and, if there was validation, val_loss and val_accuracy. The
            training monitored the accuracy, or had no validation and kept its last weights.
        split: the parameter `split` of the training, for the legend: "signer", "official" or "random".
    """
    from matplotlib.ticker import MaxNLocator

    figure, axes = subplots(1, 2, figsize=(10, 3.6))
    validated = "val_accuracy" in history
    best = history["epoch"].iloc[-1]
    if validated:  # as in training: of equal accuracies the lower loss is better, and of equal losses the first
        best = history.sort_values(["val_accuracy", "val_loss"], ascending=[False, True], kind="stable").epoch.iloc[0]
    for ax, name, label in zip(axes, ("loss", "accuracy"), ("loss (cross-entropy)", "accuracy (%)"), strict=True):
        factor = 100 if name == "accuracy" else 1
        ax.plot(history["epoch"], history[name] * factor, label="training")
        if validated:
            ax.plot(history["epoch"], history[f"val_{name}"] * factor, label="validation", ls="--")
        ax.axvline(best, color="0.5", lw=1, ls=":")
        ax.set_xlabel("epoch")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_ylabel(label)
    # A few extreme validation losses must not flatten the rest of the curve.
    top = np.nanpercentile(history.filter(regex="loss$").to_numpy(), 95)
    axes[0].set_ylim(0, 1.2 * top)
    axes[1].set_ylim(0, 102)
    split = SPLITS.get(split, split)
    axes[0].legend(title=split or None, fontsize="small", title_fontsize="small")
    text = f"Curves of loss and accuracy over {counted(len(history), 'epoch')}{f', {split}' if split else ''}. "
    text += f"Training accuracy {_start_and_end(history['accuracy'])}"
    if validated:
        look = {"textcoords": "offset points", "fontsize": "x-small", "va": "top"}
        axes[0].annotate("weights kept", (best, 1.17 * top), xytext=(4, -4), **look)
        text += f", validation accuracy {_start_and_end(history['val_accuracy'])}; the weights kept are those of epoch "
        text += f"{best}, at {percent(float(history['val_accuracy'].max()))}"
    first, last = history["loss"].iloc[[0, -1]]
    return describe(figure, f"{text}. Training loss goes from {first:.2f} to {last:.2f}.")


def plot_confusion(
    evaluation: Evaluation,
    *,
    minimal_pairs: Sequence[tuple[str, str]] = (),
    labels: Mapping[str, str] | None = None,
) -> Figure:
    """Plot the confusion matrix, with the cells of minimal pairs framed.

    Args:
        evaluation: the predictions.
        minimal_pairs: pairs of glosses that differ in one parameter only.
        labels: gloss -> the word to show if glosses are numbers.
    """
    import seaborn as sns
    from matplotlib.patches import Rectangle

    counts, names = evaluation.confusion(), shown_names(evaluation.glosses, labels)
    size = min(12.0, 2.8 + 0.42 * len(counts))
    figure, ax = subplots(figsize=(size + 1, size))
    sns.heatmap(
        counts, cmap="Blues", annot=len(counts) <= 30, fmt="d", square=True, linewidths=0.5, linecolor="0.9", ax=ax,
        cbar_kws={"label": "clips", "shrink": 0.7}, annot_kws={"fontsize": "small"},
        xticklabels=names, yticklabels=names,
    )  # fmt: skip
    readable_numbers(ax)
    index = {gloss: number for number, gloss in enumerate(evaluation.glosses)}
    for pair in minimal_pairs:
        if index.keys() >= set(pair):
            for column, row in (pair, pair[::-1]):
                corner = (index[column], index[row])
                ax.add_patch(Rectangle(corner, 1, 1, fill=False, ec="#de8f05", lw=2.2, clip_on=False, zorder=5))
    ax.set_xlabel("predicted gloss")
    ax.set_ylabel("true gloss")
    ax.tick_params(axis="x", rotation=90)
    ax.tick_params(axis="y", rotation=0)
    if minimal_pairs:
        ax.set_title("Orange frames: minimal pairs")
    accuracy, wrong = evaluation.accuracy, counts.to_numpy() * (1 - np.eye(len(counts), dtype=int))
    order = [tuple(np.unravel_index(i, wrong.shape)) for i in np.argsort(-wrong, axis=None, kind="stable")[:2]]
    confused = [f"{names[i]} taken for {names[j]} ({wrong[i, j]})" for i, j in order if wrong[i, j]]
    return describe(
        figure,
        f"Confusion matrix of {counted(len(counts), 'sign')}: {accuracy.hits} of {counted(accuracy.n, 'clip')} on the "
        "diagonal, that is, right. " + (f"Most frequent mistakes: {listed(confused)}." if confused else "No mistakes."),
    )


def plot_accuracy_per_signer(evaluation: Evaluation, *, chance: float | None = None) -> Figure:
    """Plot each test signer's accuracy with its 95 % interval.

    Args:
        evaluation: the predictions.
        chance: accuracy of guessing, from 0 to 1. Default: 1 / number of glosses.
    """
    figure = plot_split_scores(evaluation.per_signer(), chance=chance or 1 / len(evaluation.glosses))
    figure.axes[0].set_ylabel("test signer")
    return figure


def plot_split_scores(scores: Mapping[str, Rate], *, chance: float) -> Figure:
    """Plot accuracies below each other, with their 95 % intervals.

    Args:
        scores: name -> accuracy.
        chance: accuracy of guessing, from 0 to 1.
    """
    figure, ax = subplots(figsize=(6.4, 1.4 + 0.5 * len(scores)))
    for row, value in enumerate(scores.values()):
        low, high = (value.value - value.low) * 100, (value.high - value.value) * 100
        ax.errorbar(value.value * 100, row, xerr=[[max(0, low)], [max(0, high)]], fmt="o", capsize=4, color="#0173b2")
        point = (value.value * 100, row)
        ax.annotate(f"{value.value:.0%}", point, (0, 7), textcoords="offset points", ha="center", fontsize="x-small")
    ax.set_yticks(range(len(scores)), [f"{name}\n(n = {value.size})" for name, value in scores.items()])
    ax.set_ylim(len(scores) - 0.5, -0.6)
    _finish(ax, chance)
    rates = (
        f"{name} {percent(r.value)} ({percent(r.low)} to {percent(r.high)}, n = {r.size})" for name, r in scores.items()
    )
    return describe(figure, f"Accuracies with their 95 % intervals: {listed(rates, most=9)}; chance {percent(chance)}.")


def plot_comparison(table: pd.DataFrame, *, chance: float) -> Figure:
    """Plot one row a model, the highest mean first: its accuracy for each held-out signer, and their mean.

    Of fewer than 5 signers each has the interval of `rate` over its cells; of more, the mean has its interval over
    signers. A grey band is the range of the means of several seeds.

    Args:
        table: one row per model and held-out signer, as `collect_results` returns them: model, held_out, accuracy, low,
            high (from 0 to 1) and, if there are several seeds, by_seed, and if not all are results on new signers,
            protocol.
        chance: accuracy of guessing, from 0 to 1.
    """
    import seaborn as sns

    means = table.groupby("model", sort=False)["accuracy"].mean().sort_values(ascending=False, kind="stable")
    models, signers, protocol = list(means.index), sorted(set(table["held_out"])), _protocol(table)
    few, palette = len(signers) < FEWEST_SIGNERS, sns.color_palette("colorblind", len(signers))
    figure, ax = subplots(figsize=(9.5, 1.4 + (0.26 + 0.1 * len(signers) * few) * len(models)))
    for k, (signer, colour) in enumerate(zip(signers, palette, strict=True)):
        rows = table[table["held_out"] == signer]
        value = rows["accuracy"].to_numpy() * 100
        at = np.array([models.index(model) for model in rows["model"]]) + few * 0.6 * ((k + 0.5) / len(signers) - 0.5)
        error = np.abs(np.stack([rows["low"] * 100 - value, rows["high"] * 100 - value])) if few else None
        look: dict[str, Any] = {"fmt": MARKERS[k % len(MARKERS)], "color": colour, "label": signer}
        if len(signers) > len(MARKERS):
            look = {"fmt": "o", "color": "0.7", "label": None if k else f"one of {len(signers)}"}
        ax.errorbar(value, at, xerr=error, ms=5, capsize=2, **look, **EDGE)
    spread: dict[str, str] = {}
    for row, model in enumerate(models):
        rows = table[table["model"] == model]
        mean, *interval = (100 * number for number in mean_over_signers(rows["accuracy"].tolist()))
        if not few:
            ax.plot(interval, [row, row], color="0.15", lw=1.2, zorder=3)
        ax.plot([mean, mean], [row - 0.38, row + 0.38], color="0.15", lw=2.5, zorder=4, label=None if row else "mean")
        if "by_seed" in rows and rows["seeds"].max() > 1:
            fewest = rows["seeds"].min()  # as in `summarise`
            by_seed = 100 * np.mean([accuracies[:fewest] for accuracies in rows["by_seed"]], axis=0)
            band = ax.fill_betweenx([row - 0.38, row + 0.38], by_seed.min(), by_seed.max(), color="0.8", zorder=0)
            band.set_label("" if spread else "range of the seeds' means")
            spread[model] = f", seeds {by_seed.min():.0f} to {by_seed.max():.0f} %"
    ax.set_yticks(range(len(models)), models)
    ax.set_ylim(len(models) - 0.5, -0.5)
    _finish(ax, chance)
    new_signers = protocol == "new signers"
    ax.set_ylabel("model")
    title = "held-out signer" if new_signers else protocol
    figure.legend(fontsize="small", title=title, loc="outside right upper")
    hardest = table.groupby("held_out")["accuracy"].mean().idxmin()
    ranked = listed((f"{model} {percent(mean)}{spread.get(model, '')}" for model, mean in means.items()), most=12)
    tested = f"each of {counted(len(signers), 'held-out signer')}" if new_signers else f"the test clips ({protocol})"
    return describe(
        figure,
        f"Accuracy of {counted(len(models), 'model')} on {tested}, one row a model, with 95 % intervals. Means, the "
        f"highest first: {ranked}; chance {percent(chance)}."
        + (f" The hardest signer is {hardest}." if len(signers) > 1 else ""),
    )


def plot_reliability(evaluations: Mapping[str, Evaluation], *, bins: int = 5) -> Figure:
    """Plot a reliability diagram: accuracy by predicted probability. A calibrated model is on the diagonal.

    Args:
        evaluations: model -> its predictions.
        bins: number of intervals of probability.
    """
    import seaborn as sns

    figure, ax = subplots(figsize=(5.4, 4.6))
    ax.plot([0, 100], [0, 100], color="0.6", lw=1, ls=":")
    palette = sns.color_palette("colorblind", len(evaluations))
    errors = []
    for k, (colour, (model, evaluation)) in enumerate(zip(palette, evaluations.items(), strict=True)):
        table = 100 * reliability(evaluation, bins=bins)[["probability", "accuracy", "low", "high"]]
        error = [table["accuracy"] - table["low"], table["high"] - table["accuracy"]]
        errors.append(f"{model} (error {calibration_error(evaluation, bins=bins):.2f})")
        look = {"fmt": MARKERS[k % len(MARKERS)], "ls": LINE_STYLES[k % len(LINE_STYLES)], "capsize": 3, **EDGE}
        ax.errorbar(table["probability"], table["accuracy"], yerr=error, label=errors[-1], color=colour, **look)
    ax.set_xlabel("probability of the answer (%)")
    ax.set_ylabel("right answers (%), with 95 % interval")
    ax.set_xlim(0, 102)
    ax.set_ylim(0, 102)
    ax.annotate("below the diagonal: overconfident", (101, 2), ha="right", fontsize="x-small", color="0.35")
    figure.legend(fontsize="small", loc="outside upper center", ncols=2)
    return describe(
        figure,
        "Accuracy of answers by their probability, one line per model, beside the diagonal of a calibrated model. "
        f"Mean distance from the diagonal: {listed(errors, most=12)}.",
    )


def plot_attention(weights: Mapping[str, np.ndarray]) -> Figure:
    """Plot the attention weight of every frame: one strip per clip with a row per head, dark where the weight is high.

    Args:
        weights: title -> (frames, heads) as `attention_weights` returns them for one clip.
    """
    rows = -(-len(weights) // 3)
    figure, axes = subplots(rows, 3, figsize=(10, 1.0 + 1.15 * rows), sharex=True, squeeze=False)
    for ax in axes.flat[len(weights) :]:
        ax.axis("off")
    uniform = 1 / max(map(len, weights.values()))  # the weight of every frame if all were equal
    for ax, (title, by_frame) in zip(axes.flat, weights.items(), strict=False):
        strip = ax.imshow(100 * by_frame.T, aspect="auto", cmap="Blues", vmin=0, vmax=300 * uniform)
        ax.set_yticks(range(by_frame.shape[1]), [str(head + 1) for head in range(by_frame.shape[1])])
        ax.set_title(title, **SMALL_TITLE)
        ax.grid(visible=False)
    for ax in axes[:, 0]:
        ax.set_ylabel("head")
    for ax in axes[-1]:
        ax.set_xlabel("frame")
    figure.colorbar(strip, ax=axes, label=f"weight (%; even: {100 * uniform:.1f})", shrink=0.8, extend="max")
    peaks = listed((f"{title} frame {np.argmax(w.mean(axis=1))}" for title, w in weights.items()), most=12)
    heads = counted(max(by_frame.shape[1] for by_frame in weights.values()), "head")
    return describe(
        figure,
        f"Strips of attention over the frames of {counted(len(weights), 'clip')}, one strip for each of {heads}, dark "
        f"where the weight is high. Averaged over the heads, the highest weight is on: {peaks}.",
    )


def plot_gap(summary: pd.DataFrame, *, chance: float) -> Figure:
    """Plot each model's accuracy on known signers beside its accuracy on new ones.

    Args:
        summary: as `summarise` returns it; models without a result on known signers are left out.
        chance: accuracy of guessing, from 0 to 1.
    """
    table = summary[summary["known_signers"].notna()].reset_index(drop=True)
    protocol = _protocol(table)
    label = f"{protocol} (mean)" if protocol == "new signers" else protocol
    figure, ax = subplots(figsize=(5.4, 1.4 + 0.45 * len(table)))
    for row in table.itertuples():
        ax.plot([row.mean_accuracy * 100, row.known_signers * 100], [row.Index] * 2, color="0.7", lw=3, zorder=1)
    ax.plot(table["known_signers"] * 100, table.index, "D", color="#029e73", label="known signers", zorder=2)
    ax.plot(table["mean_accuracy"] * 100, table.index, "o", color="#0173b2", label=label, zorder=2)
    ax.set_yticks(range(len(table)), table["model"])
    ax.set_ylim(len(table) - 0.5, -0.6)
    _finish(ax, chance)
    ax.set_xlabel("accuracy (%)")
    figure.legend(fontsize="small", loc="outside upper center", ncols=2)
    pairs = (f"{row.model} {percent(row.known_signers)} and {percent(row.mean_accuracy)}" for row in table.itertuples())
    return describe(
        figure,
        f"Each model's accuracy on known signers and, joined by a line, its accuracy ({protocol}): "
        f"{listed(pairs, most=12) or 'none'}.",
    )


def _protocol(table: pd.DataFrame) -> str:
    """Return the protocol of a table of results in words: "new signers", unless a column says otherwise."""
    protocols = set(table["protocol"]) if "protocol" in table else set()
    return "new signers" if protocols <= {"new signer"} else listed(sorted(protocols))


def _start_and_end(accuracies: pd.Series) -> str:
    """Return the first and the last accuracy of a curve in words."""
    return f"goes from {percent(float(accuracies.iloc[0]))} to {percent(float(accuracies.iloc[-1]))}"


def _finish(ax: Axes, chance: float) -> None:
    """Mark chance and label the axis of accuracies."""
    ax.axvline(chance * 100, color="0.45", lw=1, ls=":")
    look: dict[str, Any] = {"textcoords": "offset points", "fontsize": "x-small", "color": "0.35"}
    ax.annotate("chance", (chance * 100, 0), (3, 3), xycoords=("data", "axes fraction"), **look)
    ax.set_xlim(0, 102)
    ax.set_xlabel("accuracy (%), with 95 % interval", loc="right")
    ax.grid(axis="y", visible=False)
