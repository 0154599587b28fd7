"""Whether an exported file grades as the network does that it was made of."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image

from livergrade.data.kinds import read_cohort
from livergrade.deploy.onnx_file import graded, opened
from livergrade.errors import UserError
from livergrade.inference.grader import Grader
from livergrade.inference.inputs import find_inputs
from livergrade.io.images import ImageError, read_rgb, read_square
from livergrade.runs.run import Run

log = logging.getLogger(__name__)

NOISE = ((1393, 1665), (300, 200), (97, 131), (224, 224), (40, 64), (700, 500))
"""Heights and widths, pixels, of the images that stand in for a run's own."""


@dataclass(frozen=True)
class Agreement:
    """How far a file's probabilities are from the network's, both calibrated.

    Attributes:
        images: how many were compared.
        source: what they are.
        max_difference: largest difference of a probability, over images, views and grades.
        max_difference_of_means: the same of the means over the views, which an image's grade comes from.
        grades_differ: images whose grade is another.
    """

    images: int
    source: str
    max_difference: float
    max_difference_of_means: float
    grades_differ: int

    def facts(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def images_to_check(run: Run, named: Sequence[str], n: int) -> tuple[list[Path], str]:
    """Images that the file is compared on, and what they are.

    Args:
        run: the run.
        named: files, folders or patterns; if empty, the run's own test images are taken.
        n: how many of those, evenly spread over their names.

    Returns:
        No images where the run's own are no longer there.

    Raises:
        UserError: a name matches no image.
    """
    if named:
        found = find_inputs(named)
        if slides := [str(one.path) for one in found if one.slide]:
            raise UserError(f"{', '.join(slides)}: is a whole slide; name images")
        return [one.path for one in found], "named images"
    try:
        names = sorted(set(run.tested["image"]))
        root = read_cohort(run.config.data).root
    except UserError as error:
        log.warning(
            "the run's test images can't be read, so the check draws noise; name some with images=\n  %s",
            error,
        )
        return [], "noise"
    places = np.linspace(0, len(names) - 1, min(n, len(names))).round().astype(int)
    return [root / names[place] for place in places], "test images of the run"


def check_parity(file: Path, grader: Grader, images: Sequence[Path], source: str) -> Agreement:
    """Grade images with the file and with PyTorch, each reading and preparing them in its own way.

    Args:
        file: the ONNX file.
        grader: the network, on the CPU.
        images: to compare on; none for noise of various sizes.
        source: what they are.

    Raises:
        UserError: an image can't be read.
    """
    session = opened(file)
    differences, of_means, differ = [], [], 0
    with TemporaryDirectory() as folder:
        for path in images or draw_noise(Path(folder)):
            try:
                whole, square = read_rgb(path), read_square(path, grader.size)
            except ImageError as error:
                raise UserError(f"{path} {error}; name other images") from None
            mean, per_view = (each[0] for each in graded(session, whole[None]))
            expected = grader.grade(torch.tensor(square)[None])[0]
            differences.append(np.abs(per_view - expected).max())
            of_means.append(np.abs(mean - expected.mean(0)).max())
            differ += int(mean.argmax() != expected.mean(0).argmax())
    return Agreement(len(differences), source, float(max(differences)), float(max(of_means)), differ)


def draw_noise(folder: Path) -> list[Path]:
    """Write images of various sizes, of squares in colours drawn at random: harder edges than tissue has."""
    rng = np.random.default_rng(0)
    paths = []
    for height, width in NOISE:
        cells = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
        paths.append(folder / f"{height}x{width}.png")
        Image.fromarray(cells.repeat(8, 0).repeat(8, 1)[:height, :width]).save(paths[-1])
    return paths
