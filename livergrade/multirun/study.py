"""A search over options: what is searched, and how good a trained run is by its validation patients alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import OverrideParseException

from livergrade.errors import UserError
from livergrade.evaluation.predictions import read_predictions
from livergrade.evaluation.summary import evaluate

OBJECTIVE = "balanced accuracy of the validation patients"


class Trial(Protocol):
    """What a trial of Optuna offers that is used here."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """Draw a number."""
        ...

    def suggest_categorical(self, name: str, choices: Sequence[str]) -> Any:  # noqa: ANN401
        """Draw one of these."""
        ...


def read_space(words: Sequence[str]) -> tuple[list[str], list[Override]]:
    """Part the words into those that every trial gets, and those that are searched.

    Args:
        words: as they are typed after ``livergrade.train``: ``key=value`` is fixed, ``key=a,b``,
            ``key=range(1,9,2)``, ``key=interval(low,high)`` and ``key=tag(log,interval(low,high))`` are
            searched.

    Raises:
        UserError: a word can't be read, or nothing is searched.
    """
    try:
        found = OverridesParser.create().parse_overrides(list(words))
    except OverrideParseException as error:
        raise UserError(f"{' '.join(words)}: can't be read: {error}") from None
    fixed = [override.input_line or "" for override in found if not override.is_sweep_override()]
    searched = [override for override in found if override.is_sweep_override()]
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
    """The words of one trial."""
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
    """How good a run is: `OBJECTIVE`. Its test rows are not looked at.

    Raises:
        UserError: the run has no validation side.
    """
    predictions = read_predictions(run / "predictions.csv")
    validated = predictions[predictions["split"] == "val"].assign(split="test")
    if validated.empty:
        raise UserError("no patient is set apart to validate; give split.val_fraction more than 0")
    found = evaluate(validated, None, resamples=1)["patient"]["balanced_accuracy"]
    return float(found["value"])


def trials_table(trials: Sequence[Any]) -> pd.DataFrame:
    """One row a trial: number, state, value, seconds, what was drawn, folder and why it failed."""
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
