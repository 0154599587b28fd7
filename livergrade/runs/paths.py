"""Where configs lie, and where runs, sweeps and everything made of them go."""

from __future__ import annotations

import json
import os
import re
import shlex
from datetime import datetime
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser

from livergrade.models.catalog import label

PACKAGE = Path(__file__).resolve().parents[1]
CHECKOUT = PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").is_file() else None
CONF = CHECKOUT / "conf" if CHECKOUT else PACKAGE / "conf"


def output_root() -> str:
    """Where runs go: ``$LIVERGRADE_OUTPUTS``, else ``outputs/`` of the checkout, else of this folder."""
    return os.environ.get("LIVERGRADE_OUTPUTS") or str((CHECKOUT or Path.cwd()) / "outputs")


def _now() -> str:
    """This moment, as a folder's name."""
    return f"{datetime.now():%Y-%m-%d_%H-%M-%S-%f}"


def run_dir(resume: str | None, model: str, backbone: str | None) -> str:
    """The folder of a single run: the resumed one, or a new one named by model and microsecond."""
    if resume and (Path(resume) / "config.yaml").is_file():
        return str(Path(resume).absolute())
    return f"{output_root()}/{label(model, backbone)}/{_now()}"


def evaluation_dir(run: str | None) -> str:
    """The folder of an evaluation: within the run that is evaluated."""
    within = Path(run).absolute() if run and (Path(run) / "config.yaml").is_file() else Path(output_root())
    return f"{within}/evaluations/{_now()}"


def export_dir(run: str | None, given: str | None) -> str:
    """The folder of an export: the one that is given, else within the run that is exported."""
    if given:
        return str(Path(given).absolute())
    if run and (Path(run) / "config.yaml").is_file():
        return f"{Path(run).absolute()}/export"
    return f"{output_root()}/exports/{_now()}"


def comparison_dir(folders: list[str]) -> str:
    """The folder of a comparison: within the one folder that is given, else a new one of its own."""
    if len(folders) == 1 and Path(folders[0]).is_dir():
        return f"{Path(folders[0]).absolute()}/comparison"
    return f"{output_root()}/comparisons/{_now()}"


def _typed() -> list[str]:
    """What was typed, also in the worker processes of a parallel sweep."""
    words: list[str] = json.loads(os.environ.get("LIVERGRADE_TYPED", "[]"))
    return words


def job_name(number: int, overrides: list[str]) -> str:
    """The folder of a job below its sweep: its number and what the sweep varies, not what all jobs share."""
    typed = OverridesParser.create().parse_overrides([word for word in _typed()[1:] if "=" in word])
    shared = {override.key_or_group for override in typed if not override.is_sweep_override()}
    # By key, since Hydra hands values over as it understood them: False for false, without quotes.
    varied = [override for override in overrides if override.partition("=")[0].lstrip("+~") not in shared]
    words = [re.sub(r"[^\w.+-]+", "-", word).strip("-") for word in varied]  # so that a path can be typed
    return "_".join([str(number), *words])[:120]


def job_order(folder: Path) -> tuple[int, str]:
    """What sorts jobs' folders: the number that a name begins with, 0 without one, then the name."""
    head = folder.name.partition("_")[0]
    return (int(head) if head.isdecimal() else 0, folder.name)


def record_dir(resume: str | None) -> str:
    """Where, in a run's folder, Hydra records how it was started: a resume must not overwrite the first."""
    return ".hydra_resumed" if resume else ".hydra"


def named_folder(kind: str, given: str | None) -> str:
    """The folder that is given, or a new one below that of its kind."""
    return str(Path(given).absolute()) if given else f"{output_root()}/{kind}/{_now()}"


def command_line() -> str:
    """What was typed, for the record."""
    program, *words = _typed()
    return shlex.join(["python", "-m", f"livergrade.{Path(program).stem}", *words])
