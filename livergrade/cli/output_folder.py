"""The output folder of a command: made before Hydra writes there, and left as found if nothing began."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from livergrade.cli.compose import register_resolvers
from livergrade.cli.finished_run import already_finished, refuse_another_folder
from livergrade.cli.system_errors import explain_system_error
from livergrade.errors import UserError
from livergrade.io.locale_letters import locale_problem
from livergrade.io.visible import message as printable
from livergrade.io.write_below import refuse_links, refuse_links_between

PROBE = 2**16
"""Bytes that must be free for a new run folder: Hydra's record and the first lines of the log."""
RANKS = (
    *("RANK", "LOCAL_RANK", "GROUP_RANK", "NODE_RANK", "SLURM_PROCID", "SLURM_LOCALID"),
    *("OMPI_COMM_WORLD_RANK", "PMI_RANK"),
)
"""Variables that number the processes and machines of a distributed run; the first has 0 in all of them."""
OF_A_RUN = ("finished.json", "checkpoints")
RECORD = ("config.yaml", "hydra.yaml", "overrides.yaml")
"""Files of Hydra's record."""


@dataclass(frozen=True)
class _Found:
    """What was there before the command started: the names in the folder; and the folders that were not."""

    entries: frozenset[str]
    folders: frozenset[Path]
    made: tuple[Path, ...]


_found: dict[Path, _Found] = {}


class Folder(Callback):
    """Hydra callback that creates and tests the output folder first, since Hydra would fail with a traceback.

    A launcher pickles this object into its job processes. No command starts there to register the resolvers
    of ``conf/``, so this object does it.
    """

    def __init__(self) -> None:
        register_resolvers()

    def __reduce__(self) -> tuple[type[Folder], tuple[()]]:
        """Construct a new object when unpickled."""
        return Folder, ()

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ANN401
        """Create the folder of a single run; a finished run that is to be resumed is left as it is."""
        if told := already_finished(config):
            sys.stdout.write(f"{printable(told)}\n")
            raise SystemExit(0)
        _create_folder(config.hydra.run.dir, config, single=True)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:  # noqa: ANN401
        """Create the folder of a sweep."""
        _create_folder(config.hydra.sweep.dir, config, single=False)


def _create_folder(name: str, config: DictConfig, *, single: bool) -> None:
    folder = Path(os.path.abspath(name))  # noqa: PTH100 - resolve() would follow links
    try:
        _refuse_names_outside(config)
        if single:
            refuse_another_folder(config, folder)
        new = single and not OmegaConf.select(config, "train.resume") and not _is_started_again()
        _refuse_wrong_kinds(folder, config)
        make_folder(folder, _inputs(config), new=new)
    except UserError as error:
        sys.stderr.write(f"\n{printable(error)}\n")
        raise SystemExit(1) from None


def make_folder(folder: Path, inputs: Iterable[Path] = (), *, new: bool = False) -> None:
    """Make an output folder, and note what was there before; leave all as it was if that fails.

    Args:
        folder: the folder, absolute.
        inputs: folders that are read, and may hold it.
        new: whether no run may be in it.

    Raises:
        UserError: it can't be made or written, holds links, or holds a run.
    """
    try:
        if (lacks := locale_problem()) and not str(folder).isascii():
            raise UserError(f"{folder}: {lacks}")
        for named in inputs:
            refuse_links_between(named, folder)
        refuse_links(folder)
        if new:
            _refuse_run(folder)
        entries = frozenset(path.name for path in folder.iterdir()) if folder.is_dir() else frozenset()
        missing = tuple(one for one in (folder, *folder.parents) if not one.exists())
        _found[folder] = _Found(entries, frozenset(_folders_below(folder)), missing)
        folder.mkdir(parents=True, exist_ok=True)
        _probe(folder)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError):
            error.filename = str(folder)
        _remove_empty(_found.pop(folder).made if folder in _found else ())
        raise UserError(explain_system_error(error) or f"{folder}: can't be made: {error}") from None


def _folders_below(folder: Path) -> list[Path]:
    """All folders in a folder, the deepest first; none is followed that is a link."""
    return [Path(top, name) for top, names, _ in os.walk(folder, topdown=False) for name in names]


