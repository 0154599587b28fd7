"""Figure of the decision curves: net benefit against the threshold probability."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from livergrade.evaluation.levels import REPORTED_LEVELS
from livergrade.evaluation.net_benefit import NetBenefit
from livergrade.reports.palette import BLUE, INK, MUTED, ORANGE, RULE
from livergrade.reports.style import heading, hide_spines


def plot_net_benefit(benefit: NetBenefit, *, title: str, note: str = "") -> Figure:
    """Net benefit of the model, of acting on all and of acting on none, at image and patient level.

    Args:
        benefit: ``net_benefit`` of ``metrics.json``.
        title: printed above.
        note: warning printed under the title; none if empty.
    """
    figure = Figure((8.4, 4.0), layout="constrained")
    for axes, level in zip(figure.subplots(1, 2), REPORTED_LEVELS, strict=True):
        measured = benefit[level]
        thresholds = [point["threshold"] for point in measured["curve"]]
        model = [point["model"] for point in measured["curve"]]
        share = measured["positives"] / measured["n"]
        axes.axhline(0, color=MUTED, lw=1, ls=":", label="act on none")
        treat_all = [point["treat_all"] for point in measured["curve"]]
        axes.plot(thresholds, treat_all, color=ORANGE, lw=1.3, ls="--", label="act on all")
        axes.plot(thresholds, model, color=BLUE, lw=1.8, label="act on the model")
        hide_spines(axes)
        highest = max(share, *model, 0.05)
        axes.set(xlim=(0, 1), ylim=(-0.35 * highest, 1.35 * highest))  # room for the legend
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axes.grid(axis="y", color=RULE, linewidth=0.6)
        axes.set_xlabel("threshold probability")
        axes.set_title(
            f"{level} level ({measured['positives']:,} of {measured['n']:,})",
            loc="left",
            fontsize=10,
            color=INK,
        )
        axes.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="upper right")
    figure.axes[0].set_ylabel("net benefit", color=MUTED, fontsize=9)
    heading(figure, title, note)
    return figure
