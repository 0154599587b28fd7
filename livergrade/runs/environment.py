"""Software and hardware environment of a run, for ``environment.json`` and for reproduction."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypedDict

from livergrade.io.json_files import read_json

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


class Environment(TypedDict, total=False):
    """Environment and command of a run, as stored in ``environment.json``.

    A run folder travels: no environment variable, host name, user name or address of a repository is among
    these facts, and of folders those alone that were typed.

    Attributes:
        versions: version by package, and of ``python``.
        platform: operating system and architecture.
        cores: number of CPU cores.
        gpu: name of the GPU; null without one.
        git_commit: commit of the checkout; empty outside a checkout.
        git_changed: whether tracked files differed from that commit.
        command: the command line.
        device: device of the network.
        precision: Lightning's name of the precision.
        parameters: number of parameters of the network.
        trained_parameters: number of trained parameters.
        initialisation: origin of the initial weights.
        weights_sha256: SHA-256 of the file of the initial weights, if it is one.
        epochs: number of epochs.
        best_epoch: the tested epoch, from 0.
        seconds: duration from start to end.
        trained_run: for an evaluation, the folder of the run whose network was evaluated.
        trained_by: command line of that training run.
    """

    versions: dict[str, str]
    platform: str
    cores: int | None
    gpu: str | None
    git_commit: str
    git_changed: bool
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
    trained_run: str
    trained_by: str | None


def read_environment(path: Path) -> Environment:
    """Read the ``environment.json`` of a run: the facts of :class:`Environment` alone.

    Raises:
        UserError: it is missing or damaged.
    """
    return read_json(path, Environment)


def environment() -> Environment:
    """Versions, machine, device and the commit of this checkout, JSON-ready."""
    import torch  # not needed to read runs

    return {
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "git_commit": _git("rev-parse", "HEAD"),
        "git_changed": bool(_git("status", "--porcelain", "--untracked-files=no")),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed as a package"


def _git(*words: str) -> str:
    command = ["git", "-C", str(Path(__file__).parent), *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
