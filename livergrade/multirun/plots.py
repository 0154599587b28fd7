"""Figures of a comparison: accuracies, differences, training curves as in the paper, confusion matrices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from livergrade.evaluation.estimate import Estimate
from livergrade.evaluation.levels import REPORTED_LEVELS, LevelName, ReportedLevel
from livergrade.evaluation.paired import Pair
from livergrade.multirun import paper
from livergrade.multirun.grouping import Group
from livergrade.multirun.learning_curve_plot import plot_learning_curves
from livergrade.multirun.measures import ArmMeasures, estimate, order
from livergrade.reports.palette import BLUE, GRADES, INK, MUTED, RULE
from livergrade.reports.style import SHARE, heading, hide_spines

ZOOM = (160, 300)
"""Epochs that the paper's Figure 3 shows again, enlarged."""


def plot_arm(arm: Group, measured: ArmMeasures, level: ReportedLevel, *, note: str = "") -> dict[str, Figure]:
    """All figures of an arm; ``note`` is a warning printed on each."""
    models = order(measured, level)
    figures = {
        "accuracy": accuracy(measured, models, arm.runs[0].classes, note=note),
        "confusion": confusion(measured, models, arm.runs[0].classes, level, note=note),
    }
    if measured["pairs"]:
        figures["pairs"] = differences(measured["pairs"], level, note=note)
    histories = mean_histories(arm)
    if any(len(history) for history in histories.values()):
        figures["curves"] = curves(histories, note=note)
    if measured["learning_curves"]:
        figures["learning_curve"] = plot_learning_curves(measured["learning_curves"], level, note=note)
    return {f"{name}_{arm.kind}": figure for name, figure in figures.items()}


def accuracy(
    measured: ArmMeasures, models: Sequence[str], classes: Sequence[str], *, note: str = ""
) -> Figure:
    """Accuracy of each model per patient and per image with interval or repeats, and the paper's accuracy."""
    rings = False
    figure = Figure((8.4, 1.5 + 0.5 * len(models)), layout="constrained")
    for axes, level in zip(figure.subplots(1, 2, sharey=True), reversed(REPORTED_LEVELS), strict=True):
        for row, name in enumerate(models):
            model = measured["models"][name]
            _whisker(axes, row, estimate(model, level, "accuracy"))
            printed = paper.printed(paper.TABLE_5, model["model"], classes)
            if printed:
                axes.plot(printed["total"] / 100, row, "o", mfc="none", mec=MUTED, ms=7)
                rings = True
        _forest(axes, models)
        axes.set_xlim(0, 1.02)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_title(f"by {level}", loc="left", fontsize=10, color=INK)
    intervals = any(
        estimate(measured["models"][name], level, "accuracy")["low"] is not None
        for name in models
        for level in REPORTED_LEVELS
    )
    rings_are = "; rings: the paper's, over images and views" if rings else ""
    heading(figure, f"Accuracy{' with 95 % intervals' * intervals}{rings_are}", note)
    return figure


def differences(pairs: Sequence[Pair], level: ReportedLevel, *, note: str = "") -> Figure:
    """Difference in accuracy of each pair of models with its interval; filled if Holm-corrected p < 0.05."""
    names = [f"{pair['first']} − {pair['second']}" for pair in pairs]
    figure = Figure((8.4, 1.5 + 0.34 * len(pairs)), layout="constrained")
    axes = figure.subplots()
    for row, pair in enumerate(pairs):
        p = pair[level]["test"]["p_holm"]
        _whisker(axes, row, pair[level]["difference"]["accuracy"], filled=p is not None and p < 0.05)
    axes.axvline(0, color=MUTED, lw=1)
    _forest(axes, names)
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" pts"))
    heading(figure, f"Difference in accuracy by {level}; filled: p < 0.05 after Holm's correction", note)
    return figure


