"""An Optuna study stored in a folder: open or resume it, and train each trial as a separate run."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import optuna
from hydra.core.override_parser.types import Override
from optuna.storages import RDBStorage
from optuna.trial import FixedTrial, TrialState
from sqlalchemy.pool import NullPool

from livergrade.cli.compose import train_options
from livergrade.config.schema import TuneConfig
from livergrade.errors import UserError
from livergrade.io.cells import cell_problem
from livergrade.io.tables import write_table
from livergrade.multirun.same_data import refuse_other_data
from livergrade.multirun.study import draw, objective, trials_table
from livergrade.multirun.study_file import check_study_file
from livergrade.multirun.study_report import plot_trials, write_study
from livergrade.reports.style import save
from livergrade.runs.paths import job_name
from livergrade.runs.same_options import refuse_other_options, refuse_other_run

log = logging.getLogger(__name__)


def open_study(out: Path, config: TuneConfig) -> tuple[optuna.Study, int]:
    """Create or resume the study in a folder; returns it and the number of remaining trials.

    A killed trial counts as failed and is queued again.

    Raises:
        UserError: the folder holds a study with other options, or a file that is no study.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    file = out / "study.db"
    check_study_file(file)
    try:
        study = optuna.create_study(
            storage=_storage(file),
            study_name="livergrade",
            direction="maximize",
            load_if_exists=True,
        )
        # From the same seed, a later start would draw again what the first one drew.
        seed = (config.sampler_seed + len(study.trials)) % 2**32
        study.sampler = optuna.samplers.TPESampler(seed=seed)
        return study, _remaining(study, out, config)
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

    Their options are composed anew: defaults, and files that options name by a relative path, may be others.

    Raises:
        UserError: an option, an image, a label, the split or the initial weights of a trial are others now,
            or its folder is gone or its predictions do not give its value.
    """
    fix = "choose another study"
    for trial in study.get_trials(states=[TrialState.COMPLETE]):
        try:
            words = draw(FixedTrial(trial.params), searched)
        except ValueError as error:
            raise UserError(
                f"{out}: trial {trial.number} is not of this study's space ({error}); {fix}"
            ) from None
        run = out / Path(str(trial.user_attrs.get("folder", ""))).name
        if not (run / "config.yaml").is_file():
            raise UserError(f"{run}: is gone, so what trial {trial.number} was made from is not known; {fix}")
        config = train_options([*fixed, *words])
        refuse_other_run(run, config, fix=fix)
        refuse_other_data(run, config, fix=fix)
        if trial.value != (value := objective(run)):
            raise UserError(
                f"{run}: its predictions give {value:g}, and the study has {trial.value:g} for it; {fix}"
            )


def _remaining(study: optuna.Study, out: Path, config: TuneConfig) -> int:
    """Queue the killed trials again, and return the number of trials to run.

    Raises:
        UserError: the study has other options.
    """
    now = {"space": config.space, "sampler_seed": config.sampler_seed}
    stored = {key: study.user_attrs.get(key, value) for key, value in now.items()}
    refuse_other_options(out, stored, now, fix="choose another study")
    for key, value in now.items():
        study.set_user_attr(key, value)
    for trial in study.get_trials(states=[TrialState.RUNNING]):
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params, user_attrs={"instead_of": trial.number})
    replaced = {trial.user_attrs.get("instead_of") for trial in study.trials}
    counted = [trial for trial in study.trials if trial.state.is_finished() and trial.number not in replaced]
    return max(0, config.trials - len(counted))


def run_trial(trial: optuna.Trial, out: Path, fixed: list[str], searched: list[Override]) -> float:
    """Train with sampled options in a separate process, and return the objective.

    Raises:
        UserError: the run failed.
    """
    words = draw(trial, searched)
    run = out / job_name(trial.number, words)
    trial.set_user_attr("folder", run.name)
    command = [sys.executable, "-m", "livergrade.train", *fixed, *words, f"hydra.run.dir='{run}'"]
    process = subprocess.run(  # noqa: S603
        command, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if process.returncode:
        reason = " ".join(process.stderr.split())[-600:]
        reason = f"failed: {reason}" if cell_problem(reason) else reason
        trial.set_user_attr("failure", reason)
        raise UserError(reason)
    return objective(run)


def report_trial(study: optuna.Study, trial: optuna.trial.FrozenTrial, out: Path, config: TuneConfig) -> None:
    """Update the study's table, figure and page; stop the search if the first three trials all failed."""
    table = trials_table(study.trials)
    write_table(table, out / "trials.csv", None)
    save(plot_trials(table), out / "figures" / "trials")
    write_study(out, table, config)
    score = f"{trial.value:.3f}" if trial.value is not None else "failed"
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
