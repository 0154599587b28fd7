"""Train a network so that it can be stopped and resumed, and test the best checkpoint."""

import logging
from pathlib import Path

import lightning as L

from livergrade.config.schema import TrainConfig
from livergrade.data.datamodule import GradingData
from livergrade.training.checkpoints import give_checkpoint, save_now
from livergrade.training.embeddings import embed_views
from livergrade.training.stored_state import best_weights
from livergrade.training.task import GradingTask

log = logging.getLogger(__name__)


def fit_and_test(
    trainer: L.Trainer, task: GradingTask, data: GradingData, config: TrainConfig, run: Path
) -> None:
    """Train from the start or from ``last.ckpt``, then grade test and validation views with ``best.ckpt``.

    Args:
        trainer: from :func:`livergrade.training.trainer.make_trainer`.
        task: the network; afterwards :attr:`GradingTask.graded` has the predictions for the views.
        data: the views.
        config: the run's options.
        run: the run folder.

    Raises:
        SystemExit: the run was stopped: 130 for an interrupt, 143 for SIGTERM.
    """
    best, last = run / "checkpoints" / "best.ckpt", run / "checkpoints" / "last.ckpt"
    if config.trainer.compile:
        # A graph for each shape: else, after an epoch's last and smaller batch, whole ones run a slower one
        # that takes any size.
        task.net.compile(mode=config.trainer.compile, dynamic=False)
    try:
        if config.model.frozen:
            embed_views(trainer, task, data)
        trainer.fit(task, data, ckpt_path=last if config.train.resume else None)
        if "val" not in data.test_splits:  # no validation split: the last epoch is tested
            save_now(trainer, best)
        trainer.strategy.barrier()  # the first of several processes writes, all of them read
        give_checkpoint(trainer, best, best_weights(best, task))
        trainer.test(task, data, ckpt_path=best, verbose=False)
    except (KeyboardInterrupt, SystemExit) as end:
        if last.is_file():
            log.warning("stopped; resume with: python -m livergrade.train train.resume=%s", run)
        else:
            log.warning("stopped before the first checkpoint")
        # Lightning exits with 1 for an interrupt and 0 for SIGTERM; the convention is 130 and 143.
        code = end.code if isinstance(end, SystemExit) else 130
        raise SystemExit(130 if code == 1 else 143 if code is None else code) from None
    if config.model.frozen and trainer.is_global_zero:
        save_now(trainer, best)  # now with the weights of the whole network
