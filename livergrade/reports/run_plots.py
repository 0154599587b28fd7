"""Figures of a run: confusion matrices, curves, per-class scores, ROC curves and reliability.

Every function returns a `matplotlib.figure.Figure` made without pyplot: no figure stays open, it is
thread-safe, and no display is needed. ``note`` is a warning printed on the figure itself, so that a figure of
a leaking split carries it everywhere.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import MaxNLocator, PercentFormatter

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.leakage import warning
from livergrade.evaluation.levels import REPORTED_LEVELS, Level, aggregate
from livergrade.evaluation.metrics import roc_points
from livergrade.evaluation.predictions import class_names
from livergrade.evaluation.summary import RunMetrics
from livergrade.reports.palette import BLUE, GRADES, GREEN, INK, MUTED, ORANGE, RULE
from livergrade.reports.style import SHARE, heading, hide_spines, wrap


def confusion_matrix(matrix: npt.ArrayLike, classes: Sequence[str], *, title: str, note: str = "") -> Figure:
    """Confusion matrix: counts large, the row share small; the colour is the row share.

    Args:
        matrix: Counts, rows are the truth, [K, K].
        classes: Grades in the matrix's order, length K.
        title: Printed above.
        note: Warning printed under the title; none if empty.

    Returns:
        The figure. Its layout is computed by hand: it is also plotted during training, where a layout solver
        would cost time.
    """
    counts = np.asarray(matrix)
    rows = counts.sum(1, keepdims=True)
    shares = counts / np.maximum(rows, 1)
    names = [wrap(name) for name in classes]
    lines = max(name.count("\n") + 1 for name in names)
    letters = max(len(line) for name in names for line in name.split("\n"))
    across, down = max(0.82, 0.075 * letters + 0.08) * len(classes), 0.78 * len(classes)
    left, right, bottom = 0.55 + 0.075 * letters, 0.25, 0.42 + 0.15 * lines
    width = max(left + across + right, 3.6)
    above = textwrap.wrap(title, int(width / 0.092)), textwrap.wrap(note, int(width / 0.068))
    height = bottom + down + 0.22 + 0.2 * len(above[0]) + 0.17 * len(above[1])
    figure = Figure((width, height))
    axes = figure.add_axes((left / width, bottom / height, across / width, down / height))
    axes.imshow(shares, cmap=SHARE, vmin=0, vmax=1, aspect="auto")
    for i, j in np.ndindex(counts.shape):
        colour = "white" if shares[i, j] > 0.5 else INK
        axes.text(j, i - 0.06, f"{counts[i, j]:,}", ha="center", va="center", color=colour, fontsize=13)
        if rows[i]:
            share = f"{100 * shares[i, j]:.0f} %"
            axes.text(j, i + 0.27, share, ha="center", va="center", color=colour, fontsize=7)
    axes.set_xticks(range(len(classes)), names, fontsize=8.5)
    axes.set_yticks(range(len(classes)), names, fontsize=8.5)
    axes.set_xlabel("predicted", color=MUTED, fontsize=9)
    axes.set_ylabel("true", color=MUTED, fontsize=9)
    axes.tick_params(length=0, colors=INK)
    axes.spines[:].set_visible(False)
    axes.set_xticks(np.arange(len(classes) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(classes) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="minor", length=0)
    heading(figure, "\n".join(above[0]), "\n".join(above[1]))
    return figure


def curves(history: pd.DataFrame, *, title: str, note: str = "") -> Figure:
    """Accuracy and loss over the epochs, training and validation.

    Args:
        history: One row per epoch: ``epoch`` and any of ``train/accuracy``, ``val/accuracy``, ``train/loss``,
            ``val/loss``; gaps are allowed.
        title: Printed above.
        note: Warning printed under the title; none if empty.
    """
    figure = Figure((8.4, 3.5), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        for part, colour in (("train", BLUE), ("val", ORANGE)):
            if f"{part}/{name}" not in history:
                continue
            points = history[["epoch", f"{part}/{name}"]].dropna()
            if points.empty:
                continue
            marker = "o" if len(points) < 25 else ""
            label = {"train": "training", "val": "validation"}[part]
            axes.plot(
                *points.to_numpy(float).T, color=colour, marker=marker, markersize=3.5, lw=1.6, label=label
            )
        hide_spines(axes)
        axes.set_xlabel("epoch")
        axes.set_title(name, loc="left", fontsize=10, color=INK)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(axis="y", color=RULE, linewidth=0.6)
        if name == "accuracy":
            axes.set_ylim(0, 1.02)
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        else:
            axes.set_ylim(bottom=0)
        if axes.lines:
            axes.legend(frameon=False, fontsize=8.5, labelcolor=INK)
        else:
            axes.text(0.5, 0.5, "not recorded", ha="center", transform=axes.transAxes, color=MUTED)
    heading(figure, title, note)
    return figure


def class_bars(metrics: RunMetrics, *, title: str, note: str = "") -> Figure:
    """Precision, recall and F1 of each grade with their intervals, at image and patient level.

    Args:
        metrics: Result of `livergrade.evaluation.summary.evaluate`.
        title: Printed above.
        note: Warning printed under the title; none if empty.
    """
    classes = metrics["classes"]
    scores = {"precision": BLUE, "recall": ORANGE, "f1": GREEN}
    figure = Figure((8.4, 1.3 + 0.72 * len(classes)), layout="constrained")
    for axes, level in zip(figure.subplots(1, 2, sharey=True), REPORTED_LEVELS, strict=True):
        for offset, (score, colour) in zip((-0.25, 0.0, 0.25), scores.items(), strict=True):
            for row, grade in enumerate(classes):
                estimate = metrics[level]["per_class"][grade][score]
                if estimate["value"] is None:
                    axes.text(0.01, row + offset, "undefined", va="center", fontsize=7, color=MUTED)
                    continue
                axes.barh(row + offset, estimate["value"], 0.2, color=colour, alpha=0.28)
                if estimate["low"] is not None:
                    axes.plot((estimate["low"], estimate["high"]), [row + offset] * 2, color=colour, lw=1.6)
                axes.plot(estimate["value"], row + offset, "o", color=colour, markersize=4.5)
            axes.plot([], [], "o-", color=colour, lw=1.6, ms=4.5, label="F1" if score == "f1" else score)
        hide_spines(axes)
        axes.set_xlim(0, 1.02)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.grid(axis="x", color=RULE, linewidth=0.6)
        axes.set_yticks(range(len(classes)), [wrap(name) for name in classes])
        axes.tick_params(axis="y", length=0)
        n = metrics["counts"][f"{level}s"]
        axes.set_title(f"{level} level (n = {n:,})", loc="left", fontsize=10, color=INK)
    axes.set_ylim(len(classes) - 0.5, -0.5)  # shared: worst on top; bars or not, each grade has its place
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8.5)
    heading(figure, title, note)
    return figure


def roc(predictions: pd.DataFrame, metrics: RunMetrics, *, title: str, note: str = "") -> Figure:
    """One-vs-rest ROC curves at image and patient level, with area and interval in the legend.

    Args:
        predictions: A checked table of predictions; only rows of the ``test`` split are used.
        metrics: Result of `livergrade.evaluation.summary.evaluate` for it.
        title: Printed above.
        note: Warning printed under the title; none if empty.
    """
    levels = aggregate(predictions[predictions["split"] == "test"])
    figure = Figure((8.4, 4.7), layout="constrained")
    for axes, level in zip(figure.subplots(1, 2), REPORTED_LEVELS, strict=True):
        axes.plot((0, 1), (0, 1), color=RULE, lw=1, ls="--")
        for k, grade in enumerate(class_names(predictions)):
            area = metrics[level]["per_class"][grade]["auroc"]
            name, colour = textwrap.shorten(grade, 20, placeholder="…"), GRADES[k % len(GRADES)]
            if area["value"] is None:
                axes.plot([], [], color=colour, label=f"{name}: undefined")
                continue
            false_positive_rate, true_positive_rate = _curve(levels[level], k)
            bounds = "" if area["low"] is None else f" ({area['low']:.3f}–{area['high']:.3f})"
            axes.plot(
                false_positive_rate,
                true_positive_rate,
                color=colour,
                lw=1.8,
                label=f"{name}: {area['value']:.3f}{bounds}",
            )
        hide_spines(axes)
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
        axes.set_xlabel("1 − specificity")
        axes.set_ylabel("sensitivity")
        axes.set_title(
            f"{level} level (n = {len(levels[level].truth):,})", loc="left", fontsize=10, color=INK
        )
        legend = axes.legend(frameon=False, fontsize=8, labelcolor=INK, loc="lower right")
        areas = [metrics[level]["per_class"][grade]["auroc"] for grade in class_names(predictions)]
        ci = " (95 % CI)" * any(area["low"] is not None for area in areas)
        legend.set_title(f"area under the curve{ci}", FontProperties(size=8))
    heading(figure, title, note)
    return figure


def _curve(level: Level, k: int) -> tuple[Floats, Floats]:
    """ROC curve of a grade; of folds the mean of their curves, each weighing as its patients, as their area.

    Returns:
        1 - specificity and sensitivity, both [T].
    """
    if level.fold is None:
        return roc_points(level.truth == k, level.scores[:, k])
    drawn = [
        (len(patients), roc_points(part.truth == k, part.scores[:, k]))
        for patients, part in level.folds
        if len(set(part.truth == k)) == 2
    ]
    steps = np.repeat(np.unique(np.concatenate([points[0] for _, points in drawn])), 2)
    beside = steps + np.tile((-1e-12, 1e-12), len(steps) // 2)  # the foot and the top of each step
    total = np.sum([number * np.interp(beside, *points) for number, points in drawn], axis=0)
    return steps, np.asarray(total / sum(number for number, _ in drawn), np.float64)


def reliability(metrics: RunMetrics, *, title: str, note: str = "") -> Figure:
    """Reliability diagram: accuracy against predicted probability, and the count of each bin.

    Args:
        metrics: Result of `livergrade.evaluation.summary.evaluate`.
        title: Printed above.
        note: Warning printed under the title; none if empty.
    """
    figure = Figure((8.4, 4.2), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True, height_ratios=(3, 1))
    for (above, below), level in zip(grid.T, REPORTED_LEVELS, strict=True):
        bins = [bin_ for bin_ in metrics[level]["reliability"] if bin_["n"]]
        confidence, accuracy = [bin_["confidence"] for bin_ in bins], [bin_["accuracy"] for bin_ in bins]
        largest = max(bin_["n"] for bin_ in bins)
        above.plot((0, 1), (0, 1), color=MUTED, lw=1, ls=":")
        above.plot(confidence, accuracy, color=BLUE, lw=1, alpha=0.5)
        above.scatter(
            confidence, accuracy, [20 + 100 * bin_["n"] / largest for bin_ in bins], color=BLUE, zorder=3
        )
        above.set_xlim(0, 1)
        above.set_ylim(-0.03, 1.03)
        above.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        ece = metrics[level]["ece"]["value"]
        above.set_title(f"by {level}, calibration error {ece:.3f}", loc="left", fontsize=10, color=INK)
        below.bar(
            [bin_["low"] for bin_ in bins],
            [bin_["n"] for bin_ in bins],
            bins[0]["high"] - bins[0]["low"],
            align="edge",
            color=BLUE,
            edgecolor="white",
        )
        below.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        below.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        below.set_xlabel("probability of the predicted grade")
        for axes in (above, below):
            hide_spines(axes)
            axes.grid(axis="y", color=RULE, linewidth=0.6)
    grid[0][0].set_ylabel("graded correctly", color=MUTED, fontsize=9)
    grid[1][0].set_ylabel("number", color=MUTED, fontsize=9)
    heading(figure, title, note)
    return figure


def plot_run(
    predictions: pd.DataFrame,
    metrics: RunMetrics,
    history: pd.DataFrame | None = None,
    *,
    synthetic: bool = False,
) -> dict[str, Figure]:
    """All figures of a run; if its split leaks, each carries a warning.

    Args:
        predictions: The run's checked predictions.
        metrics: Result of `livergrade.evaluation.summary.evaluate` for them.
        history: One row per epoch, see `curves`; if None, no curves.
        synthetic: Whether the titles say "synthetic cohort".

    Returns:
        ``confusion_image``, ``confusion_patient``, ``class_bars``, ``roc``, ``reliability`` and ``curves``.
    """
    note = warning(metrics["leakage"])
    suffix = ", synthetic cohort" if synthetic else ""
    figures = {
        f"confusion_{level}": confusion_matrix(
            metrics[level]["confusion"], metrics["classes"], title=f"Test {level}s{suffix}", note=note
        )
        for level in REPORTED_LEVELS
    }
    intervals = any(
        score["low"] is not None
        for level in REPORTED_LEVELS
        for scores in metrics[level]["per_class"].values()
        for score in (scores["precision"], scores["recall"], scores["f1"])
    )
    title = f"Scores by grade{' with 95 % intervals' * intervals}{suffix}"
    figures["class_bars"] = class_bars(metrics, title=title, note=note)
    figures["roc"] = roc(predictions, metrics, title=f"ROC, one grade against the rest{suffix}", note=note)
    title = f"Reliability of the probabilities{suffix}"
    figures["reliability"] = reliability(metrics, title=title, note=note)
    if history is not None and len(history):
        figures["curves"] = curves(history, title=f"Training{suffix}", note=note)
    return figures
