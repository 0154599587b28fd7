"""What a second start of a job finds in its folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from livergrade.config.fields import options
from livergrade.config.schema import MACHINE, TrainConfig
from livergrade.runs.folder import read_options
from livergrade.runs.same_options import refuse_other_options


def may_be_restarted() -> bool:
    """Whether this is a job of a sweep, or one that SLURM started again: its folder may hold what it did."""
    return HydraConfig.get().mode == RunMode.MULTIRUN or os.environ.get("SLURM_RESTART_COUNT", "0") != "0"


def finished_before(run: Path, config: TrainConfig) -> bool:
    """Whether an earlier start of a job finished it; otherwise ready the folder for it to go on.

    A job that was interrupted goes on where it was last saved: ``config.train.resume`` is set. One that
    failed, or was not saved yet, starts anew.

    Raises:
        UserError: the folder holds a job of other options.
    """
    stored, failed = run / "config.yaml", (run / "failed.json").is_file()
    if stored.is_file():
        before = {key: value for key, _, value in options(read_options(run))}
        now = {key: value for key, _, value in options(config) if key not in MACHINE}
        refuse_other_options(run, before, now, fix="leave out hydra.sweep.dir for a sweep of its own")
        if (run / "finished.json").is_file():
            return True
        if (run / "checkpoints" / "last.ckpt").is_file() and not failed:
            config.train.resume = str(run)
            return False
    if os.environ.get("SLURM_PROCID", "0") != "0":
        return False  # one process of a run readies the folder for all
    for left in ("checkpoints", "tensorboard"):
        shutil.rmtree(run / left, ignore_errors=True)
    stored.unlink(missing_ok=True)
    (run / "failed.json").unlink(missing_ok=True)
    return False
