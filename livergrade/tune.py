"""Search options with Optuna, by the validation patients; every trial is a run of its own.

python -m livergrade.tune trials=20 model=senet,sknet 'optim.lr=tag(log,interval(1e-4,1e-2))'
"""

import logging
import subprocess
import sys
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from livergrade.cli.command import command
from livergrade.cli.compose import plain
from livergrade.config.schema import TuneConfig
from livergrade.errors import UserError
from livergrade.io.files import written_whole
from livergrade.runs.paths import job_name
from livergrade.runs.same_options import refuse_other_options

log = logging.getLogger(__name__)


def checked(composed: DictConfig) -> TuneConfig:
    """The options of a search, every value checked."""
    return plain(composed, TuneConfig)


@command(
    "tune",
    "trials=20 model=senet,sknet 'optim.lr=tag(log,interval(1e-4,1e-2))'",
    "Search options with Optuna. What is no option below goes to livergrade.train: key=value for every\n"
    "trial, key=a,b and key=interval(low,high) to be searched.",
    TuneConfig(),
    checked,
    words="space",
    all_words=True,
)
def main(config: TuneConfig) -> None:
    """One study, from its start or from where it was left."""
    try:
        import optuna
    except ImportError:
        raise UserError('tune needs Optuna: pip install "livergrade[tune]"') from None
    from livergrade.multirun.study import OBJECTIVE, draw, objective, read_space, trials_table
    from livergrade.multirun.study_report import trials_figure, write_study
    from livergrade.reports.style import save

    out = Path(HydraConfig.get().runtime.output_dir)
    fixed, searched = read_space(config.space)
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
    for trial in study.get_trials(states=[optuna.trial.TrialState.RUNNING]):  # killed in it
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
        study.enqueue_trial(trial.params, user_attrs={"instead_of": trial.number})
    replaced = {trial.user_attrs.get("instead_of") for trial in study.trials}
    before = [trial for trial in study.trials if trial.state.is_finished() and trial.number not in replaced]

    def tried(trial: optuna.Trial) -> float:
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

    def told(study: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        table = trials_table(study.trials)
        with written_whole(out / "trials.csv") as part:
            table.to_csv(part, index=False)
        save(trials_figure(table), out / "figures" / "trials")
        write_study(out, table, config)
        value = f"{trial.value:.3f}" if trial.value is not None else "failed"
        drawn = ", ".join(f"{key}={found}" for key, found in trial.params.items())
        log.info("trial %d: %s  (%s)", trial.number, value, drawn)
        if not study.get_trials(states=[optuna.trial.TrialState.COMPLETE]) and trial.number >= 2:
            study.stop()  # three in a row: it is the command that is wrong

    left = max(0, config.trials - len(before))
    log.info("%s; %d trials to run in %s", OBJECTIVE, left, out)
    study.optimize(tried, n_trials=left, catch=(UserError,), callbacks=[told])
    complete = study.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    if not complete:
        raise UserError(f"every trial failed, the first because: {study.trials[0].user_attrs.get('failure')}")
    log.info(
        "\nbest: trial %d, %s %.3f\n%s\n%s",
        study.best_trial.number,
        OBJECTIVE,
        study.best_value,
        out / study.best_trial.user_attrs["folder"],
        out / "report.html",
    )


if __name__ == "__main__":
    main()
