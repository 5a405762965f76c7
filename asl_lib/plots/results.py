"""Pictures of training and of results: curves, confusions, accuracies with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from asl_lib.evaluation.metrics import Evaluation, Rate, calibration_error, reliability
from asl_lib.plots.style import counted, describe, listed, percent, readable_numbers, shown_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMS = "osD^vPX<>p*h"
"""Markers of models: with the ten colours of the palette sixty looks, and no two neighbours differ by colour alone."""
RIM: dict[str, Any] = {"mec": "0.25", "mew": 0.6}
"""A dark rim, without which the palette's yellow is lost on white."""
DASHES = ("-", "--", "-.", ":")


def plot_history(history: pd.DataFrame) -> Figure:
    """Show loss and accuracy by epoch, with the epoch whose weights were kept."""
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6))
    validated = "val_accuracy" in history
    best = history["epoch"].iloc[-1]
    if validated:  # as in training: of equal accuracies the lower loss is better, and of equal losses the first
        best = history.sort_values(["val_accuracy", "val_loss"], ascending=[False, True], kind="stable").epoch.iloc[0]
    for ax, name, label in zip(axes, ("loss", "accuracy"), ("loss (cross-entropy)", "accuracy (%)"), strict=True):
        factor = 100 if name == "accuracy" else 1
        ax.plot(history["epoch"], history[name] * factor, label="training signers")
        if validated:
            ax.plot(history["epoch"], history[f"val_{name}"] * factor, label="validation signer", ls="--")
        ax.axvline(best, color="0.5", lw=1, ls=":")
        ax.set_xlabel("epoch")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_ylabel(label)
    # A few wild validation losses must not squeeze the rest of the curve to a line.
    top = np.nanpercentile(history.filter(regex="loss$").to_numpy(), 95)
    axes[0].set_ylim(0, 1.2 * top)
    axes[1].set_ylim(0, 102)
    if validated:
        place = {"textcoords": "offset points", "fontsize": "x-small", "va": "top"}
        axes[0].annotate("weights kept", (best, 1.17 * top), xytext=(4, -4), **place)
    axes[0].legend(fontsize="small")
    text = f"Curves of loss and accuracy over {counted(len(history), 'epoch')}. "
    text += f"Training accuracy {_rise(history['accuracy'])}"
    if validated:
        text += (
            f", validation accuracy {_rise(history['val_accuracy'])}; the weights kept are those of epoch {best}, at "
        )
        text += percent(float(history["val_accuracy"].max()))
    return describe(
        figure, text + f". Training loss goes from {history['loss'].iloc[0]:.2f} to {history['loss'].iloc[-1]:.2f}."
    )


def plot_confusion(
    evaluation: Evaluation,
    *,
    minimal_pairs: Sequence[tuple[str, str]] = (),
    labels: Mapping[str, str] | None = None,
) -> Figure:
    """Show which gloss was taken for which, with the cells of minimal pairs framed.

    Args:
        evaluation: the predictions.
        minimal_pairs: pairs of glosses that differ in one parameter only.
        labels: gloss -> the word to show, where glosses are numbers.
    """
    import matplotlib.pyplot as plt
    import seaborn as sns
    from matplotlib.patches import Rectangle

    counts, names = evaluation.confusion(), shown_names(evaluation.glosses, labels)
    size = min(12.0, 2.8 + 0.42 * len(counts))
    figure, ax = plt.subplots(figsize=(size + 1, size))
    sns.heatmap(
        counts, cmap="Blues", annot=len(counts) <= 30, fmt="d", square=True, linewidths=0.5, linecolor="0.9", ax=ax,
        cbar_kws={"label": "clips", "shrink": 0.7}, annot_kws={"fontsize": "small"},
        xticklabels=names, yticklabels=names,
    )  # fmt: skip
    readable_numbers(ax)
    place = {gloss: index for index, gloss in enumerate(evaluation.glosses)}
    for one, other in minimal_pairs:
        if one in place and other in place:
            for row, column in ((place[one], place[other]), (place[other], place[one])):
                ax.add_patch(Rectangle((column, row), 1, 1, fill=False, ec="#de8f05", lw=2.2, clip_on=False, zorder=5))
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
    """Show each test signer's accuracy with its 95 % interval."""
    import matplotlib.pyplot as plt

    rates = evaluation.per_signer()
    figure, ax = plt.subplots(figsize=(5.2, 1.4 + 0.5 * len(rates)))
    _draw_rates(ax, rates)
    chance = chance or 1 / len(evaluation.glosses)
    _finish(ax, chance)
    ax.set_ylabel("test signer")
    return describe(
        figure, f"Accuracy of each test signer with its 95 % interval: {_rates(rates)}; chance {percent(chance)}."
    )


