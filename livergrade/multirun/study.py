"""Hyperparameter search: the search space, and the objective, computed on the validation patients alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import OverrideParseException

from livergrade.cli.refusals import unreadable
from livergrade.errors import UserError
from livergrade.evaluation.predictions import read_predictions
from livergrade.evaluation.summary import evaluate

OBJECTIVE = "balanced accuracy of the validation patients"


class Trial(Protocol):
    """The part of the interface of an Optuna trial that is used here."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Sample a number."""
        ...

    def suggest_categorical(self, name: str, choices: Sequence[str]) -> Any:  # noqa: ANN401
        """Sample one of the choices."""
        ...


def read_space(words: Sequence[str]) -> tuple[list[str], list[Override]]:
    """Split the overrides into fixed ones, which every trial gets, and searched ones.

    Args:
        words: overrides as typed after ``livergrade.train``: ``key=value`` is fixed, ``key=a,b``,
            ``key=range(1,9,2)``, ``key=interval(low,high)`` and ``key=tag(log,interval(low,high))`` are
            searched.

    Raises:
        UserError: an override can't be parsed, or nothing is searched.
    """
    try:
        overrides = OverridesParser.create().parse_overrides(list(words))
    except OverrideParseException as error:
        raise UserError(unreadable(error)) from None
    if deleted := [str(override.input_line) for override in overrides if override.is_delete()]:
        raise UserError(f"{', '.join(deleted)}: nothing can be taken away; leave it out")
    fixed = [override.input_line or "" for override in overrides if not override.is_sweep_override()]
    searched = [override for override in overrides if override.is_sweep_override()]
    for override in searched:
        span = override.value()
        if isinstance(span, IntervalSweep) and "log" in span.tags and (span.start or 0) <= 0:
            raise UserError(f"{override.input_line}: a logarithmic interval begins above 0")
    if not searched:
        raise UserError(
            "nothing is searched; name what varies, as model=senet,sknet or "
            "'optim.lr=tag(log,interval(1e-4,1e-2))'"
        )
    return fixed, searched


def draw(trial: Trial, searched: Sequence[Override]) -> list[str]:
    """Sample the overrides of one trial."""
    words = []
    for override in searched:
        key, span = override.get_key_element(), override.value()
        if isinstance(span, IntervalSweep):
            low, high = float(span.start or 0), float(span.end or 0)
            value: Any = trial.suggest_float(key, low, high, log="log" in span.tags)
        else:
            value = trial.suggest_categorical(key, list(override.sweep_string_iterator()))
        words.append(f"{key}={value}")
    return words


def objective(run: Path) -> float:
    """Value of `OBJECTIVE` for a run. Its test predictions are not used.

    Raises:
        UserError: the run has no validation split.
    """
    predictions = read_predictions(run / "predictions.csv")
    validation = predictions[predictions["split"] == "val"].assign(split="test")
    if validation.empty:
        raise UserError("there are no validation patients; set split.val_fraction above 0")
    balanced_accuracy = evaluate(validation, None, resamples=1)["patient"]["balanced_accuracy"]
    return float(balanced_accuracy["value"])


def trials_table(trials: Sequence[Any]) -> pd.DataFrame:
    """One row per trial: number, state, value, seconds, sampled options, folder and reason of failure."""
    rows = [
        {
            "trial": trial.number,
            "state": trial.state.name.lower(),
            "value": trial.value,
            "seconds": round(trial.duration.total_seconds(), 1) if trial.duration else None,
            **trial.params,
            "folder": trial.user_attrs.get("folder", ""),
            "failure": trial.user_attrs.get("failure", ""),
        }
        for trial in trials
    ]
    return pd.DataFrame(rows)