def _remove_empty(folders: Iterable[Path]) -> None:
    """Remove those of the folders that are empty, in this order."""
    for folder in folders:
        with contextlib.suppress(OSError):  # it holds something, or somebody else removed it
            if folder.is_dir():
                folder.rmdir()


def _is_started_again() -> bool:
    """Whether SLURM starts a job again, or another process of this distributed run may be there already."""
    return any(os.environ.get(name, "0") not in ("", "0") for name in ("SLURM_RESTART_COUNT", *RANKS))


def _refuse_run(folder: Path) -> None:
    """Refuse a folder that holds a run: its record, log, predictions and report would be written over.

    Raises:
        UserError: there is a run.
    """
    if (folder / "config.yaml").is_file() and any((folder / name).exists() for name in OF_A_RUN):
        raise UserError(
            f"{folder}: another run is there; continue it with train.resume={folder}, "
            "or choose another folder"
        )


def _inputs(config: DictConfig) -> list[Path]:
    """Folders that the command reads and may write into, like a run in which its evaluations lie."""
    named = OmegaConf.select(config, "runs") or [OmegaConf.select(config, "run")]
    return [Path(os.path.abspath(one)) for one in named if isinstance(one, str)]  # noqa: PTH100


def _refuse_names_outside(config: DictConfig) -> None:
    """Refuse options of Hydra that would put the log, the record or a job outside of the output folder.

    Raises:
        UserError: names the option.
    """
    stored = OmegaConf.to_container(config.hydra, resolve=False)
    assert isinstance(stored, dict)
    names = {
        "output_subdir": config.hydra.output_subdir,
        "job.name": config.hydra.job.name,
        "sweep.subdir": stored["sweep"].get("subdir"),  # each job has its own, which is not known yet
    }
    for option, value in names.items():
        path = Path(str(value or ""))
        if "$" not in str(path) and (".." in path.parts or path.is_absolute()):
            raise UserError(f"hydra.{option}={value}: lies outside of the output folder; leave it out")


def _refuse_wrong_kinds(folder: Path, config: DictConfig) -> None:
    """Refuse a folder where Hydra would write a file, and a file where it would make a folder.

    Raises:
        UserError: names it.
    """
    record = folder / (config.hydra.output_subdir or "")
    for file in (
        folder / f"{config.hydra.job.name}.log",
        folder / "multirun.yaml",
        *map(record.joinpath, RECORD),
    ):
        if file.is_dir():
            raise UserError(f"{file}: is a folder, where a file is to be written; name another output folder")
    if folder.is_dir() and record.exists() and not record.is_dir():
        raise UserError(f"{record}: is a file, where a folder is to be made; name another output folder")


def _probe(folder: Path) -> None:
    """Write a file and remove it: the disk may be full, or only readable."""
    probe = folder / f".{secrets.token_hex(8)}.part"
    flags = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY
    with os.fdopen(os.open(probe, flags, 0o600), "wb") as file:
        try:
            file.write(bytes(PROBE))
        finally:
            probe.unlink(missing_ok=True)


def remove_empty_run() -> None:
    """Remove what this process made for a single run that failed before its start: the record and the log."""
    config = HydraConfig.get()
    record, log = config.output_subdir or "", f"{config.job.name}.log"
    if config.mode == RunMode.RUN:
        leave_as_found(Path(config.runtime.output_dir), record, log)


def leave_as_found(folder: Path, record: str = "", log: str = "") -> None:
    """Remove an output folder that :func:`make_folder` made, if nothing was written but record and log.

    What was there before stays, and so does all of it if there is more than that. Empty folders that were
    made are removed in any case.

    Args:
        folder: the folder.
        record: name of the folder of Hydra's record; empty: there is none.
        log: name of the log; empty: there is none.
    """
    found = _found.pop(folder, None)
    if found is None:
        return
    _remove_empty(one for one in _folders_below(folder) if one not in found.folders)
    made = {path.name for path in folder.iterdir()} - found.entries
    if not made <= {record, log}:
        return
    if log in made:
        (folder / log).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # somebody else put a file there meanwhile: the folder stays
        if record in made:
            for name in RECORD:
                (folder / record / name).unlink(missing_ok=True)
            (folder / record).rmdir()
    _remove_empty(found.made)
