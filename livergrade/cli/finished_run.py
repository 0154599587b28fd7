"""A run to resume that is finished: said before a byte of it is written, however its folder was given."""

from __future__ import annotations

import os
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from livergrade.config.schema import MACHINE
from livergrade.errors import UserError
from livergrade.io.regular_files import is_regular
from livergrade.runs.finished import read_finished
from livergrade.runs.folder import read_options


def already_finished(composed: DictConfig) -> str | None:
    """Say that the run to resume is finished, if it is and no more epochs are asked for.

    Args:
        composed: all options with Hydra's own. The folder may be typed, a reference to a variable, or stand
            in a file of options; what shall change counts only if it is typed.

    Returns:
        The message; None if there is work, or a mistake that is reported elsewhere.

    Raises:
        UserError: ``finished.json`` is damaged.
    """
    resume = OmegaConf.select(composed, "train.resume")
    if not resume or not is_regular(Path(resume) / "finished.json"):
        return None
    run = Path(resume).absolute()
    read_finished(run)
    try:
        stored = read_options(run)
    except UserError:
        return None
    overrides = OverridesParser.create().parse_overrides(list(composed.hydra.overrides.task))
    typed = {override.key_or_group for override in overrides}
    weights = ["model.weights"] if stored.model.frozen else []
    of_run = [key for key in typed if key not in (*MACHINE, *weights)]
    if not all(key.startswith("trainer.") for key in of_run):
        return None
    if "trainer.max_epochs" in typed and composed.trainer.max_epochs > stored.trainer.max_epochs:
        return None
    return (
        f"already finished, not changed: {run}; for more epochs than its {stored.trainer.max_epochs}, "
        "raise trainer.max_epochs"
    )


def refuse_another_folder(composed: DictConfig, folder: Path) -> None:
    """Refuse to resume a run into another folder, where another run may be.

    Args:
        composed: all options with Hydra's own.
        folder: the output folder.

    Raises:
        UserError: the output folder is not the one of the run to resume.
    """
    resume = OmegaConf.select(composed, "train.resume")
    if resume and is_regular(Path(resume) / "config.yaml") and not _is_same(Path(resume), folder):
        raise UserError(
            f"hydra.run.dir={folder}: a resumed run continues in its own folder {resume}; leave "
            "hydra.run.dir "
            "out, or leave train.resume out for a new run"
        )


def _is_same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
