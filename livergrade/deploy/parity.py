"""Check that an exported file gives the same probabilities as the PyTorch network."""

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
from livergrade.deploy.onnx_file import open_session, predict
from livergrade.errors import UserError
from livergrade.inference.grader import Grader
from livergrade.inference.input_tables import AS_IT_IS, Named
from livergrade.inference.inputs import find_inputs
from livergrade.io.images import ImageError, read_rgb, read_square
from livergrade.io.inside import Inside
from livergrade.io.pixel_reading import AS_FILED, PixelReading
from livergrade.multirun.same_data import refuse_changed_images
from livergrade.runs.run import Run

log = logging.getLogger(__name__)

NOISE = ((1393, 1665), (300, 200), (97, 131), (224, 224), (40, 64), (700, 500))
"""Heights and widths in pixels of the noise images used if the run's test images are not available."""


@dataclass(frozen=True)
class Agreement:
    """Differences between the calibrated probabilities of the file and of the network.

    Attributes:
        images: number of images compared.
        source: description of the images.
        max_difference: largest difference of a probability, over images, views and grades.
        max_difference_of_means: the same for the mean over the views, which gives the image's grade.
        grades_differ: number of images with a different predicted grade.
    """

    images: int
    source: str
    max_difference: float
    max_difference_of_means: float
    grades_differ: int

    def facts(self) -> dict[str, Any]:
        """Return the fields as a dictionary."""
        return asdict(self)


def images_to_check(
    run: Run, names: Sequence[str], n: int, *, outside: bool = False, named: Named = AS_IT_IS
) -> tuple[list[Path], str]:
    """Return the images on which the file is compared, and a description of them.

    Args:
        run: the run.
        names: files, folders or patterns; if empty, the run's test images are used.
        n: number of test images, evenly spaced in the sorted list of names.
        outside: whether images may lie outside the folder of the cohort or table that names them.
        named: what was said of the tables.

    Returns:
        An empty list if the run's test images are no longer available, or are others now.

    Raises:
        UserError: a name matches no image, or the run's predictions name one outside its cohort.
    """
    if names:  # whose images they are does not matter
        inputs = find_inputs(names, outside=outside, exact=True, named=named)
        if slides := [str(item.path) for item in inputs if item.slide]:
            raise UserError(f"{', '.join(slides)}: is a whole slide; name images")
        return [item.path for item in inputs], "named images"
    try:
        names = spread_over(sorted(set(run.tested["image"])), n)
        below = unchanged(run, names, outside=outside)
    except UserError as error:
        log.warning(
            "the run's test images can't be used, so the check uses noise images; set images= to use others"
            "\n  %s",
            error,
        )
        return [], "noise"
    return [run.image(name, below) for name in names], "test images of the run"


def spread_over(names: Sequence[str], n: int) -> list[str]:
    """Up to ``n`` names, evenly spaced in the list."""
    indices = np.linspace(0, len(names) - 1, min(n, len(names))).round().astype(int)
    return [names[index] for index in indices]


def unchanged(run: Run, names: Sequence[str], *, outside: bool = False) -> Inside:
    """The folder of a run's cohort, in which the named images are those of the run.

    Args:
        run: the run.
        names: of images, as the run's tables have them.
        outside: whether they may lie outside the cohort's folder.

    Raises:
        UserError: they are no longer available, or are others now.
    """
    cohort = read_cohort(run.config.data, outside=outside, run=run.members[0].folder)
    refuse_changed_images(run, cohort, names, fix="restore them")
    return Inside(cohort.root, outside=outside)


def check_parity(
    file: Path, grader: Grader, images: Sequence[Path], source: str, reading: PixelReading = AS_FILED
) -> Agreement:
    """Grade images with the file and with PyTorch, each with its own preprocessing, and compare.

    Args:
        file: the ONNX file.
        grader: the network, on the CPU.
        images: images to compare on; empty: noise images of various sizes.
        source: description of the images.
        reading: how the images are read.

    Raises:
        UserError: an image can't be read.
    """
    session = open_session(file)
    view_differences, mean_differences, grades_differ = [], [], 0
    with TemporaryDirectory() as folder:
        for path in images or draw_noise(Path(folder)):
            try:
                whole = read_rgb(path, reading=reading)
                crop = read_square(path, grader.size, reading)
            except ImageError as error:
                raise UserError(f"{path} {error}; name other images") from None
            mean, per_view = (batch[0] for batch in predict(session, whole[None]))
            expected = grader.grade(torch.tensor(crop)[None])[0]
            view_differences.append(np.abs(per_view - expected).max())
            mean_differences.append(np.abs(mean - expected.mean(0)).max())
            grades_differ += int(mean.argmax() != expected.mean(0).argmax())
    return Agreement(
        images=len(view_differences),
        source=source,
        max_difference=float(max(view_differences)),
        max_difference_of_means=float(max(mean_differences)),
        grades_differ=grades_differ,
    )


def draw_noise(folder: Path) -> list[Path]:
    """Write images of various sizes with randomly coloured squares: harder edges than in tissue."""
    rng = np.random.default_rng(0)
    paths = []
    for height, width in NOISE:
        cells = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
        paths.append(folder / f"{height}x{width}.png")
        Image.fromarray(cells.repeat(8, 0).repeat(8, 1)[:height, :width]).save(paths[-1])
    return paths
