"""An Optuna study stored in a folder: open or resume it, and train each trial as a separate run."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from pathlib import Path

import optuna
from hydra.core.override_parser.types import Override
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy.pool import NullPool

from livergrade.config.schema import TuneConfig
from livergrade.errors import UserError
from livergrade.io.cells import cell_problem
from livergrade.io.tables import write_table
from livergrade.multirun.study import draw, objective, trials_table
from livergrade.multirun.study_file import check_study_file
from livergrade.multirun.study_report import plot_trials, write_study
from livergrade.reports.style import save
from livergrade.runs.paths import job_name
from livergrade.runs.same_options import refuse_other_options

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
            sampler=optuna.samplers.TPESampler(seed=config.sampler_seed),
            load_if_exists=True,
        )
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


def _remaining(study: optuna.Study, out: Path, config: TuneConfig) -> int:
    """Queue the killed trials again, and return the number of trials to run.

    Raises:
        UserError: the study has other options.
    """
    stored = {"space": study.user_attrs.get("space", config.space)}
    refuse_other_options(out, stored, {"space": config.space}, fix="choose another study")
    study.set_user_attr("space", config.space)
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


def completed(study: optuna.Study) -> bool:
    """Whether any trial completed."""
    return bool(study.get_trials(states=[TrialState.COMPLETE]))
