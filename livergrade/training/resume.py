"""Restart of a job in its existing folder: skip it if it is finished, resume it, or start again."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from livergrade.config.schema import TrainConfig
from livergrade.data.patient_alias import KEPT, refuse_changed_alias
from livergrade.io.earlier_start import set_aside
from livergrade.runs.finished import read_finished
from livergrade.runs.same_options import refuse_other_run

log = logging.getLogger(__name__)

LEFT = (
    *("checkpoints", "tensorboard", "config.yaml", KEPT, "failed.json", "finished.json"),
    *("sanity.json", "scale.json", "mistakes", "figures"),  # which of these are written depends on options
)
"""What a start leaves that would be taken for the next start's."""


def may_be_restarted() -> bool:
    """Return whether this is a sweep job or a job restarted by SLURM: its folder may have earlier results."""
    return HydraConfig.get().mode == RunMode.MULTIRUN or os.environ.get("SLURM_RESTART_COUNT", "0") != "0"


def finished_before(run: Path, config: TrainConfig) -> bool:
    """Return whether an earlier start finished the job; if not, prepare the folder.

    An interrupted job resumes from its last checkpoint: ``config.train.resume`` is set. A job that failed, or
    has no checkpoint yet, starts from the beginning; what it left is moved to ``earlier_start_<n>``.

    Raises:
        UserError: the folder belongs to a job with different options, or its ``finished.json`` is damaged.
    """
    stored, failed = run / "config.yaml", (run / "failed.json").is_file()
    if stored.is_file():
        refuse_other_run(run, config, fix="leave out hydra.sweep.dir for a new sweep")
        if (run / "finished.json").is_file():
            read_finished(run)
            refuse_changed_alias(config.data, run)
            return True
        if (run / "checkpoints" / "last.ckpt").is_file() and not failed:
            config.train.resume = str(run)
            return False
    if os.environ.get("SLURM_PROCID", "0") != "0":
        return False  # only the first process of a run prepares the folder
    if aside := set_aside(run, LEFT):
        log.warning("%s: has what an earlier start of this job left", aside)
    return False


def take_over(run: Path, config: TrainConfig) -> None:
    """Check that a finished job would be the same if it were run again; then an earlier refusal is void.

    Raises:
        UserError: the images, their labels, the split or the initial weights are others now.
    """
    from livergrade.multirun.same_data import refuse_other_data  # imports pandas, too slow for --help

    refuse_other_data(run, config, fix="restore that, or leave out hydra.sweep.dir for a new sweep")
    if os.environ.get("SLURM_PROCID", "0") == "0":
        (run / "failed.json").unlink(missing_ok=True)
    log.info("already finished: %s", run)
