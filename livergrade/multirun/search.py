"""An Optuna study stored in a folder: open or resume it, and train each fold of a trial as a separate run."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
from hydra.core.override_parser.types import Override
from optuna.storages import RDBStorage
from optuna.trial import FixedTrial, TrialState
from sqlalchemy.pool import NullPool

from livergrade.cli.make_config import make_config
from livergrade.config.schema import TuneConfig
from livergrade.errors import UserError
from livergrade.io.cells import cell_problem
from livergrade.io.counted import counted
from livergrade.io.tables import write_table
from livergrade.multirun.same_data import refuse_other_data
from livergrade.multirun.study import EARLIER_OBJECTIVE, OBJECTIVE, draw, objective, trials_table
from livergrade.multirun.study_file import check_study_file
from livergrade.multirun.study_report import plot_trials, write_study
from livergrade.reports.style import save
from livergrade.runs.paths import job_name
from livergrade.runs.same_options import refuse_other_options, refuse_other_run

log = logging.getLogger(__name__)

STARTUP = 5
"""Trials that are trained whole before others are compared with their median; and of each, two folds."""


def search(
    out: Path, config: TuneConfig, fixed: list[str], searched: list[Override], outer: str = ""
) -> optuna.Study:
    """Run the trials of a study, new or resumed, that remain.

    Args:
        out: the study's folder.
        config: the options of the search.
        fixed: options of every trial.
        searched: options that vary.
        outer: the outer fold that is kept out of it; empty: none is.

    Raises:
        UserError: the folder holds another study, or every trial failed.
    """
    study, remaining = open_study(out, config, outer)
    refuse_changed_trials(study, out, fixed, searched)
    log.info("%s; %s to run in %s", OBJECTIVE, counted(remaining, "trial"), out)
    study.optimize(
        lambda trial: run_trial(trial, out, config.folds, fixed, searched),
        n_trials=remaining,
        catch=(UserError,),
        callbacks=[lambda study, trial: report_trial(study, trial, out, config)],
    )
    if not completed(study):
        raise UserError(f"every trial failed, the first because: {study.trials[0].user_attrs.get('failure')}")
    return study


def open_study(out: Path, config: TuneConfig, outer: str = "") -> tuple[optuna.Study, int]:
    """Create or resume the study in a folder; returns it and the number of remaining trials.

    A killed trial counts as failed and is queued again.

    Raises:
        UserError: the folder holds a study with other options, or a file that is no study.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # it would add a traceback to a failed trial
    file = out / "study.db"
    check_study_file(file)
    try:
        study = optuna.create_study(
            storage=_storage(file),
            study_name="livergrade",
            direction="minimize",
            load_if_exists=True,
        )
        # From the same seed, a later start would draw again what the first one drew.
        seed = (config.sampler_seed + len(study.trials)) % 2**32
        study.sampler = optuna.samplers.TPESampler(seed=seed)
        study.pruner = optuna.pruners.NopPruner()
        if config.prune:
            study.pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=1)
        return study, _remaining(study, out, config, outer)
    except UserError:
        raise
    except Exception as error:  # its tables may hold anything, and Optuna trusts them
        reason = str(error).partition("\n")[0][:200]
        raise UserError(f"{file}: can't be read as a study ({reason}); choose another study") from error


def _storage(file: Path) -> RDBStorage:
    """Open a file by its path: in an address, a "?" in a folder's name would lead to another file."""

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(file, check_same_thread=False)

    return RDBStorage("sqlite://", engine_kwargs={"creator": connect, "poolclass": NullPool})


def refuse_changed_trials(
    study: optuna.Study, out: Path, fixed: Sequence[str], searched: Sequence[Override]
) -> None:
    """Check that the complete trials of earlier starts would be the same if they were run again.

    Their options are composed again: defaults, and files that options name by a relative path, may be others.

    Raises:
        UserError: an option, an image, a label, the split or the initial weights of a trial are others now,
            or its folder is gone or its predictions do not give its value.
    """
    fix = "choose another study"
    for trial in study.get_trials(states=[TrialState.COMPLETE, TrialState.PRUNED]):
        try:
            words = draw(FixedTrial(trial.params), searched)
        except ValueError as error:
            raise UserError(
                f"{out}: trial {trial.number} is not of this study's space ({error}); {fix}"
            ) from None
        runs, folds = trial_runs(trial, out), study.user_attrs["folds"]
        whole = trial.state == TrialState.COMPLETE
        if sorted(trial.intermediate_values) != list(range(folds if whole else len(runs))) or not runs:
            raise UserError(f"{out}: trial {trial.number} does not have its folds in the study; {fix}")
        for fold, run in enumerate(runs):
            if not (run / "config.yaml").is_file():
                raise UserError(
                    f"{run}: is gone, so what trial {trial.number} was made from is not known; {fix}"
                )
            config = make_config(*fixed, *words, *fold_words(fold, folds))
            refuse_other_run(run, config, fix=fix)
            refuse_other_data(run, config, fix=fix)
        there = trial.value if whole else trial.intermediate_values[len(runs) - 1]
        if there != (value := objective(runs)):
            raise UserError(
                f"{runs[0].parent}: its predictions give {value:g}, the study has {there:g} for it; {fix}"
            )