def confusion(
    measured: ArmMeasures, models: Sequence[str], classes: Sequence[str], level: LevelName, *, note: str = ""
) -> Figure:
    """Confusion matrices of all models side by side; counts are summed over repeats."""
    across = min(3, len(models))
    down = -(-len(models) // across)
    side = max(2.6, 0.62 * len(classes) + 1.1)
    figure = Figure((0.3 + side * across, 0.6 + side * down), layout="constrained")
    for place, axes in enumerate(np.ravel(figure.subplots(down, across, squeeze=False))):
        if place >= len(models):
            axes.set_axis_off()
            continue
        repeats = measured["models"][models[place]]["repeats"].values()
        counts = np.sum([metrics[level]["confusion"] for metrics in repeats], axis=0)
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        axes.imshow(shares, cmap=SHARE, vmin=0, vmax=1)
        for i, j in np.ndindex(counts.shape):
            colour = "white" if shares[i, j] > 0.5 else INK
            axes.text(j, i, f"{counts[i, j]:,}", ha="center", va="center", color=colour, fontsize=10)
        short = [name if len(name) < 16 else name[:14] + "…" for name in classes]
        axes.set_xticks(range(len(classes)), short, fontsize=8, rotation=30 if len(classes) > 3 else 0)
        axes.set_yticks(range(len(classes)), short if place % across == 0 else [], fontsize=8)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(models[place], fontsize=10, color=INK)
    heading(figure, f"{level.capitalize()}s: truth by row, prediction by column", note)
    return figure


def mean_histories(arm: Group) -> dict[str, pd.DataFrame]:
    """Training curves of each model, averaged over its folds and repeats."""
    return {
        name: pd.concat([run.history for folds in repeats.values() for run in folds])
        .groupby("epoch", as_index=False)
        .mean()
        for name, repeats in arm.models.items()
    }


def curves(histories: dict[str, pd.DataFrame], *, note: str = "") -> Figure:
    """Accuracy per epoch as in the paper's Figure 3: training and held-out data, the last epochs enlarged.

    The held-out data is the validation split: the paper plotted the test images, which must not be used to
    choose an epoch.
    """
    longest = max(int(history["epoch"].max()) for history in histories.values() if len(history))
    spans = [None, ZOOM] if longest > ZOOM[0] + 20 else [None]
    figure = Figure((8.4, 3.4 * len(spans)), layout="constrained")
    grid = figure.subplots(len(spans), 2, squeeze=False)
    for row, span in zip(grid, spans, strict=True):
        for axes, split in zip(row, ("train", "val"), strict=True):
            for number, (name, history) in enumerate(histories.items()):
                if f"{split}/accuracy" not in history:
                    continue
                points = history[["epoch", f"{split}/accuracy"]].dropna()
                axes.plot(
                    *points.to_numpy(float).T,
                    color=GRADES[number % len(GRADES)],
                    lw=1.5,
                    marker="o" if longest < 25 else "",
                    ms=3,
                    label=name,
                )
            hide_spines(axes)
            axes.grid(axis="y", color=RULE, linewidth=0.6)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
            title = {"train": "training", "val": "validation"}[split]
            if span:
                _zoom(axes, span)
                title += f", epochs {span[0]} to {span[1]}"
            else:
                axes.set_ylim(0, 1.02)
            axes.set_title(title, loc="left", fontsize=10, color=INK)
            if not axes.lines:
                axes.text(0.5, 0.5, "not recorded", ha="center", transform=axes.transAxes, color=MUTED)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=min(5, len(labels)), frameon=False, fontsize=8.5
    )
    heading(figure, "Accuracy over the epochs, of views", note)
    return figure


def _zoom(axes: Axes, span: tuple[int, int]) -> None:
    inside = [y for line in axes.lines for x, y in np.asarray(line.get_xydata()) if span[0] <= x <= span[1]]
    axes.set_xlim(*span)
    if inside:
        axes.set_ylim(min(inside) - 0.01, min(1.002, max(inside) + 0.01))


def _whisker(axes: Axes, row: int, item: Estimate, *, filled: bool = True) -> None:
    """Plot an estimate with its interval, and with the value of each repeat where there are several."""
    if item["value"] is None:
        return
    if item["low"] is not None and item["high"] is not None:
        axes.plot((item["low"], item["high"]), (row, row), color=BLUE, lw=2)
    for value in item.get("values", []):
        axes.plot(value, row, "|", color=BLUE, ms=9)
    axes.plot(item["value"], row, "o", color=BLUE, mfc=BLUE if filled else "white", ms=6)


def _forest(axes: Axes, names: Sequence[str]) -> None:
    hide_spines(axes)
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
