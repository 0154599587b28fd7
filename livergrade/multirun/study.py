"""Hyperparameter search: the search space, and the objective, computed without the test patients."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypedDict

import numpy as np
import pandas as pd
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import OverrideParseException

from livergrade.cli.commands import COMMANDS
from livergrade.cli.refusals import unreadable
from livergrade.errors import UserError
from livergrade.evaluation.estimate import Estimate
from livergrade.evaluation.levels import aggregate
from livergrade.evaluation.metric_catalog import weighted_metrics
from livergrade.evaluation.paired import pool_folds
from livergrade.evaluation.predictions import read_predictions

OBJECTIVE = "cross-validated log-loss of the patients that are not tested"
EARLIER_OBJECTIVE = "balanced accuracy of the validation patients"
"""That of studies of earlier versions, which do not record theirs."""


class OuterFold(TypedDict):
    """What the search without one outer fold found.

    Attributes:
        fold: number of the fold.
        folder: folder of its study, relative to that of the whole one.
        trial: number of its best trial.
        options: what that trial drew.
        best_value: value by which it was chosen, a log-loss.
        log_loss: log-loss of the fold's patients, mean over the networks of the trial.
        patients: number of patients of the fold.
    """

    fold: int
    folder: str
    trial: int
    options: dict[str, Any]
    best_value: float
    log_loss: float
    patients: int


class OuterEstimate(TypedDict):
    """How good what the search finds is on patients that took no part in it.

    Attributes:
        folds: the outer folds.
        best_value: mean of the values by which the recipes were chosen, over all patients.
        log_loss: mean log-loss of all patients, each graded by networks of a search without its fold.
        optimism: how much lower the former is.
        accuracy: accuracy by patient, mean over those networks, with its interval over patients.
    """

    folds: list[OuterFold]
    best_value: float
    log_loss: float
    optimism: float
    accuracy: Estimate


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


def refuse_own_folds(fixed: Sequence[str], searched: Sequence[Override], *, outer: bool) -> None:
    """Refuse options that say who is tested or validates, where the search says it.

    Args:
        fixed: options of every trial.
        searched: options that vary.
        outer: whether the search is repeated within outer folds.

    Raises:
        UserError: lists them.
    """
    own = {*COMMANDS["tune"].refused}
    own |= {"split", "split.name", "data.split_file"} if outer else set()
    other = [f"{key}={name}" for key in ("split", "split.name") for name in ("kfold", "image")]
    taken = [word for word in fixed if word.partition("=")[0].lstrip("+") in own or word in other]
    searches = [override.get_key_element().lstrip("+") for override in searched]
    taken += [key for key in searches if key in own or key == "split" or key.startswith("split.")]
    if taken:
        advice = "say how many with folds=" + " and outer_folds=" * outer
        raise UserError(
            f"{', '.join(dict.fromkeys(taken))}: the search divides the patients itself; {advice}"
        )


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


def objective(runs: Sequence[Path]) -> float:
    """Value of `OBJECTIVE` over the folds that these runs of a trial validate. Test predictions are not used.

    Raises:
        UserError: a run has no validation patients, or two of them validate the same image.
    """
    tables = []
    for run in runs:
        predictions = read_predictions(run / "predictions.csv")
        tables.append(predictions[predictions["split"] == "val"].reset_index(drop=True))
        if tables[-1].empty:
            raise UserError(f"{run}: has no validation patients")
    return log_loss(pool_folds(tables, [str(run) for run in runs]))


def log_loss(predictions: pd.DataFrame) -> float:
    """Log-loss of the patients, nats, of a table of predictions of one split part."""
    patients = aggregate(predictions)["patient"]
    weights = np.ones((1, len(patients.names)))
    return float(weighted_metrics(patients, weights)["log_loss"][0])


def trials_table(trials: Sequence[Any]) -> pd.DataFrame:
    """One row per trial: number, state, value, folds, seconds, sampled options, folder, reason of failure."""
    rows = [
        {
            "trial": trial.number,
            "state": trial.state.name.lower(),
            "value": trial.value if trial.state.name == "COMPLETE" else None,
            "folds": len(trial.intermediate_values),
            "seconds": round(trial.duration.total_seconds(), 1) if trial.duration else None,
            **trial.params,
            "folder": trial.user_attrs.get("folder", ""),
            "failure": trial.user_attrs.get("failure", ""),
        }
        for trial in trials
    ]
    return pd.DataFrame(rows)
