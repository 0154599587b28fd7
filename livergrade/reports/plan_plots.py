"""Figure of a plan: width of the interval, and power of a comparison, by the number of test patients."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MultipleLocator, NullLocator, PercentFormatter, ScalarFormatter

from livergrade.evaluation.decision import POWER
from livergrade.evaluation.study_plan import Plan
from livergrade.reports.palette import BLUE, GREEN, INK, MUTED, ORANGE, RULE, WARNING
from livergrade.reports.style import heading, hide_spines

COLOURS = (ORANGE, BLUE, GREEN)
TICKS = (12, 25, 50, 100, 200, 400)


def plot_plan(plan: Plan) -> Figure:
    """Plot half the width of the interval, and the power of each design, over the number of test patients."""
    figure = Figure((8.4, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for colour, width in zip((BLUE, ORANGE), plan["widths"], strict=True):
        points = [(size, half) for size, half in width["curve"] if half]
        sizes, halves = zip(*points, strict=True)
        left.plot(sizes, halves, "-", color=colour, lw=1.6, label=f"by {width['level']}")
        if width["test_patients"] and width["test_patients"] <= sizes[-1]:
            left.plot(width["test_patients"], width["half_width"], "o", color=colour, ms=6)
    wanted = plan["widths"][0]["half_width"]
    left.axhline(wanted, color=MUTED, lw=1, ls="--", label=f"± {100 * wanted:g} points")
    left.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" pts"))
    left.yaxis.set_major_locator(MultipleLocator(0.05))
    left.set_ylim(0)
    left.set_title("half the width of the 95 % interval", loc="left", fontsize=10, color=INK)
    for number, comparison in enumerate(plan["comparisons"]):
        sizes, powers = zip(*comparison["curve"], strict=True)
        seeds, folds = comparison["seeds"], comparison["folds"]
        name = f"{seeds} seed{'s' * (seeds > 1)}" + (f" × {folds} folds" if folds else "")
        right.plot(sizes, powers, ":" if folds else "-", color=COLOURS[number % 3], lw=1.6, label=name)
    right.axhline(POWER, color=MUTED, lw=1, ls="--")
    right.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    right.set_ylim(0, 1.02)
    apart = plan["expected"]["apart"]
    right.set_title(f"power at {apart:g} points apart", loc="left", fontsize=10, color=INK)
    _over_patients(left, plan, bands=True)
    _over_patients(right, plan, bands=False)
    heading(figure, f"What test patients show, at an accuracy of {plan['expected']['accuracy']:.0f} %", "")
    return figure


def _over_patients(axes: Axes, plan: Plan, *, bands: bool) -> None:
    """A logarithmic axis of test patients; the known numbers have a band, in the legend with ``bands``."""
    known = plan["known"]
    if known:
        tested, everyone = known["test_patients"], known["patients"]
        hidden = "" if bands else "_"  # what begins with _ is not in a legend
        axes.axvline(
            tested, color=RULE, lw=5, zorder=0, label=f"{hidden}held out: {tested} of {everyone} patients"
        )
        axes.axvline(
            everyone,
            color=WARNING,
            alpha=0.15,
            lw=5,
            zorder=0,
            label=f"{hidden}with folds: all {everyone} patients",
        )
    hide_spines(axes)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(TICKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_xlabel("test patients (with folds: all patients)")
    # Below the axes, since the curves leave no corner free whatever is planned.
    axes.legend(
        frameon=False,
        fontsize=8.5,
        labelcolor=INK,
        ncols=2,
        loc="upper left",
        bbox_to_anchor=(0, -0.16),
        borderaxespad=0,
    )