def fold_words(fold: int, folds: int) -> list[str]:
    """Options that have one of so many folds of the patients that are not tested validate."""
    return [f"split.val_folds={folds}", f"split.val_fold={fold}"]


def trial_runs(trial: optuna.trial.FrozenTrial, out: Path) -> list[Path]:
    """Folders of the runs of a trial's folds that were trained to their end."""
    folder = out / Path(str(trial.user_attrs.get("folder", ""))).name
    return [folder / f"fold_{fold}" for fold in sorted(trial.intermediate_values)]


def _remaining(study: optuna.Study, out: Path, config: TuneConfig, outer: str) -> int:
    """Queue the killed trials again, and return the number of trials to run.

    Raises:
        UserError: the study has other options.
    """
    now: dict[str, Any] = {key: getattr(config, key) for key in ("space", "sampler_seed", "folds", "prune")}
    now |= {"objective": OBJECTIVE, "outer fold": outer or "none"}
    earlier = {"objective": EARLIER_OBJECTIVE} if study.trials and "objective" not in study.user_attrs else {}
    stored = {key: study.user_attrs.get(key, value) for key, value in now.items()} | earlier
    refuse_other_options(out, stored, now, fix="choose another study")
    for key, value in now.items():
        study.set_user_attr(key, value)
    for trial in study.get_trials(states=[TrialState.RUNNING]):
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params, user_attrs={"instead_of": trial.number})
    replaced = {trial.user_attrs.get("instead_of") for trial in study.trials}
    counted = [trial for trial in study.trials if trial.state.is_finished() and trial.number not in replaced]
    return max(0, config.trials - len(counted))


def run_trial(
    trial: optuna.Trial, out: Path, folds: int, fixed: list[str], searched: list[Override]
) -> float:
    """Train each fold with sampled options in a separate process, and return the objective.

    Raises:
        TrialPruned: it is worse so far than the median of the earlier trials.
        UserError: a run failed.
    """
    words = draw(trial, searched)
    folder = out / job_name(trial.number, words)
    trial.set_user_attr("folder", folder.name)
    runs: list[Path] = []
    for fold in range(folds):
        run = folder / f"fold_{fold}"
        options = [*fixed, *words, *fold_words(fold, folds), f"hydra.run.dir='{run}'"]
        process = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "livergrade.train", *options],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if process.returncode:
            reason = " ".join(process.stderr.split())[-600:].replace("split.val_folds=", "folds=")
            reason = f"failed: {reason}" if cell_problem(reason) else reason
            trial.set_user_attr("failure", reason)
            raise UserError(reason)
        runs.append(run)
        trial.report(objective(runs), fold)
        log.info("trial %d, fold %d of %d: %.3f", trial.number, fold + 1, folds, objective(runs))
        if fold + 1 < folds and trial.should_prune():
            raise optuna.TrialPruned
    return objective(runs)


def report_trial(study: optuna.Study, trial: optuna.trial.FrozenTrial, out: Path, config: TuneConfig) -> None:
    """Update the study's table, figure and page; stop the search if the first three trials all failed."""
    table = trials_table(study.trials)
    write_table(table, out / "trials.csv", None)
    save(plot_trials(table), out / "figures" / "trials")
    write_study(out, table, config)
    score = "stopped, worse than the median" if trial.state == TrialState.PRUNED else "failed"
    if failure := trial.user_attrs.get("failure"):
        score = f"failed: {failure}"
    if trial.state == TrialState.COMPLETE:
        score = f"{trial.value:.3f}"
    sampled = ", ".join(f"{key}={value}" for key, value in trial.params.items())
    log.info("trial %d: %s  (%s)", trial.number, score, sampled)
    if not completed(study) and trial.number >= 2:
        study.stop()  # the command itself is wrong


def best_trials(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """The trials of the best value: more than one if they are tied."""
    trials = study.get_trials(states=[TrialState.COMPLETE])
    return [trial for trial in trials if trial.value == study.best_value]


def completed(study: optuna.Study) -> bool:
    """Whether any trial completed."""
    return bool(study.get_trials(states=[TrialState.COMPLETE]))
