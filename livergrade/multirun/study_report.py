"""The page of a search: its trials, best first, and how the best value rose."""

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

NOT_DRAWN = ("trial", "state", "value", "seconds", "folder", "failure")


def trials_figure(table: pd.DataFrame) -> Figure:
    """Value by trial with the best so far, and by each option that was drawn."""
    drawn = [column for column in table if column not in NOT_DRAWN]
    done = table.dropna(subset=["value"])
    across = 1 + len(drawn)
    figure = Figure((3.2 * across, 3.3), layout="constrained")
    grid = np.ravel(figure.subplots(1, across, sharey=True, squeeze=False))
    for axes, column in zip(grid, ["trial", *drawn], strict=True):
        numbers = pd.to_numeric(done[column], errors="coerce")
        if len(done) and numbers.notna().all():
            axes.plot(numbers, done["value"], "o", color=BLUE, ms=5, alpha=0.8)
            if column != "trial" and numbers.min() > 0 and numbers.max() > 20 * numbers.min():
                axes.set_xscale("log")
                axes.xaxis.set_major_formatter(LogFormatter())  # the usual one writes TeX
                axes.xaxis.set_minor_formatter(NullFormatter())
        else:
            axes.plot(done[column].astype(str), done["value"], "o", color=BLUE, ms=5, alpha=0.8)
        hide_spines(axes)
        axes.grid(axis="y", color=RULE, linewidth=0.6)
        axes.set_title(column, loc="left", fontsize=10, color=INK)
    grid[0].step(done["trial"], done["value"].cummax(), where="post", color=MUTED, lw=1)
    grid[0].xaxis.set_major_locator(MaxNLocator(integer=True))
    heading(figure, OBJECTIVE.capitalize(), "")
    return figure


def write_study(folder: Path, table: pd.DataFrame, config: TuneConfig) -> Path:
    """Write ``report.html``, whole or not at all."""
    drawn = [column for column in table if column not in NOT_DRAWN]
    ordered = table.sort_values(["value", "trial"], ascending=[False, True], na_position="last")
    return write_page(
        folder,
        "study.html.j2",
        trials=[{str(key): value for key, value in row.items()} for row in ordered.to_dict("records")],
        drawn=drawn,
        config=config,
        objective=OBJECTIVE,
        figures=inlined_figures(folder / "figures", {"trials": "Value by trial and by option."}),
    )
