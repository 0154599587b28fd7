"""Create the folder of a run, and record the options and a failure in it."""

from __future__ import annotations

import copy
import os
from collections.abc import Container, Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict

import msgspec
import yaml

from livergrade.config.fields import options
from livergrade.config.schema import MACHINE, TrainConfig
from livergrade.config.validation import stored_problems
from livergrade.errors import UserError
from livergrade.io.files import atomic_write, remove_parts, write_json
from livergrade.io.json_files import conversion_problem, in_file
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
    values = {"format": FORMAT} | asdict(config)
    with atomic_write(run / "config.yaml") as part:
        part.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")


def read_options(folder: Path) -> TrainConfig:
    """Read the options that a run was started with, as they were: for what is done now, see `options_here`.

    They are plain data, and pass the same checks as options that are typed.

    Raises:
        UserError: the folder holds no run, a run of another format, not every option or others, or options
            that can't be used.
    """
    stored = folder / "config.yaml"
    if not os.path.lexists(stored):
        raise UserError(f"{shown(folder)}: is not a run (no config.yaml there); name a run's folder")
    values = read_plain_yaml(stored, fix=_FIX)
    if values.pop("format", None) != FORMAT:
        raise UserError(
            f"{shown(stored)}: is not of format {FORMAT}, which this version of livergrade reads; train the "
            "run again, or use the version that wrote it"
        )
    try:
        config = msgspec.convert(values, TrainConfig)
    except msgspec.ValidationError as error:
        reason = conversion_problem(error, values, TrainConfig)
        raise UserError(f"{shown(stored)}: can't be read as a run's options: {reason}; {_FIX}") from None
    known = {key for key, _, _ in options(config)}
    written = set(_keys(values, known))
    if unknown := sorted(written - known):
        told = f"{_some(unknown)}: no option of this version of livergrade"
        raise UserError(f"{shown(stored)}: can't be read as a run's options: {told}; {_FIX}")
    if missing := sorted(known - written):
        raise UserError(
            f"{shown(stored)}: lacks {_some(missing)}: it was cut, or written by another version of "
            "livergrade; put the run's own file back, or train the run again"
        )
    in_file(stored, stored_problems(config), fix=_FIX)
    return config


def _keys(values: Mapping[str, Any], known: Container[str], prefix: str = "") -> Iterator[str]:
    """The dotted keys of nested options; a known one may be a mapping itself."""
    for name, value in values.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and key not in known:
            yield from _keys(value, known, f"{key}.")
        else:
            yield key


def _some(keys: list[str]) -> str:
    more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
    return ", ".join(shown(key, 100) for key in keys[:5]) + more


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
