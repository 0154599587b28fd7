"""Train and test one model: cohort → split → fit → test → predictions → metrics → figures → report."""

import logging
import time
from pathlib import Path

from livergrade.config.schema import TrainConfig
from livergrade.data.kinds import open_cohort
from livergrade.evaluation.splits import write_split
from livergrade.reports.format import table
from livergrade.runs.finished import mark_finished
from livergrade.runs.folder import create_run_dir
from livergrade.runs.starts import facts_before
from livergrade.training.fit import fit_and_test
from livergrade.training.gpu_share import gpu_share
from livergrade.training.outputs import run_facts, write_outputs
from livergrade.training.setup import check_start, choose_split, make_data, make_task, start_weights
from livergrade.training.start_record import StartRecord
from livergrade.training.stored_state import restore
from livergrade.training.trainer import make_trainer, prepare_libraries

log = logging.getLogger(__name__)


def train_run(config: TrainConfig, run: Path) -> None:
    """Run one training: cohort, split, fit, test, outputs.

    Args:
        config: the checked options; with ``train.resume`` the run goes on.
        run: the run's folder, which exists.

    Raises:
        UserError: the cohort, the split, the weights or the machine can't be used, or another run is there.
        SystemExit: the run was stopped: 130 for an interrupt, 143 for SIGTERM.
    """
    started = time.monotonic()
    prepare_libraries(config.seed, bars=config.trainer.progress)
    check_start(config)
    cohort = open_cohort(config)
    split, note = choose_split(config, cohort, run)
    data, task = make_data(config, cohort, split), make_task(config, cohort.classes, note, split)
    earlier = facts_before(run) if config.train.resume else None
    weight_facts = start_weights(task.net, config, earlier)
    trainer = make_trainer(config.trainer, run, validated="val" in data.test_splits, trained=config)
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
    mark_finished(run)
    log.info("\n%s\n\n%s", table(metrics), run)
