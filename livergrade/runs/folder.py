"""Create the folder of a run, and record the options and a failure in it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, cast

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from livergrade.config.schema import TrainConfig
from livergrade.errors import UserError
from livergrade.io.files import atomic_write, remove_parts, write_json

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
    """Read the options that a run was started with.

    Raises:
        UserError: the folder holds no run, or a run of another format.
    """
    stored = folder / "config.yaml"
    if not stored.is_file():
        raise UserError(f"{folder}: is no run (no config.yaml there); name a run's folder")
    try:
        values = yaml.safe_load(stored.read_text("utf-8"))
        if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
            raise UserError(
                f"{stored}: is not of format {FORMAT}, which this version of livergrade reads; train the run "
                "again, or use the version that wrote it"
            )
        if held := _filled_in(values):
            raise UserError(
                f"{stored}: {held} would be filled in from this machine; a run writes plain values there"
            )
        config = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(TrainConfig), values))
    except (OSError, ValueError, OmegaConfBaseException, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{stored}: can't be read as a run's options: {reason}") from None
    return cast(TrainConfig, config)


def _filled_in(values: object) -> str | None:
    """The first text with ``${...}`` in it, which OmegaConf would replace, with environment variables too."""
    if isinstance(values, str):
        return repr(values) if "${" in values else None
    items = values.values() if isinstance(values, dict) else values if isinstance(values, list) else ()
    return next((held for item in items if (held := _filled_in(item))), None)


def mark_finished(run: Path) -> None:
    """Write ``finished.json`` as the last file; without it the run is incomplete."""
    write_json({"finished": datetime.now().astimezone().isoformat()}, run / "finished.json")


def note_failure(run: Path, error: Exception, overrides: list[str]) -> None:
    """Write ``failed.json`` into the folder of a sweep job."""
    failure = {
        "job": overrides,
        "error": type(error).__name__,
        "message": str(error),
        "at": datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    write_json(failure, run / "failed.json")
