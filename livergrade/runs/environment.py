"""Software and hardware environment of a run, for ``environment.json`` and for reproduction."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from livergrade.io.json_files import read_json

if TYPE_CHECKING:
    import torch

PACKAGES = (
    "livergrade",
    "torch",
    "torchvision",
    "lightning",
    "torchmetrics",
    "hydra-core",
    "omegaconf",
    "numpy",
    "pandas",
    "scikit-learn",
    "opencv-python-headless",
    "pillow",
    "tensorboard",
)


class Start(TypedDict):
    """One start of a run: the first one, or one that resumed it.

    Attributes:
        when: when it began, ISO 8601 with the time zone; null if not recorded.
        command: its command line.
        seconds: its duration, to its end or, if the process was killed, to its last checkpoint; null if not
            recorded.
        resumed: the step and epoch where it resumed; null for the first start.
    """

    when: str | None
    command: str
    seconds: float | None
    resumed: str | None


class Environment(TypedDict, total=False):
    """Environment and command of a run, as stored in ``environment.json``.

    A run folder travels: no environment variable, host name, user name or address of a repository is among
    these facts, and of folders those alone that were typed.

    Attributes:
        versions: version by package, and of ``python``.
        platform: operating system and architecture.
        cores: number of CPU cores.
        gpu: name of the GPU that the network was on; null if it was on none.
        git_commit: commit of the checkout; empty if no work tree of git tracks the files of this package.
        git_changed: whether tracked files, or files of this package, differed from that commit; null if git
            could not say.
        command: the command line that began the run.
        device: device of the network.
        precision: Lightning's name of the precision.
        parameters: number of parameters of the network.
        trained_parameters: number of trained parameters.
        initialisation: origin of the initial weights.
        weights_sha256: SHA-256 of the file of the initial weights, if it is one.
        epochs: number of epochs.
        best_epoch: the tested epoch, from 1.
        seconds: sum of the durations of its starts; null if one of them is not known.
        starts: its starts, the first one first.
        members: number of networks that answered together, as their mean; missing for a single one.
        trained_run: for an evaluation, the folder of the run whose network was evaluated.
        trained_by: command line of that training run.
    """

    versions: dict[str, str]
    platform: str
    cores: int | None
    gpu: str | None
    git_commit: str
    git_changed: bool | None
    command: str
    device: str
    precision: str
    parameters: int
    trained_parameters: int
    initialisation: str
    weights_sha256: str
    epochs: int
    best_epoch: int
    seconds: float | None
    starts: list[Start]
    members: int
    trained_run: str
    trained_by: str | None


def read_environment(path: Path) -> Environment:
    """Read the ``environment.json`` of a run: the facts of :class:`Environment` alone.

    Raises:
        UserError: it is missing or damaged.
    """
    return read_json(path, Environment)


def versions() -> dict[str, str]:
    """Version of Python and of each of `PACKAGES`."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def environment(device: torch.device) -> Environment:
    """Versions, machine, device and the commit of this checkout, JSON-ready.

    Args:
        device: that of the network. No other is asked for: to ask for a GPU takes memory of it.
    """
    commit, changed = _source()
    return {
        "versions": versions(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "device": str(device),
        "gpu": _gpu(device),
        "git_commit": commit,
        "git_changed": changed,
    }


def _gpu(device: torch.device) -> str | None:
    if device.type != "cuda":
        return None
    import torch  # not needed to read runs

    return torch.cuda.get_device_name(device)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed as a package"


def _source() -> tuple[str, bool | None]:
    """Commit of this package's source, and whether it was changed; ``("", False)`` if git does not track it.

    An installed copy may lie in somebody's repository, as in its ``.venv``: that commit says nothing of it.
    """
    if _git("ls-files", "--error-unmatch", "--", Path(__file__).name) is None:
        return "", False
    commit = _git("rev-parse", "HEAD")
    tracked = _git("status", "--porcelain", "--untracked-files=no")
    added = _git("status", "--porcelain", "--", "..")  # a new module is a change, too
    changed = None if tracked is None or added is None else bool(tracked or added)
    return (commit, changed) if commit else ("", False)


def _git(*words: str) -> str | None:
    """What git prints for the folder of this file; None if it fails or is not installed."""
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(Path(__file__).parent), *words]
    # A hook of git, which may run this, names its own repository in GIT_DIR.
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        return subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=10, check=True, env=own
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
