"""Train and test one model: cohort → split → fit → test → predictions → metrics → figures → report.

python -m livergrade.train model=senet
python -m livergrade.train -m model=vgg16,resnet50,cbam,senet,sknet
"""

import logging
import time
from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from livergrade.cli.command import command
from livergrade.cli.compose import parse_config
from livergrade.config.schema import TrainConfig
from livergrade.runs.finished import mark_finished
from livergrade.runs.folder import create_run_dir
from livergrade.training.resume import finished_before, may_be_restarted, take_over

log = logging.getLogger(__name__)


@command(
    "train",
    "model=senet",
    "Train and test one model. The results are written to one folder, with a report.",
    TrainConfig(),
    parse_config,
)
def main(config: TrainConfig) -> None:
    """Run one training: cohort, split, fit, test, outputs.

    The imports are here, so that --help and --cfg job do not wait seconds for torch.
    """
    run = Path(HydraConfig.get().runtime.output_dir)
    if may_be_restarted() and finished_before(run, config):
        take_over(run, config)
        return
    from livergrade.data.kinds import open_cohort
    from livergrade.evaluation.splits import write_split
    from livergrade.reports.format import table
    from livergrade.runs.starts import facts_before
    from livergrade.training.fit import fit_and_test
    from livergrade.training.gpu_share import gpu_share
    from livergrade.training.outputs import run_facts, write_outputs
    from livergrade.training.setup import check_start, choose_split, make_data, make_task, start_weights
    from livergrade.training.start_record import StartRecord
    from livergrade.training.stored_state import restore
    from livergrade.training.trainer import log_outcome, make_trainer, prepare_libraries

    started = time.monotonic()
    prepare_libraries(config.seed)
    check_start(config)
    cohort = open_cohort(config)
    split, note = choose_split(config, cohort, run)
    data, task = make_data(config, cohort, split), make_task(config, cohort.classes, note, split)
    earlier = facts_before(run) if config.train.resume else None
    weight_facts = start_weights(task.net, config, earlier)
    trainer = make_trainer(config.trainer, run, validated="val" in data.test_splits, ema=config.optim.ema)
    resumed = restore(trainer, task, data, config, run)
    record = StartRecord(run, run_facts(trainer) | weight_facts, earlier, resumed, started)
    if trainer.is_global_zero:
        create_run_dir(run, config)
        cohort.keep_names(run)
        write_split(split, run / "split.csv")
        record.begin(trainer)
    with gpu_share(trainer.strategy.root_device, config.trainer.gpu_share):
        fit_and_test(trainer, task, data, config, run)
        if not trainer.is_global_zero:
            return
        metrics = write_outputs(run, trainer, task, data, config, record.facts)
    log_outcome(trainer, config, metrics)
    mark_finished(run)
    log.info("\n%s\n\n%s", table(metrics), run)


if __name__ == "__main__":
    main()
