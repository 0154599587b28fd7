"""The whole search once more without each outer fold, whose patients then tell how good what it finds is."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from hydra.core.override_parser.types import Override

from livergrade.config.schema import TuneConfig
from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.estimate import estimate
from livergrade.evaluation.intervals import Jackknife
from livergrade.evaluation.levels import aggregate
from livergrade.multirun.search import best_trials, search, trial_runs
from livergrade.multirun.study import OuterEstimate, OuterFold, log_loss
from livergrade.runs.run import Run

log = logging.getLogger(__name__)


def outer_words(fold: int, folds: int) -> list[str]:
    """Options that keep one of so many folds of all patients out of a search: they are tested."""
    return ["split=kfold", f"split.folds={folds}", f"split.fold={fold}"]


def search_outer_folds(
    out: Path, config: TuneConfig, fixed: list[str], searched: list[Override]
) -> OuterEstimate:
    """Search without each outer fold, in folders ``outer_<fold>``, and grade its patients.

    Args:
        out: the study's folder.
        config: the options of the search, with at least two outer folds.
        fixed: options of every trial.
        searched: options that vary.

    Raises:
        UserError: see `livergrade.multirun.search.search`.
    """
    folds, tables = [], []
    for fold in range(config.outer_folds):
        log.info("\nouter fold %d of %d", fold + 1, config.outer_folds)
        folder = out / f"outer_{fold}"
        folder.mkdir(parents=True, exist_ok=True)
        words = outer_words(fold, config.outer_folds)
        study = search(folder, config, [*fixed, *words], searched, outer=" ".join(words))
        best = best_trials(study)[0]
        tested = [Run(run).tested for run in trial_runs(best, folder)]
        folds.append(_outer_fold(fold, folder, best, tested))
        tables.append(tested)
    return _estimate(folds, tables)


def _outer_fold(
    fold: int, folder: Path, best: optuna.trial.FrozenTrial, tested: Sequence[pd.DataFrame]
) -> OuterFold:
    return {
        "fold": fold,
        "folder": folder.name,
        "trial": best.number,
        "options": dict(best.params),
        "best_value": float(best.value or 0.0),
        "log_loss": float(np.mean([log_loss(table) for table in tested])),
        "patients": int(tested[0]["patient"].nunique()),
    }


def _estimate(folds: list[OuterFold], tables: Sequence[Sequence[pd.DataFrame]]) -> OuterEstimate:
    """Join the folds, each patient with the same weight."""
    weights = [fold["patients"] for fold in folds]
    chosen, found = (
        float(np.average(values, weights=weights))
        for values in ([fold["best_value"] for fold in folds], [fold["log_loss"] for fold in folds])
    )
    correct, grades = zip(*(_correct(tested) for tested in tables), strict=True)
    share = np.concatenate(correct)
    total, patients = share.sum(), len(share)
    values = np.append(total / patients, (total - share) / (patients - 1))
    return {
        "folds": folds,
        "best_value": chosen,
        "log_loss": found,
        "optimism": found - chosen,
        "accuracy": estimate(values, patients, Jackknife(np.concatenate(grades))),
    }


def _correct(tested: Sequence[pd.DataFrame]) -> tuple[Floats, Any]:
    """Share of the networks that grade each patient of a fold correctly, [P], and the grades, [P]."""
    levels = [aggregate(table)["patient"] for table in tested]
    return np.mean([level.predicted == level.truth for level in levels], axis=0), levels[0].truth
