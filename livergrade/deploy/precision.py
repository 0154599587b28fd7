"""Compare an ONNX file of lower precision with that of float32 on real images, and refuse it if too far."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from livergrade.config.schema import ExportConfig
from livergrade.deploy.lower_precision import to_float16, to_int8
from livergrade.deploy.onnx_file import open_session
from livergrade.deploy.parity import images_to_check, spread_over, unchanged
from livergrade.errors import UserError
from livergrade.inference.answers import Answers
from livergrade.inference.grader import Grader
from livergrade.inference.input_tables import named_by
from livergrade.io.bars import bar
from livergrade.io.images import ImageError, read_rgb
from livergrade.io.pixel_reading import PixelReading
from livergrade.runs.run import Run

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Precision:
    """A file of lower precision against that of float32.

    Attributes:
        name: ``float16`` or ``int8``.
        images: number of images that both graded.
        source: description of the images.
        max_difference: largest difference of a probability, over images, views and grades.
        max_difference_of_means: the same for the mean over the views, which gives the image's grade.
        grades_differ: number of images with another predicted grade.
        answers_differ: number of images with another answer; a grade, or the reason why none is given.
        sets_differ: number of images with another set of grades.
        float32_bytes: size of the float32 file.
        bytes: size of this one.
        speed: time of the float32 file by that of this one, over all images, on this machine's CPU.
        calibration_images: number of images on which the ranges of int8 were measured; 0 of float16.
    """

    name: str
    images: int
    source: str
    max_difference: float
    max_difference_of_means: float
    grades_differ: int
    answers_differ: int
    sets_differ: int
    float32_bytes: int
    bytes: int
    speed: float
    calibration_images: int = 0

    def facts(self) -> dict[str, Any]:
        """Return the fields as a dictionary."""
        return asdict(self)

    def problem(self, config: ExportConfig) -> str | None:
        """Why this file is refused; None if it is near enough to the one of float32."""
        lower = config.lower
        if not self.max_difference_of_means <= lower.difference:  # NaN, too
            return (
                f"an image's probability differs from float32 by up to {self.max_difference_of_means:.2g}, "
                f"more than lower.difference={lower.difference:g}"
            )
        changed = max(self.grades_differ, self.answers_differ)
        if changed > lower.changed * self.images:
            return (
                f"{changed} of {self.images} images have another grade or answer than with float32, more "
                f"than lower.changed={lower.changed:g}"
            )
        return None

    def sentence(self) -> str:
        """What was gained and lost, for the log and the model card."""
        smaller = f"{self.bytes / 1e6:.1f} MB instead of {self.float32_bytes / 1e6:.1f} MB"
        faster = (
            f"{self.speed:.2f} times as fast" if self.speed > 1.05 else f"not faster ({self.speed:.2f} times)"
        )
        return (
            f"{self.name}: {smaller}, and {faster} on this CPU. Against float32, over {self.images} images "
            f"({self.source}), an image's probability differs by at most {self.max_difference_of_means:.1e}, "
            f"{self.grades_differ} grades, {self.answers_differ} answers and {self.sets_differ} sets are "
            "others."
        )


def write_lower(
    source: Path, target: Path, run: Run, grader: Grader, answers: Answers, config: ExportConfig
) -> Precision:
    """Write a file of lower precision, and compare it on the run's validation and test images.

    Args:
        source: the file of float32.
        target: the new file.
        run: the run.
        grader: its network.
        answers: turns probabilities into answers.
        config: the options.

    Raises:
        UserError: there are no real images, one can't be read, or the file is too far from that of float32.
    """
    reading = config.data.reading(grader.reading)
    paths, calibration, told = _images(run, config)
    log.info("converting the network to %s", config.precision)
    if config.precision == "float16":
        to_float16(source, target)
        calibration = []
    else:
        to_int8(source, target, lambda: _read(calibration, reading, "measuring ranges"))
    compared = _compare(source, target, paths, reading, grader, answers)
    compared = replace(compared, name=config.precision, source=told, calibration_images=len(calibration))
    if problem := compared.problem(config):
        raise UserError(
            f"precision={config.precision}: not written, because {problem}; leave precision out, or "
            "raise that if your use allows it"
        )
    return compared


def _images(run: Run, config: ExportConfig) -> tuple[list[Path], list[Path], str]:
    """Images to compare on, images to measure ranges on, and a description of the former.

    Raises:
        UserError: the run's images are no longer available, and none are named.
    """
    if config.images:
        named, told = images_to_check(
            run, config.images, config.n, outside=config.data.outside, named=named_by(config.data)
        )
        return named, named[: config.lower.calibration], told
    split = run.split.set_index("image")["split"]
    parts = {name: sorted(split.index[split == name]) for name in ("train", "val")}
    tested = sorted(set(run.tested["image"]))
    compared = spread_over(sorted({*parts["val"], *tested}), config.lower.images)
    # Of a cross-validation every image was trained on by some member: those do as well to measure ranges.
    measured = spread_over(parts["val"] or parts["train"], config.lower.calibration)
    try:
        below = unchanged(run, [*compared, *measured], outside=config.data.outside)
    except UserError as error:
        raise UserError(
            f"precision={config.precision}: is compared with float32 on real images, and the run's can't be "
            f"used; name others with images=\n  {error}"
        ) from None
    compared_paths, measured_paths = (
        [run.image(name, below) for name in names] for names in (compared, measured)
    )
    return compared_paths, measured_paths, "validation and test images of the run"


def _read(paths: Sequence[Path], reading: PixelReading, text: str) -> Iterator[NDArray[np.uint8]]:
    """Read whole images one by one, ``uint8 [1, height, width, 3]``, with a progress bar.

    Raises:
        UserError: an image can't be read.
    """
    for path in bar(paths, text, unit="image"):
        try:
            yield read_rgb(path, reading=reading)[None]
        except ImageError as error:
            raise UserError(f"{path} {error}; name other images") from None


def _compare(
    source: Path, target: Path, paths: Sequence[Path], reading: PixelReading, grader: Grader, answers: Answers
) -> Precision:
    """Grade images with both files in turn; name, source and calibration are left to the caller."""
    sessions = [open_session(source), open_session(target)]
    names = [output.name for output in sessions[0].get_outputs()]
    graded: list[list[dict[str, NDArray[Any]]]] = [[], []]
    seconds = [0.0, 0.0]
    for image in _read(paths, reading, "comparing"):
        for number, session in enumerate(sessions):
            start = time.perf_counter()
            values = session.run(names, {"image": image})
            seconds[number] += time.perf_counter() - start
            graded[number].append({name: value[0] for name, value in zip(names, values, strict=True)})
    tables = [_answered(rows, grader, answers) for rows in graded]
    views, means = (
        max(float(np.abs(one[name] - other[name]).max()) for one, other in zip(*graded, strict=True))
        for name in ("per_view", "probabilities")
    )
    differ = {
        name: int((tables[0][name] != tables[1][name]).sum()) for name in ("predicted", "answer", "set")
    }
    return Precision(
        name="",
        images=len(paths),
        source="",
        max_difference=views,
        max_difference_of_means=means,
        grades_differ=differ["predicted"],
        answers_differ=differ["answer"],
        sets_differ=differ["set"],
        float32_bytes=source.stat().st_size,
        bytes=target.stat().st_size,
        speed=seconds[0] / seconds[1],
    )


def _answered(rows: Sequence[dict[str, NDArray[Any]]], grader: Grader, answers: Answers) -> pd.DataFrame:
    """The answers to images, one row each, as ``livergrade.predict`` gives them."""
    means = np.array([row["per_view"].astype(np.float64).mean(0) for row in rows])
    table = pd.DataFrame(means, columns=[f"p_{grade}" for grade in grader.classes])
    table["predicted"] = np.array(grader.classes)[means.argmax(1)]
    table["unlike"] = [grader.ood_score(float(row.get("distance", np.nan)))["unlike"] for row in rows]
    return answers(table, "image")
