"""What a run ran on: for ``environment.json`` and for whoever must run it again."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypedDict, cast

from livergrade.io.files import read_facts

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
    """What a run ran on and was started with, as ``environment.json`` holds it.

    Attributes:
        versions: by package, and ``python``.
        platform: of the machine.
        cores: of its processors.
        gpu: its name; null without one.
        git_commit: of the checkout; empty outside one.
        git_changed: whether tracked files differed from it.
        command: what was typed.
        device: where the network ran.
        precision: as Lightning names it.
        parameters: of the network.
        trained_parameters: those that were trained.
        initialisation: what the weights were at first.
        epochs: how many there were.
        best_epoch: the one that was tested, from 0.
        seconds: from start to end.
        trained_run: of an evaluation, folder of the run whose network graded.
        trained_by: what was typed to train that.
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
    epochs: int
    best_epoch: int
    seconds: float
    trained_run: str
    trained_by: str | None


def read_environment(path: Path) -> Environment:
    """A run's ``environment.json``.

    Raises:
        UserError: it is missing or damaged.
    """
    return cast(Environment, read_facts(path, frozenset()))


def environment() -> Environment:
    """Versions, machine, device and the commit of this checkout, as plain values."""
    import torch  # what reads runs needs none of it

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
