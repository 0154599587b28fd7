"""Uncertainty figures: reliability before and after calibration, risk–coverage curve, set sizes, OOD."""

from __future__ import annotations

from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, PercentFormatter, StrMethodFormatter

from livergrade.evaluation.calibration_effect import MeasuredCalibration
from livergrade.evaluation.leakage import warning
from livergrade.evaluation.levels import REPORTED_LEVELS
from livergrade.evaluation.ood import OodEstimates
from livergrade.evaluation.selective import RiskCoverage
from livergrade.evaluation.set_estimates import PredictionSets
from livergrade.evaluation.summary import RunMetrics
from livergrade.reports.format import value
from livergrade.reports.palette import BLUE, INK, MUTED, ORANGE, RULE
from livergrade.reports.style import heading, hide_spines

_STAGES: tuple[tuple[Literal["before", "after"], str, str], ...] = (
    ("before", ORANGE, "as graded"),
    ("after", BLUE, "calibrated"),
)


def calibrated_reliability(calibration: MeasuredCalibration, *, title: str, note: str = "") -> Figure:
    """Accuracy against predicted probability before and after calibration, at image and patient level.

    Args:
        calibration: ``calibration`` of ``metrics.json``, including ``test``.
        title: printed above.
        note: warning printed under the title; none if empty.
    """
    figure = Figure((8.4, 4.6), layout="constrained")
    for axes, level in zip(figure.subplots(1, 2), REPORTED_LEVELS, strict=True):
        axes.plot((0, 1), (0, 1), color=MUTED, lw=1, ls=":")
        measured = calibration["test"][level]
        for stage, colour, name in _STAGES:
            bins = [bin_ for bin_ in measured["reliability"][stage] if bin_["n"]]
            confidence = np.array([bin_["confidence"] for bin_ in bins], float)
            accuracy = np.array([bin_["accuracy"] for bin_ in bins], float)
            largest = max(bin_["n"] for bin_ in bins)
            axes.plot(confidence, accuracy, color=colour, lw=1, alpha=0.5)
            axes.scatter(
                confidence, accuracy, [16 + 90 * bin_["n"] / largest for bin_ in bins], color=colour, zorder=3
            )
            ece = measured["ece"][stage]["value"]
            axes.plot([], [], "o-", color=colour, lw=1, label=f"{name}: error {ece:.3f}")
        hide_spines(axes)
        axes.set(xlim=(0, 1.02), ylim=(-0.03, 1.03))
        axes.grid(color=RULE, linewidth=0.6)
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.set_xlabel("probability of the predicted grade")
        n = measured["ece"]["before"]["n"]
        axes.set_title(f"{level} level (n = {n:,})", loc="left", fontsize=10, color=INK)
        axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="lower right")
    figure.axes[0].set_ylabel("graded correctly", color=MUTED, fontsize=9)
    heading(figure, title, note)
    return figure


def plot_risk_coverage(abstention: RiskCoverage, *, title: str, note: str = "") -> Figure:
    """Risk–coverage curve: error of the answered patients against coverage, with its band and a random order.

    Args:
        abstention: ``abstention`` of ``metrics.json`` (selective prediction).
        title: printed above.
        note: warning printed under the title; none if empty.
    """
    curve = abstention["curve"]
    share, risk = [point["coverage"] for point in curve], [point["risk"] for point in curve]
    figure = Figure((8.4, 3.9), layout="constrained")
    axes = figure.subplots()
    low = np.array([point["low"] for point in curve], float)
    high = np.array([point["high"] for point in curve], float)
    if not np.isnan(low).all():
        axes.fill_between(share, low, high, color=BLUE, alpha=0.15, lw=0, label="95 % interval")
    axes.plot(share, risk, color=BLUE, lw=1.8, label=f"most confident first: area {np.mean(risk):.3f}")
    axes.axhline(risk[-1], color=MUTED, lw=1, ls="--", label=f"random order: area {risk[-1]:.3f}")
    axes.plot(
        [row["answered"] / len(curve) for row in abstention["table"]],
        np.array([row["error"]["value"] for row in abstention["table"]], float),
        "o",
        color=BLUE,
        markersize=4.5,
    )
    hide_spines(axes)
    axes.set(xlim=(0, 1.02))
    axes.set_ylim(0, 1.25 * float(np.nanmax([*high, *risk])) or 1)  # space for the legend
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_yticks([tick for tick in axes.get_yticks() if 0 <= tick < 1.001])  # a share has no more
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_xlabel("patients answered")
    axes.set_ylabel("error of these patients")
    axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="upper left", ncols=3)
    heading(figure, title, note)
    return figure


