"""Create the folder of a run, and record the options and a failure in it."""

from __future__ import annotations

import copy
import os
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict, cast

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from livergrade.config.schema import MACHINE, TrainConfig
from livergrade.config.validation import stored_problems
from livergrade.errors import UserError
from livergrade.io.files import atomic_write, remove_parts, write_json
from livergrade.io.json_files import in_file
from livergrade.io.visible import shown
from livergrade.io.yaml_files import read_plain_yaml

_FIX = "correct it, or train the run again"

FORMAT = 1
"""Format of a run folder, see docs/files.md. New columns or keys keep the number; other changes raise it."""


def create_run_dir(run: Path, config: TrainConfig) -> None:
    """Use a new folder for this run, or the one to resume, and write the options into it.

    Called after all inputs are checked, so that a mistake leaves no incomplete run behind.

    Raises:
        UserError: the folder already holds another run.
    """
    if config.train.resume:
        (run / "finished.json").unlink(missing_ok=True)
        remove_parts(run)
    else:
        try:
            (run / "checkpoints").mkdir()  # succeeds in one process only
        except FileExistsError:
            raise UserError(
                f"{run}: another run is there; continue it with train.resume={run}, or choose another folder"
            ) from None
    save_config(run, config)


def save_config(run: Path, config: TrainConfig) -> None:
    """Write the options to ``config.yaml`` atomically."""
    options = OmegaConf.to_container(OmegaConf.structured(config), resolve=True)
    values = {"format": FORMAT} | cast("dict[str, Any]", options)
    with atomic_write(run / "config.yaml") as part:
        part.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")


def read_options(folder: Path) -> TrainConfig:
    """Read the options that a run was started with, as they were: for what is done now, see `options_here`.

    They are plain data, and pass the same checks as options that are typed.

    Raises:
        UserError: the folder holds no run, a run of another format, or options that can't be used.
    """
    stored = folder / "config.yaml"
    if not os.path.lexists(stored):
        raise UserError(f"{shown(folder)}: is no run (no config.yaml there); name a run's folder")
    values = read_plain_yaml(stored, fix=_FIX)
    if values.pop("format", None) != FORMAT:
        raise UserError(
            f"{shown(stored)}: is not of format {FORMAT}, which this version of livergrade reads; train the "
            "run again, or use the version that wrote it"
        )
    try:
        config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(TrainConfig), values))
    except (ValueError, TypeError, OmegaConfBaseException) as error:
        key, reason = getattr(error, "full_key", None), str(error).partition("\n")[0]
        where = f"{shown(key, 100)}: " if key else ""
        raise UserError(
            f"{shown(stored)}: can't be read as a run's options: {where}{shown(reason)}; {_FIX}"
        ) from None
    assert isinstance(config, TrainConfig)
    in_file(stored, stored_problems(config), fix=_FIX)
    return config


def options_here(stored: TrainConfig, here: TrainConfig) -> TrainConfig:
    """The options of a run, but those of the machine: where files lie, and how many cores or GPUs compute.

    A run may have been made on another machine, and its folder may come from somebody else.

    Args:
        stored: the options as the run was started.
        here: options whose values for this machine are taken.
    """
    config = copy.deepcopy(stored)
    for key in MACHINE:
        group, name = key.split(".")
        setattr(getattr(config, group), name, getattr(getattr(here, group), name))
    return config


def mark_finished(run: Path) -> None:
    """Write ``finished.json`` as the last file; without it the run is incomplete."""
    write_json({"finished": datetime.now().astimezone().isoformat()}, run / "finished.json")


class Failure(TypedDict):
    """Content of ``failed.json``.

    Attributes:
        job: the job's overrides.
        error: name of the exception.
        message: its message.
        at: when it failed.
    """

    job: list[str]
    error: str
    message: str
    at: str


def note_failure(run: Path, error: Exception, overrides: list[str]) -> None:
    """Write ``failed.json`` into the folder of a sweep job."""
    failure: Failure = {
        "job": overrides,
        "error": type(error).__name__,
        "message": str(error),
        "at": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    write_json(failure, run / "failed.json")
