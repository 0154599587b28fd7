"""Runs of one model on different numbers of training patients: one learning curve, not one recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from livergrade.runs.run import Run

OPTION = "split.train_patients"

Size = int | None
"""Training patients that a run was given; None: all that its split has."""


def size_of(run: Run) -> Size:
    """``split.train_patients`` of a run."""
    return run.config.split.train_patients


def by_size(runs: Sequence[Run]) -> dict[Size, list[Run]]:
    """Runs by their number of training patients, the fewest first and all patients last."""
    found: dict[Size, list[Run]] = {}
    for run in sorted(runs, key=lambda run: _rank(size_of(run))):
        found.setdefault(size_of(run), []).append(run)
    return found


def compared_size(models: Mapping[str, Sequence[Run]]) -> tuple[Size, list[str]]:
    """The number of training patients at which models are compared, and a line for each model without it.

    It is the largest that all models have, else the largest of any.
    """
    sizes = {name: set(by_size(runs)) for name, runs in models.items()}
    common = set.intersection(*sizes.values()) if sizes else set()
    of_any = set().union(*sizes.values())
    size = max(common or of_any, key=_rank, default=None)
    told = "all patients" if size is None else f"{size} patients"
    return size, [
        f"{name}: was not trained on {told}, at which models are compared"
        for name, of_model in sizes.items()
        if size not in of_model
    ]


def _rank(size: Size) -> float:
    return float("inf") if size is None else size
