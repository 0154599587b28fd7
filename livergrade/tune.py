"""Search hyperparameters with Optuna by cross-validation of the patients that are not tested.

python -m livergrade.tune trials=20 model=senet,sknet 'optim.lr=tag(log,interval(1e-4,1e-2))'
"""

import importlib.util
import logging
from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from livergrade.cli.command import command
from livergrade.config.schema import TuneConfig
from livergrade.errors import UserError

log = logging.getLogger(__name__)


@command("tune")
def main(config: TuneConfig) -> None:
    """Run one study, new or resumed."""
    if importlib.util.find_spec("optuna") is None:
        raise UserError('tune needs Optuna: pip install "livergrade[tune]"')
    from livergrade.cli.trial_options import check_trials, own_groups
    from livergrade.multirun.outer_folds import search_outer_folds
    from livergrade.multirun.search import best_trials, search
    from livergrade.multirun.study import OBJECTIVE, read_space, refuse_own_folds
    from livergrade.multirun.study_report import conclude

    out = Path(HydraConfig.get().runtime.output_dir)
    fixed, searched = read_space(config.space)
    fixed = [*own_groups(), *fixed]
    refuse_own_folds(fixed, searched, outer=bool(config.outer_folds))
    check_trials(fixed, searched)
    study = search(out, config, fixed, searched)
    outer = search_outer_folds(out, config, fixed, searched) if config.outer_folds else None
    told = conclude(out, study.trials, config, outer)
    best = best_trials(study)
    log.info(
        "\nbest: %s, %s %.3f\n%s\n%s\n%s",
        " and ".join(f"trial {trial.number}" for trial in best) + ", equally good" * (len(best) > 1),
        OBJECTIVE,
        study.best_value,
        "\n".join(str(out / trial.user_attrs["folder"]) for trial in best),
        told,
        out / "report.html",
    )


if __name__ == "__main__":
    main()