def set_sizes(conformal: PredictionSets, *, title: str, note: str = "") -> Figure:
    """Number of images and patients by the size of their prediction set.

    Args:
        conformal: ``conformal`` of ``metrics.json``, with test results.
        title: printed above.
        note: warning printed under the title; none if empty.
    """
    figure = Figure((8.4, 2.9), layout="constrained")
    for axes, level in zip(figure.subplots(1, 2), REPORTED_LEVELS, strict=True):
        counts = conformal[level]["sizes"]
        bars = axes.bar(range(1, len(counts) + 1), counts, 0.7, color=BLUE)
        axes.bar_label(bars, fontsize=8.5, color=INK, padding=1)
        hide_spines(axes)
        axes.set_xticks(range(1, len(counts) + 1))
        axes.set_ylim(top=1.12 * max(counts))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.grid(axis="y", color=RULE, linewidth=0.6)
        axes.set_xlabel("grades in the set")
        covered = value(conformal[level]["covered"], "share")
        axes.set_title(f"{level}s: {covered} contain the true grade", loc="left", fontsize=10, color=INK)
    figure.axes[0].set_ylabel("number", color=MUTED, fontsize=9)
    heading(figure, title, note)
    return figure


def plot_ood(ood: OodEstimates, *, title: str, note: str = "") -> Figure:
    """Histogram of the OOD score (distance from the training images) per split part, and the threshold.

    Args:
        ood: ``familiarity`` of ``metrics.json``.
        title: printed above.
        note: warning printed under the title; none if empty.
    """
    edges = np.array(ood["histogram"]["edges"])
    names = {"train": "training", "val": "validation", "test": "test"}
    parts = [part for part in names if part in ood["sides"]]
    figure = Figure((8.4, 0.9 + 1.1 * len(parts)), layout="constrained")
    rows = figure.subplots(len(parts), 1, sharex=True, squeeze=False).ravel()
    for axes, part in zip(rows, parts, strict=True):
        axes.stairs(ood["histogram"][part], edges, fill=True, color=BLUE)
        hide_spines(axes)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))  # the default formatter writes TeX
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(MaxNLocator(2, integer=True))
        axes.set_ylabel(f"{names[part]}\nn = {ood['sides'][part]['images']:,}", color=INK, fontsize=8.5)
        if ood["limit"] is not None:
            axes.axvline(ood["limit"], color=ORANGE, lw=1.4)
    rows[-1].set_xlabel(
        "distance from the training images" + ("; the line is the limit" * bool(ood["limit"]))
    )
    heading(figure, title, note)
    return figure


def plot_uncertainty(metrics: RunMetrics, *, synthetic: bool = False) -> dict[str, Figure]:
    """All uncertainty figures of a run; if its split leaks, each carries a warning.

    Args:
        metrics: with what `livergrade.evaluation.uncertainty.uncertainty_metrics` returns.
        synthetic: whether the titles say "synthetic cohort".

    Returns:
        ``risk_coverage`` and, if available, ``calibrated_reliability``, ``set_sizes`` and ``familiarity``.
    """
    note = warning(metrics["leakage"])
    suffix = ", synthetic cohort" if synthetic else ""
    figures = {}
    if "test" in metrics["calibration"]:
        title = f"Reliability before and after calibration{suffix}"
        figures["calibrated_reliability"] = calibrated_reliability(
            metrics["calibration"], title=title, note=note
        )
    if "patient" in metrics["conformal"]:
        target = 100 * metrics["conformal"]["asked"]
        title = f"Prediction sets, target coverage {target:g} %{suffix}"
        figures["set_sizes"] = set_sizes(metrics["conformal"], title=title, note=note)
    if "familiarity" in metrics:
        title = f"Distance of images from the training images{suffix}"
        figures["familiarity"] = plot_ood(metrics["familiarity"], title=title, note=note)
    title = f"Error of the patients answered{suffix}"
    figures["risk_coverage"] = plot_risk_coverage(metrics["abstention"], title=title, note=note)
    return figures
