"""Figure of agreement: each pair of readers and the network with each reader, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from livergrade.reading.pairs import Pair
from livergrade.reports.palette import BLUE, INK, ORANGE, RULE
from livergrade.reports.style import heading, hide_spines

LONGEST = 24
"""Letters of a reader's name that a figure has room for."""


def plot_pairs(human: Sequence[Pair], network: Sequence[Pair]) -> Figure:
    """Plot percent agreement and quadratic-weighted kappa of each pair.

    Args:
        human: pairs of readers.
        network: the network with each reader; empty without a network.
    """
    rows = len(human) + len(network)
    figure = Figure((8.4, 1.6 + 0.36 * rows), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _forest(left, human, network, "agreement")
    left.set_xlim(0, 1.02)
    left.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    left.set_title("images with the same grade", loc="left", fontsize=10, color=INK)
    _forest(right, human, network, "quadratic_kappa")
    right.set_xlim(right=1.02)
    right.set_title("quadratic-weighted kappa", loc="left", fontsize=10, color=INK)
    names = [_name(one, " and ") for one in human] + [_name(one, " with ") for one in network]
    left.set_yticks(range(rows), names, fontsize=9)
    left.set_ylim(rows - 0.5, -0.5)
    band = "; grey: from the lowest to the highest pair of readers" if network and human else ""
    beside = f"; orange: the network{band}" if network else ""
    heading(figure, f"Agreement of each pair with its 95 % interval{beside}", "")
    return figure


def _name(pair: Pair, between: str) -> str:
    short = [
        name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
        for name in (pair["first"], pair["second"])
    ]
    return between.join(short)


def _forest(
    axes: Axes,
    human: Sequence[Pair],
    network: Sequence[Pair],
    key: Literal["agreement", "quadratic_kappa"],
) -> None:
    values = [one[key]["value"] for one in human]
    known = [value for value in values if value is not None]
    if network and known:
        axes.axvspan(min(known), max(known), color=RULE, alpha=0.7, lw=0, zorder=0)
    for row, one in enumerate([*human, *network]):
        item, colour = one[key], BLUE if row < len(human) else ORANGE
        if item["value"] is None:
            continue
        if item["low"] is not None and item["high"] is not None:
            axes.plot((item["low"], item["high"]), (row, row), color=colour, lw=2)
        axes.plot(item["value"], row, "o" if row < len(human) else "D", color=colour, ms=6)
    hide_spines(axes)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=RULE, linewidth=0.6)
