"""Report of a hyperparameter search: its trials, best first, and the best value over the trials."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator, NullFormatter

from livergrade.config.schema import TuneConfig
from livergrade.multirun.study import OBJECTIVE
from livergrade.reports.html import inlined_figures, write_page
from livergrade.reports.palette import BLUE, INK, MUTED, RULE
from livergrade.reports.style import heading, hide_spines

NOT_SAMPLED = ("trial", "state", "value", "seconds", "folder", "failure")


def plot_trials(table: pd.DataFrame) -> Figure:
    """Plot the value by trial with the best so far, and by each sampled option."""
    sampled = [column for column in table if column not in NOT_SAMPLED]
    completed = table.dropna(subset=["value"])
    across = 1 + len(sampled)
    figure = Figure((3.2 * across, 3.3), layout="constrained")
    grid = np.ravel(figure.subplots(1, across, sharey=True, squeeze=False))
    for axes, column in zip(grid, ["trial", *sampled], strict=True):
        numbers = pd.to_numeric(completed[column], errors="coerce")
        if len(completed) and numbers.notna().all():
            axes.plot(numbers, completed["value"], "o", color=BLUE, ms=5, alpha=0.8)
            if column != "trial" and numbers.min() > 0 and numbers.max() > 20 * numbers.min():
                axes.set_xscale("log")
                axes.xaxis.set_major_formatter(LogFormatter())  # the default formatter writes TeX
                axes.xaxis.set_minor_formatter(NullFormatter())
        else:
            axes.plot(completed[column].astype(str), completed["value"], "o", color=BLUE, ms=5, alpha=0.8)
        hide_spines(axes)
        axes.grid(axis="y", color=RULE, linewidth=0.6)
        axes.set_title(column, loc="left", fontsize=10, color=INK)
    grid[0].step(completed["trial"], completed["value"].cummax(), where="post", color=MUTED, lw=1)
    grid[0].xaxis.set_major_locator(MaxNLocator(integer=True))
    heading(figure, OBJECTIVE.capitalize(), "")
    return figure


def write_study(folder: Path, table: pd.DataFrame, config: TuneConfig) -> Path:
    """Write ``report.html`` atomically."""
    sampled = [column for column in table if column not in NOT_SAMPLED]
    ordered = table.sort_values(["value", "trial"], ascending=[False, True], na_position="last")
    return write_page(
        folder,
        "study.html.j2",
        trials=[{str(key): value for key, value in row.items()} for row in ordered.to_dict("records")],
        drawn=sampled,
        config=config,
        objective=OBJECTIVE,
        best=list(table["trial"][table["value"] == table["value"].max()]),
        figures=inlined_figures(folder / "figures", {"trials": "Value by trial and by option."}),
    )
