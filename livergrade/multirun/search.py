"""A study of Optuna in a folder: opened, gone on with, each trial a run of its own."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import optuna
from hydra.core.override_parser.types import Override
from optuna.trial import TrialState

from livergrade.config.schema import TuneConfig
from livergrade.errors import UserError
from livergrade.io.files import atomic_write
from livergrade.multirun.study import draw, objective, trials_table
from livergrade.multirun.study_report import trials_figure, write_study
from livergrade.reports.style import save
from livergrade.runs.paths import job_name
from livergrade.runs.same_options import refuse_other_options

log = logging.getLogger(__name__)


def open_study(out: Path, config: TuneConfig) -> tuple[optuna.Study, int]:
    """The study in a folder, a new one or one to go on with, and how many trials are left.

    A trial that was killed counts as failed, and is queued again.

    Raises:
        UserError: the folder holds a study of other options.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=f"sqlite:///{out / 'study.db'}",
        study_name="livergrade",
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=config.sampler_seed),
        load_if_exists=True,
    )
    there = {"space": study.user_attrs.get("space", config.space)}
    refuse_other_options(out, there, {"space": config.space}, fix="choose another study")
    study.set_user_attr("space", config.space)
    for trial in study.get_trials(states=[TrialState.RUNNING]):
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params, user_attrs={"instead_of": trial.number})
    replaced = {trial.user_attrs.get("instead_of") for trial in study.trials}
    before = [trial for trial in study.trials if trial.state.is_finished() and trial.number not in replaced]
    return study, max(0, config.trials - len(before))


def run_trial(trial: optuna.Trial, out: Path, fixed: list[str], searched: list[Override]) -> float:
    """Train with drawn options in a process of its own, and say how good that was.

    Raises:
        UserError: the run failed.
    """
    words = draw(trial, searched)
    run = out / job_name(trial.number, words)
    trial.set_user_attr("folder", run.name)
    typed = [sys.executable, "-m", "livergrade.train", *fixed, *words, f"hydra.run.dir='{run}'"]
    done = subprocess.run(typed, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        reason = " ".join(done.stderr.split())[-600:]
        trial.set_user_attr("failure", reason)
        raise UserError(reason)
    return objective(run)


def report_trial(study: optuna.Study, trial: optuna.trial.FrozenTrial, out: Path, config: TuneConfig) -> None:
    """Bring the study's table, figure and page up to date; after three failures in a row, stop the search."""
    table = trials_table(study.trials)
    with atomic_write(out / "trials.csv") as part:
        table.to_csv(part, index=False)
    save(trials_figure(table), out / "figures" / "trials")
    write_study(out, table, config)
    value = f"{trial.value:.3f}" if trial.value is not None else "failed"
    drawn = ", ".join(f"{key}={found}" for key, found in trial.params.items())
    log.info("trial %d: %s  (%s)", trial.number, value, drawn)
    if not completed(study) and trial.number >= 2:
        study.stop()  # it is the command that is wrong


def completed(study: optuna.Study) -> bool:
    """Whether any trial ran to its end."""
    return bool(study.get_trials(states=[TrialState.COMPLETE]))
