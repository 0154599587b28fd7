"""Figure of the learning curves: accuracy and log-loss against the number of training patients."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from livergrade.evaluation.levels import ReportedLevel
from livergrade.multirun.learning_curve import CURVE_METRICS, LearningCurve
from livergrade.reports.palette import GRADES, INK, RULE
from livergrade.reports.style import heading, hide_spines


def plot_learning_curves(
    learned: Mapping[str, LearningCurve], level: ReportedLevel, *, note: str = ""
) -> Figure:
    """Each model's curve with its intervals; models are moved a little apart, so that these stay readable."""
    figure = Figure((8.4, 3.9), layout="constrained")
    widest = max(point["patients"] for curve in learned.values() for point in curve["points"])
    for axes, metric in zip(figure.subplots(1, 2), CURVE_METRICS, strict=True):
        for place, (name, curve) in enumerate(learned.items()):
            colour = GRADES[place % len(GRADES)]
            moved = 0.008 * widest * (place - (len(learned) - 1) / 2)
            drawn = [
                (point["patients"] + moved, item)
                for point in curve["points"]
                if (item := point[level][metric])["value"] is not None
            ]
            axes.plot(
                [x for x, _ in drawn], [item["value"] or 0 for _, item in drawn], "o-", color=colour, lw=1.4,
                ms=5, label=name,
            )  # fmt: skip
            for x, item in drawn:
                if item["low"] is not None and item["high"] is not None:
                    axes.plot((x, x), (item["low"], item["high"]), color=colour, lw=1.4, alpha=0.6)
                for value in item.get("values", []):
                    axes.plot(x, value, "_", color=colour, ms=8)
        hide_spines(axes)
        axes.set_xlim(0, 1.06 * widest)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", color=RULE, linewidth=0.6)
        axes.set_xlabel("training patients")
        title = {"accuracy": "accuracy", "log_loss": "log-loss"}[metric]
        axes.set_title(f"{title} by {level}", loc="left", fontsize=10, color=INK)
        if metric == "accuracy":
            axes.set_ylim(0, 1.02)
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        else:
            axes.set_ylim(0, 1.08 * axes.get_ylim()[1])
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=min(4, len(labels)), frameon=False, fontsize=8.5
    )
    intervals = any(
        point[level]["accuracy"]["low"] is not None for curve in learned.values() for point in curve["points"]
    )
    title = "Learning curve over training patients" + ", with 95 % intervals of the accuracy" * intervals
    heading(figure, title, note)
    return figure
