"""Figures of caution: reliability before and after calibration, risk–coverage, and sizes of sets."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, PercentFormatter, StrMethodFormatter

from livergrade.evaluation.leakage import warning
from livergrade.evaluation.levels import LevelName
from livergrade.evaluation.summary import RunMetrics
from livergrade.reports.palette import BLUE, INK, MUTED, ORANGE, RULE
from livergrade.reports.style import heading, hide_spines

SHOWN: tuple[LevelName, ...] = ("image", "patient")


def calibrated_reliability(calibration: dict[str, Any], *, title: str, note: str = "") -> Figure:
    """Share graded rightly against the probability told, before and after calibration, by image and patient.

    Args:
        calibration: of ``metrics.json``, with its ``test``.
        title: printed above.
        note: warning printed under the title; none if empty.
    """
    figure = Figure((8.4, 4.6), layout="constrained")
    for axes, level in zip(figure.subplots(1, 2), SHOWN, strict=True):
        axes.plot((0, 1), (0, 1), color=MUTED, lw=1, ls=":")
        measured = calibration["test"][level]
        for which, colour, name in (("before", ORANGE, "as graded"), ("after", BLUE, "calibrated")):
            bins = [one for one in measured["reliability"][which] if one["n"]]
            told, right = [one["confidence"] for one in bins], [one["accuracy"] for one in bins]
            most = max(one["n"] for one in bins)
            axes.plot(told, right, color=colour, lw=1, alpha=0.5)
            axes.scatter(told, right, [16 + 90 * one["n"] / most for one in bins], color=colour, zorder=3)
            ece = measured["ece"][which]["value"]
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
    figure.axes[0].set_ylabel("graded rightly", color=MUTED, fontsize=9)
    heading(figure, title, note)
    return figure


def plot_risk_coverage(abstention: dict[str, Any], *, title: str, note: str = "") -> Figure:
    """Error among the patients answered against their share, with its band and that of a random order.

    Args:
        abstention: of ``metrics.json``.
        title: printed above.
        note: warning printed under the title; none if empty.
    """
    curve = abstention["curve"]
    share, risk = ([point[key] for point in curve] for key in ("coverage", "risk"))
    figure = Figure((8.4, 3.9), layout="constrained")
    axes = figure.subplots()
    low, high = (np.array([point[key] for point in curve], float) for key in ("low", "high"))
    if not np.isnan(low).all():
        axes.fill_between(share, low, high, color=BLUE, alpha=0.15, lw=0, label="95 % of resamples")
    axes.plot(share, risk, color=BLUE, lw=1.8, label=f"surest first: area {np.mean(risk):.3f}")
    axes.axhline(risk[-1], color=MUTED, lw=1, ls="--", label=f"random order: area {risk[-1]:.3f}")
    axes.plot(
        [row["answered"] / len(curve) for row in abstention["table"]],
        [row["error"]["value"] for row in abstention["table"]],
        "o",
        color=BLUE,
        markersize=4.5,
    )
    hide_spines(axes)
    axes.set(xlim=(0, 1.02))
    axes.set_ylim(0, 1.25 * float(np.nanmax([*high, *risk])) or 1)  # room for the legend
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_xlabel("patients answered")
    axes.set_ylabel("of these graded wrongly")
    axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="upper left", ncols=3)
    heading(figure, title, note)
    return figure


def set_sizes(conformal: dict[str, Any], *, title: str, note: str = "") -> Figure:
    """How many images and patients have a set of one grade, of two, and so on.

    Args:
        conformal: of ``metrics.json``, measured.
        title: printed above.
        note: warning printed under the title; none if empty.
    """
    figure = Figure((8.4, 2.9), layout="constrained")
    for axes, level in zip(figure.subplots(1, 2), SHOWN, strict=True):
        counts = conformal[level]["sizes"]
        bars = axes.bar(range(1, len(counts) + 1), counts, 0.7, color=BLUE)
        axes.bar_label(bars, fontsize=8.5, color=INK, padding=1)
        hide_spines(axes)
        axes.set_xticks(range(1, len(counts) + 1))
        axes.set_ylim(top=1.12 * max(counts))
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.grid(axis="y", color=RULE, linewidth=0.6)
        axes.set_xlabel("grades in the set")
        covered = 100 * conformal[level]["covered"]["value"]
        axes.set_title(f"{level}s: {covered:.1f} % hold the true grade", loc="left", fontsize=10, color=INK)
    figure.axes[0].set_ylabel("number", color=MUTED, fontsize=9)
    heading(figure, title, note)
    return figure


def plot_ood(told: dict[str, Any], *, title: str, note: str = "") -> Figure:
    """How far the images of each side lie from the training images, and the limit.

    Args:
        told: ``plot_ood`` of ``metrics.json``.
        title: printed above.
        note: warning printed under the title; none if empty.
    """
    edges = np.array(told["histogram"]["edges"])
    names = {"train": "training", "val": "validation", "test": "test"}
    sides = [side for side in names if side in told["sides"]]
    figure = Figure((8.4, 0.9 + 1.1 * len(sides)), layout="constrained")
    rows = figure.subplots(len(sides), 1, sharex=True, squeeze=False).ravel()
    for axes, side in zip(rows, sides, strict=True):
        axes.stairs(told["histogram"][side], edges, fill=True, color=BLUE)
        hide_spines(axes)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))  # the usual one writes TeX
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(MaxNLocator(2, integer=True))
        axes.set_ylabel(f"{names[side]}\nn = {told['sides'][side]['images']:,}", color=INK, fontsize=8.5)
        if told["limit"] is not None:
            axes.axvline(told["limit"], color=ORANGE, lw=1.4)
    rows[-1].set_xlabel(
        "distance from the training images" + ("; the line is the limit" * bool(told["limit"]))
    )
    heading(figure, title, note)
    return figure


def plot_uncertainty(metrics: RunMetrics, *, synthetic: bool = False) -> dict[str, Figure]:
    """The figures of what a run's ``metrics.json`` says about caution; where its split leaks, each says so.

    Args:
        metrics: with what `livergrade.evaluation.uncertainty.uncertainty_metrics` returns.
        synthetic: whether the titles say "synthetic cohort".

    Returns:
        ``plot_risk_coverage`` and, where they could be made, ``calibrated_reliability``, ``set_sizes`` and
        ``plot_ood``.
    """
    note = warning(metrics["leakage"])
    suffix = ", synthetic cohort" if synthetic else ""
    drawn = {}
    if "test" in metrics["calibration"]:
        title = f"Reliability before and after calibration{suffix}"
        drawn["calibrated_reliability"] = calibrated_reliability(
            metrics["calibration"], title=title, note=note
        )
    if "patient" in metrics["conformal"]:
        asked = 100 * metrics["conformal"]["asked"]
        title = f"Sets of grades, asked to hold the true one in {asked:g} %{suffix}"
        drawn["set_sizes"] = set_sizes(metrics["conformal"], title=title, note=note)
    if "familiarity" in metrics:
        title = f"How far images look from the training images{suffix}"
        drawn["familiarity"] = plot_ood(metrics["familiarity"], title=title, note=note)
    title = f"Error among the patients answered{suffix}"
    drawn["risk_coverage"] = plot_risk_coverage(metrics["abstention"], title=title, note=note)
    return drawn
