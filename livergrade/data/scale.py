"""Scale of a cohort: the size of the pixels of its images, and how much tissue each shows."""

from __future__ import annotations

import logging
import math
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from livergrade.config.schema import TrainConfig
from livergrade.data.cohort import Cohort
from livergrade.errors import UserError
from livergrade.evaluation.scale import FACTOR, Scale, in_words, other_scale, scale_of
from livergrade.io.field_of_view import field_of_view
from livergrade.io.images import ImageError
from livergrade.io.memory import reading_threads
from livergrade.io.pixel_size import read_mpp
from livergrade.io.visible import one_line

log = logging.getLogger(__name__)

FIX = "give the column mpp of the manifest, or data.mpp=<µm per pixel>"


def pixel_sizes(cohort: Cohort, mpp: float | None) -> NDArray[np.float64]:
    """µm per pixel of each image, NaN where unknown, ``[images]``.

    Args:
        cohort: the images; their column ``mpp`` counts first.
        mpp: ``data.mpp``, of images whose row says nothing.
    """
    cells = cohort.table.get("mpp", pd.Series([""] * len(cohort.table)))
    return np.array([read_mpp(cell) or mpp or math.nan for cell in cells], dtype=np.float64)


def fields_of_view(cohort: Cohort, mpp: float | None) -> NDArray[np.float64]:
    """Shorter side of each image, µm, ``[images]``; NaN where unknown, or where a file can't be opened."""

    def field(path: Path, size: float) -> float:
        try:
            return math.nan if math.isnan(size) else field_of_view(path, size)
        except ImageError:  # reported when it is decoded
            return math.nan

    with reading_threads() as pool:
        return np.array(list(pool.map(field, cohort.paths, pixel_sizes(cohort, mpp))), np.float64)


def training_scale(config: TrainConfig, cohort: Cohort, split: pd.DataFrame) -> Scale | None:
    """Scale of a run's training images; None if it is not known of every one."""
    return _training_scale(config, fields_of_view(cohort, config.data.mpp), split)


def _training_scale(config: TrainConfig, fields: NDArray[np.float64], split: pd.DataFrame) -> Scale | None:
    around = math.sqrt(2) if config.augment.border == "crop" else 1.0  # a view is the inside
    return scale_of(fields[(split["split"] == "train").to_numpy()], config.data.image_size * around)


def check_scale(cohort: Cohort, mpp: float | None) -> tuple[bool, str, str, str]:
    """Look for images of other scales in a cohort.

    Returns:
        Whether there is a problem, what was looked at, what was found, and what to do.
    """
    return _check_fields(pixel_sizes(cohort, mpp), fields_of_view(cohort, mpp))


def _check_fields(sizes: NDArray[np.float64], fields: NDArray[np.float64]) -> tuple[bool, str, str, str]:
    unknown = int(np.isnan(fields).sum())
    if unknown == len(fields):
        return False, "scale", f"not known; {FIX}", ""
    groups: dict[float, list[str]] = {}
    for size, field in sorted(zip(sizes, fields, strict=True)):
        if not math.isnan(field):
            groups.setdefault(float(f"{field:.3g}"), []).append(f"{size:g}")
    found = sorted(groups)
    parts = [
        f"{len(groups[field])} show {field:g} µm ({', '.join(dict.fromkeys(groups[field]))} µm per pixel)"
        for field in found
    ]
    more = f", and {len(parts) - 6} other fields of view" if len(parts) > 6 else ""
    message = ", ".join(parts[:6]) + more + (f", {unknown} are of unknown scale" if unknown else "")
    if found[-1] > FACTOR * found[0]:
        fix = (
            f"the largest field of view is {found[-1] / found[0]:.3g} times the smallest: the network "
            "sees tissue at several magnifications; cut images of one side in µm"
        )
        return True, "scale", message, fix
    return bool(unknown), "scale", message, f"{FIX}, of all images" if unknown else ""


def log_scale(config: TrainConfig, cohort: Cohort, split: pd.DataFrame) -> None:
    """Say at a run's start at what scale it is trained, if the size of a pixel is known of any image."""
    sizes = pixel_sizes(cohort, config.data.mpp)
    if np.isnan(sizes).all():
        return
    fields = fields_of_view(cohort, config.data.mpp)
    problem, _, message, fix = _check_fields(sizes, fields)
    if problem:
        log.warning("scale: %s; %s", message, fix)
    log.info("%s", in_words(_training_scale(config, fields, split)))


def refuse_other_scale(cohort: Cohort, mpp: float | None, scale: Scale | None) -> None:
    """Compare another cohort with the scale of the run that grades it.

    Args:
        cohort: the other cohort.
        mpp: its ``data.mpp``.
        scale: the run's scale; None: unknown.

    Raises:
        UserError: images show much more or less tissue than the run's training images; all are listed.
    """
    fields = fields_of_view(cohort, mpp)
    unknown = int(np.isnan(fields).sum())
    if scale is None:
        if unknown < len(fields):
            log.warning("the run's scale is not known, so it is not compared with that of these images")
        return
    if unknown:
        log.warning(
            "the scale of %d of %d images is not known; they are treated as images of the run's %.0f µm; %s",
            unknown,
            len(fields),
            scale["median"],
            FIX,
        )
    problems = [
        f"  {one_line(image)} {problem}"
        for image, field in zip(cohort.table["image"], fields, strict=True)
        if (problem := other_scale(field, scale) if not math.isnan(field) else None)
    ]
    if problems:
        raise UserError(
            f"{len(problems)} of {len(fields)} images are of another scale than the run:\n"
            + "\n".join(problems)
        )
