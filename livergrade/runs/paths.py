"""Paths of the configs, and output folders of runs, sweeps, evaluations, exports and comparisons."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path

from livergrade.io.regular_files import is_folder, is_regular
from livergrade.models.catalog import label

PACKAGE = Path(__file__).resolve().parents[1]
CHECKOUT = PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").is_file() else None
CONF = CHECKOUT / "conf" if CHECKOUT else PACKAGE / "conf"

_call: ContextVar[str] = ContextVar("_call", default="")


def output_root() -> str:
    """Root of outputs: ``$LIVERGRADE_OUTPUTS``, else ``outputs/`` of the checkout or working directory."""
    return os.environ.get("LIVERGRADE_OUTPUTS") or str((CHECKOUT or Path.cwd()) / "outputs")


def _timestamp() -> str:
    """Current time, as a folder name."""
    return f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}"


def run_dir(resume: str | None, model: str, backbone: str | None) -> str:
    """Folder of a single run: the resumed one, or a new one named by model and microsecond."""
    if resume and is_regular(Path(resume) / "config.yaml"):
        return str(Path(resume).absolute())
    return f"{output_root()}/{label(model, backbone)}/{_timestamp()}"


def evaluation_dir(run: str | None) -> str:
    """Folder of an evaluation: inside the evaluated run."""
    parent = Path(run).absolute() if run and is_regular(Path(run) / "config.yaml") else Path(output_root())
    return f"{parent}/evaluations/{_timestamp()}"


def export_dir(run: str | None, given: str | None, to: str) -> str:
    """Folder of an export: the given one, else inside the exported run, below that of ONNX for others."""
    if given:
        return str(Path(given).absolute())
    if run and is_regular(Path(run) / "config.yaml"):
        return f"{Path(run).absolute()}/export" + ("" if to == "onnx" else f"/{to}")
    return f"{output_root()}/exports/{_timestamp()}"


def comparison_dir(folders: list[str]) -> str:
    """Folder of a comparison: inside the given folder if there is exactly one, else a new one."""
    if len(folders) == 1 and is_folder(Path(folders[0])):
        return f"{Path(folders[0]).absolute()}/comparison"
    return f"{output_root()}/comparisons/{_timestamp()}"


def _argv() -> list[str]:
    """Command-line words, also in the worker processes of a parallel sweep."""
    words: list[str] = json.loads(os.environ.get("LIVERGRADE_TYPED", "[]"))
    return words


def varied(overrides: list[str]) -> list[str]:
    """Overrides of a sweep job whose options vary over the sweep, not those that all jobs share."""
    from hydra.core.override_parser.overrides_parser import OverridesParser  # not needed to list commands

    typed = OverridesParser.create().parse_overrides([word for word in _argv()[1:] if "=" in word])
    shared = {override.key_or_group for override in typed if not override.is_sweep_override()}
    # Compared by key, since Hydra passes parsed values: False for false, without quotes.
    return [override for override in overrides if override.partition("=")[0].lstrip("+~") not in shared]


def distinguishing_words() -> list[str]:
    """Overrides that tell this run from others: those that vary over its sweep, or all that were typed."""
    from hydra.core.hydra_config import HydraConfig  # not needed to list commands
    from hydra.types import RunMode

    if not HydraConfig.initialized():  # a call from Python
        return []
    config = HydraConfig.get()
    words = list(config.overrides.task)
    return varied(words) if config.mode == RunMode.MULTIRUN else words


def job_name(number: int, overrides: list[str]) -> str:
    """Folder name of a sweep job: its number and the varied options."""
    words = [re.sub(r"[^\w.+-]+", "-", word).strip("-") for word in varied(overrides)]  # easy to type
    return "_".join([str(number), *words])[:120]


def job_order(folder: Path) -> tuple[int, str]:
    """Sort key of job folders: the leading number of the name (0 without one), then the name."""
    head = folder.name.partition("_")[0]
    return (int(head) if head.isdecimal() else 0, folder.name)


def record_dir(resume: str | None) -> str:
    """Subfolder of Hydra's record in a run folder; a resume must not overwrite the first record."""
    return ".hydra_resumed" if resume else ".hydra"


def named_folder(kind: str, given: str | None) -> str:
    """The given folder, or a new one in the output folder of its kind."""
    return str(Path(given).absolute()) if given else f"{output_root()}/{kind}/{_timestamp()}"


@contextmanager
def recorded_as(call: str) -> Iterator[None]:
    """Record a call from Python, and no command line, while the context is active."""
    before = _call.set(call)
    try:
        yield
    finally:
        _call.reset(before)


def command_line() -> str:
    """Command line, or call from Python, for the record."""
    if call := _call.get():
        return call
    program, *words = _argv()
    return shlex.join(["python", "-m", f"livergrade.{Path(program).stem}", *words])