def plot_split_scores(scores: Mapping[str, Rate], *, chance: float) -> Figure:
    """Show accuracies under several splits below each other, with their intervals."""
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(5.2, 1.4 + 0.5 * len(scores)))
    _draw_rates(ax, scores)
    _finish(ax, chance)
    return describe(
        figure, f"Accuracies with their 95 % intervals, side by side: {_rates(scores)}; chance {percent(chance)}."
    )


def plot_comparison(table: pd.DataFrame, *, chance: float) -> Figure:
    """Show accuracy by held-out signer and model, and each model's mean.

    Args:
        table: one row per model and held-out signer: model, held_out, accuracy, low, high (from 0 to 1).
        chance: accuracy of guessing, from 0 to 1.
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    models = list(dict.fromkeys(table["model"]))
    signers = sorted(set(table["held_out"]))
    figure, ax = plt.subplots(figsize=(9.5, 1.4 + (0.25 + 0.17 * len(models)) * len(signers)))
    palette = sns.color_palette("colorblind", len(models))
    for k, model in enumerate(models):
        rows = table[table["model"] == model].set_index("held_out")
        offset = (k - (len(models) - 1) / 2) * 0.7 / max(len(models), 1)
        at = np.array([signers.index(name) for name in rows.index]) + offset
        value = rows["accuracy"].to_numpy() * 100
        error = np.abs(np.stack([rows["low"] * 100 - value, rows["high"] * 100 - value]))
        form = FORMS[k % len(FORMS)]
        ax.errorbar(value, at, xerr=error, fmt=form, color=palette[k], capsize=3, label=model, **RIM)
        ax.axvline(value.mean(), color=palette[k], lw=1.2, ls="--", alpha=0.8)
        ax.plot(value.mean(), -0.6, form, color=palette[k], clip_on=False, zorder=5, **RIM)
    ax.set_yticks(range(len(signers)), signers)
    ax.set_ylim(len(signers) - 0.4, -0.6)
    _finish(ax, chance)
    ax.set_ylabel("held-out signer")
    figure.legend(fontsize="small", title="model (dashed: mean)", loc="outside right upper")
    means = table.groupby("model")["accuracy"].mean().sort_values(ascending=False)
    hardest = table.groupby("held_out")["accuracy"].mean().idxmin()
    ranked = listed((f"{model} {percent(mean)}" for model, mean in means.items()), most=12)
    return describe(
        figure,
        f"Accuracy of {counted(len(models), 'model')} on each of {counted(len(signers), 'held-out signer')}, with 95 % "
        f"intervals. Means: {ranked}; chance {percent(chance)}."
        + (f" The hardest signer is {hardest}." if len(signers) > 1 else ""),
    )


def plot_reliability(evaluations: Mapping[str, Evaluation], *, bins: int = 5) -> Figure:
    """Show how often predictions of a given probability are right: on the diagonal, a model is as sure as it is right.

    Args:
        evaluations: model -> its predictions.
        bins: intervals of probability.
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    figure, ax = plt.subplots(figsize=(5.4, 4.6))
    ax.plot([0, 100], [0, 100], color="0.6", lw=1, ls=":")
    palette = sns.color_palette("colorblind", len(evaluations))
    errors = []
    for k, (colour, (model, evaluation)) in enumerate(zip(palette, evaluations.items(), strict=True)):
        table = 100 * reliability(evaluation, bins=bins)[["probability", "accuracy", "low", "high"]]
        error = [table["accuracy"] - table["low"], table["high"] - table["accuracy"]]
        errors.append(f"{model} (error {calibration_error(evaluation, bins=bins):.2f})")
        look = {"fmt": FORMS[k % len(FORMS)], "ls": DASHES[k % len(DASHES)], "capsize": 3, "color": colour, **RIM}
        ax.errorbar(table["probability"], table["accuracy"], yerr=error, label=errors[-1], **look)
    ax.set_xlabel("probability of the answer (%)")
    ax.set_ylabel("right answers (%), with 95 % interval")
    ax.set_xlim(0, 102)
    ax.set_ylim(0, 102)
    ax.annotate("below the diagonal: too sure", (101, 2), ha="right", fontsize="x-small", color="0.35")
    figure.legend(fontsize="small", loc="outside upper center", ncols=2)
    return describe(
        figure,
        "How often answers of a given probability are right, one line a model, beside the diagonal on which a model is "
        f"as sure as it is right. Mean distance from it: {listed(errors, most=12)}.",
    )


