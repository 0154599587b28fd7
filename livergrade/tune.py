"""Search hyperparameters with Optuna on the validation patients; every trial is a separate run.

python -m livergrade.tune trials=20 model=senet,sknet 'optim.lr=tag(log,interval(1e-4,1e-2))'
"""

import importlib.util
import logging
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from livergrade.cli.command import command
from livergrade.cli.compose import to_dataclass
from livergrade.config.schema import TuneConfig
from livergrade.errors import UserError

log = logging.getLogger(__name__)


def parse_config(composed: DictConfig) -> TuneConfig:
    """Parse and validate the options of a search."""
    return to_dataclass(composed, TuneConfig)


@command(
    "tune",
    "trials=20 model=senet,sknet 'optim.lr=tag(log,interval(1e-4,1e-2))'",
    "Search hyperparameters with Optuna. Options not listed below go to livergrade.train: key=value for\n"
    "every trial; key=a,b and key=interval(low,high) are searched.",
    TuneConfig(),
    parse_config,
    words="space",
    all_words=True,
)
def main(config: TuneConfig) -> None:
    """Run one study, new or resumed."""
    if importlib.util.find_spec("optuna") is None:
        raise UserError('tune needs Optuna: pip install "livergrade[tune]"')
    from livergrade.cli.trial_options import check_trials
    from livergrade.multirun.search import (
        best_trials,
        completed,
        open_study,
        refuse_changed_trials,
        report_trial,
        run_trial,
    )
    from livergrade.multirun.study import OBJECTIVE, read_space

    out = Path(HydraConfig.get().runtime.output_dir)
    fixed, searched = read_space(config.space)
    check_trials(fixed, searched)
    study, remaining = open_study(out, config)
    refuse_changed_trials(study, out, fixed, searched)
    log.info("%s; %d trials to run in %s", OBJECTIVE, remaining, out)
    study.optimize(
        lambda trial: run_trial(trial, out, fixed, searched),
        n_trials=remaining,
        catch=(UserError,),
        callbacks=[lambda study, trial: report_trial(study, trial, out, config)],
    )
    if not completed(study):
        raise UserError(f"every trial failed, the first because: {study.trials[0].user_attrs.get('failure')}")
    best = best_trials(study)
    log.info(
        "\nbest: %s, %s %.3f\n%s\n%s",
        " and ".join(f"trial {trial.number}" for trial in best) + ", equally good" * (len(best) > 1),
        OBJECTIVE,
        study.best_value,
        "\n".join(str(out / trial.user_attrs["folder"]) for trial in best),
        out / "report.html",
    )


if __name__ == "__main__":
    main()
