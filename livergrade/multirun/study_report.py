"""Report of a hyperparameter search: its trials, best first, and the best value over the trials."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator, NullFormatter

from livergrade.config.schema import TuneConfig
from livergrade.io.files import write_json
from livergrade.multirun.study import OBJECTIVE, OuterEstimate, trials_table
from livergrade.reports.format import format_estimate, number
from livergrade.reports.html import inlined_figures, write_page
from livergrade.reports.palette import BLUE, INK, MUTED, RULE
from livergrade.reports.style import heading, hide_spines

NOT_SAMPLED = ("trial", "state", "value", "folds", "seconds", "folder", "failure")


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
    grid[0].step(completed["trial"], completed["value"].cummin(), where="post", color=MUTED, lw=1)
    grid[0].xaxis.set_major_locator(MaxNLocator(integer=True))
    heading(figure, f"{OBJECTIVE[0].upper()}{OBJECTIVE[1:]}, nats; lower is better", "")
    return figure


def conclude(
    folder: Path, trials: Sequence[Any], config: TuneConfig, outer: OuterEstimate | None = None
) -> str:
    """Write the page and ``study.json`` at the end of a search; returns how good the best trial really is.

    Args:
        folder: the study's folder.
        trials: Optuna's trials.
        config: the options of the search.
        outer: what the search without each outer fold found; None: it was not repeated.
    """
    table = trials_table(trials)
    completed = table.dropna(subset=["value"])
    best = completed[completed["value"] == completed["value"].min()]
    told = how_good(table, outer)
    write_study(folder, table, config, outer)
    found: dict[str, Any] = {
        "objective": OBJECTIVE,
        **{
            name: getattr(config, name) for name in ("space", "sampler_seed", "folds", "prune", "outer_folds")
        },
        "trials": {state: int(count) for state, count in table["state"].value_counts().items()},
        "best_value": float(best["value"].iloc[0]),
        "best": [
            {"trial": trial.number, "folder": trial.user_attrs["folder"], "options": dict(trial.params)}
            for trial in trials
            if trial.number in set(best["trial"])
        ],
        "outer": outer,
        "conclusion": told,
    }
    write_json(found, folder / "study.json")
    return told


def how_good(table: pd.DataFrame, outer: OuterEstimate | None) -> str:
    """How good the best trial of a table really is, in a sentence or two."""
    if table["value"].isna().all():
        return "No trial was trained to its end so far."
    chosen = (
        f"The best value, {table['value'].min():.3f}, is optimistic: the trial was chosen by it out of "
        f"{len(table)}, and the epoch of each network by the same patients"
    )
    if outer is None:
        return f"{chosen}. By how much is not measured; outer_folds=5 does it."
    return (
        f"{chosen}. Repeated without each of {len(outer['folds'])} folds of all patients, the search found "
        f"recipes that it took for {outer['best_value']:.3f} and that have a log-loss of "
        f"{outer['log_loss']:.3f} on the patients of that fold, an optimism of "
        f"{number(outer['optimism'], 'score')}. "
        f"Their accuracy by patient is {format_estimate(outer['accuracy'], 'share')} %. Expect this of the "
        "best trial."
    )


def write_study(
    folder: Path,
    table: pd.DataFrame,
    config: TuneConfig,
    outer: OuterEstimate | None = None,
) -> Path:
    """Write ``report.html`` atomically.

    Args:
        folder: the study's folder.
        table: its trials.
        config: the options of the search.
        outer: see `conclude`.
    """
    sampled = [column for column in table if column not in NOT_SAMPLED]
    ordered = table.sort_values(["value", "trial"], na_position="last")
    return write_page(
        folder,
        "study.html.j2",
        trials=[{str(key): value for key, value in row.items()} for row in ordered.to_dict("records")],
        drawn=sampled,
        config=config,
        objective=OBJECTIVE,
        told=how_good(table, outer),
        outer=outer,
        best=list(table["trial"][table["value"] == table["value"].min()]),
        figures=inlined_figures(folder / "figures", {"trials": "Value by trial and by option."}),
    )