def plot_attention(weights: Mapping[str, np.ndarray]) -> Figure:
    """Show which frames count: for each clip one strip a head, dark where the weight is.

    Args:
        weights: title -> (frames, heads) as `attention_weights` gives them for one clip.
    """
    import matplotlib.pyplot as plt

    rows = -(-len(weights) // 3)
    figure, axes = plt.subplots(rows, 3, figsize=(10, 1.0 + 1.15 * rows), sharex=True, squeeze=False)
    for ax in axes.flat[len(weights) :]:
        ax.axis("off")
    even = 1 / max(map(len, weights.values()))  # of every frame, if all counted alike
    for ax, (title, own) in zip(axes.flat, weights.items(), strict=False):
        strip = ax.imshow(100 * own.T, aspect="auto", cmap="Blues", vmin=0, vmax=300 * even)
        ax.set_yticks(range(own.shape[1]), [str(head + 1) for head in range(own.shape[1])])
        ax.set_title(title, fontsize="small", fontweight="normal")
        ax.grid(visible=False)
    for ax in axes[:, 0]:
        ax.set_ylabel("head")
    for ax in axes[-1]:
        ax.set_xlabel("frame")
    figure.colorbar(strip, ax=axes, label=f"weight (%; even: {100 * even:.1f})", shrink=0.8, extend="max")
    peaks = listed((f"{title} frame {own.mean(axis=1).argmax()}" for title, own in weights.items()), most=12)
    heads = counted(max(own.shape[1] for own in weights.values()), "head")
    return describe(
        figure,
        f"Strips of attention over the frames of {counted(len(weights), 'clip')}, one strip for each of {heads}, dark "
        f"where the weight is. On average over the heads the most weight is on: {peaks}.",
    )


def plot_gap(summary: pd.DataFrame, *, chance: float) -> Figure:
    """Show what is lost when a signer is new: each model's accuracy on known signers and on new ones.

    Args:
        summary: as `report.summarise` gives it; models without a result on known signers are left out.
        chance: accuracy of guessing, from 0 to 1.
    """
    import matplotlib.pyplot as plt

    table = summary[summary["known_signers"].notna()].reset_index(drop=True)
    figure, ax = plt.subplots(figsize=(5.4, 1.4 + 0.45 * len(table)))
    for row in table.itertuples():
        ax.plot([row.mean_accuracy * 100, row.known_signers * 100], [row.Index] * 2, color="0.7", lw=3, zorder=1)
    ax.plot(table["known_signers"] * 100, table.index, "D", color="#029e73", label="signers known", zorder=2)
    ax.plot(table["mean_accuracy"] * 100, table.index, "o", color="#0173b2", label="signer new (mean)", zorder=2)
    ax.set_yticks(range(len(table)), table["model"])
    ax.set_ylim(len(table) - 0.5, -0.6)
    _finish(ax, chance)
    ax.set_xlabel("accuracy (%)")
    figure.legend(fontsize="small", loc="outside upper center", ncols=2)
    gaps = listed(
        (f"{row.model} {percent(row.known_signers)} and {percent(row.mean_accuracy)}" for row in table.itertuples()),
        most=12,
    )
    return describe(
        figure, f"Each model's accuracy on known signers and, joined by a line, on new ones: {gaps or 'none'}."
    )


def _rise(values: pd.Series) -> str:
    """Return in words where a curve of accuracies begins and ends."""
    return f"goes from {percent(float(values.iloc[0]))} to {percent(float(values.iloc[-1]))}"


def _rates(rates: Mapping[str, Rate]) -> str:
    """Return names with their accuracies and intervals, as one reads them aloud."""
    return listed(
        (f"{name} {percent(r.value)} ({percent(r.low)} to {percent(r.high)}, n = {r.n})" for name, r in rates.items()),
        most=9,
    )


def _draw_rates(ax: Axes, rates: Mapping[str, Rate]) -> None:
    for row, value in enumerate(rates.values()):
        low, high = (value.value - value.low) * 100, (value.high - value.value) * 100
        ax.errorbar(value.value * 100, row, xerr=[[max(0, low)], [max(0, high)]], fmt="o", capsize=4, color="#0173b2")
        point = (value.value * 100, row)
        ax.annotate(f"{value.value:.0%}", point, (0, 7), textcoords="offset points", ha="center", fontsize="x-small")
    ax.set_yticks(range(len(rates)), [f"{name}\n(n = {value.n})" for name, value in rates.items()])
    ax.set_ylim(len(rates) - 0.5, -0.6)


def _finish(ax: Axes, chance: float) -> None:
    ax.axvline(chance * 100, color="0.45", lw=1, ls=":")
    style: dict[str, Any] = {"textcoords": "offset points", "fontsize": "x-small", "color": "0.35"}
    ax.annotate("chance", (chance * 100, 0), (3, 3), xycoords=("data", "axes fraction"), **style)
    ax.set_xlim(0, 102)
    ax.set_xlabel("accuracy (%), with 95 % interval", loc="right")
    ax.grid(axis="y", visible=False)
