"""Grade images that are named or in memory into one table, without writing a file."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from livergrade.config.schema import ConformalConfig, PredictConfig
from livergrade.data.colour import log_colours
from livergrade.errors import UserError
from livergrade.inference.grader import Grader
from livergrade.inference.images import graded_ahead, make_answers
from livergrade.inference.inputs import Input, find_inputs
from livergrade.inference.scale import log_unknown_scale
from livergrade.io.bars import bar as progress_bar
from livergrade.io.pixel_size import LIKELY_UM
from livergrade.io.visible import shown

log = logging.getLogger(__name__)

Named = str | Path
Pixels = NDArray[np.uint8] | Image.Image
Images = Named | Pixels | Sequence[Named] | Sequence[Pixels]
"""Names of images, folders, patterns and tables; or arrays ``uint8 [H, W, 3]`` or ``[N, H, W, 3]``, and
pictures of Pillow."""
Sizes = float | Sequence[float | None] | None


@dataclass(frozen=True)
class Picture:
    """One image to grade.

    Attributes:
        name: its path, or its number from 0 if it is in memory.
        source: the file, or the picture.
        patient: the patient, empty if unknown.
        mpp: µm per pixel; None: unknown.
    """

    name: str
    source: Path | Image.Image
    patient: str = ""
    mpp: float | None = None


def pictures_of(images: Images, mpp: Sizes = None) -> list[Picture]:
    """The images that are meant, in the order given, each file once.

    Args:
        images: names, or images in memory.
        mpp: µm per pixel of images of which no table says it: one number, or one for each image in memory.

    Raises:
        UserError: names that match nothing or are of slides, or what is no image; all are listed.
    """
    _refuse_tables(images)
    if isinstance(images, np.ndarray) and (images.ndim == 4 or images.dtype.kind in "OU"):  # O, U: of names
        given: list[Any] = [*images]
    elif isinstance(images, Iterable) and not isinstance(
        images, str | bytes | Path | Image.Image | np.ndarray
    ):
        given = list(images)
    else:
        given = [images]
    named = [item for item in given if isinstance(item, str | Path)]
    if not given:
        raise UserError("images: none were given; name files, or give arrays or pictures")
    if named and len(named) < len(given):
        raise UserError("images: some are names and others are in memory; grade them in two calls")
    if not named:
        return _in_memory(given, mpp)
    if mpp is not None and not _is_number(mpp):
        raise UserError(
            "mpp: of files it is one number; where they differ, a table says it in its column mpp"
        )
    inputs = find_inputs([str(name) for name in named])
    if slides := [f"  {item.path}" for item in inputs if item.slide]:
        listed = "\n".join(slides)
        raise UserError(f"these are whole slides, which livergrade predict grades:\n{listed}")
    return [Picture(str(item.path), item.path, item.patient, item.mpp or mpp) for item in inputs]


def _refuse_tables(images: object) -> None:
    """Refuse tables and dicts: their columns and keys would be taken for names of images."""
    if isinstance(images, pd.DataFrame):
        raise UserError("images: is a DataFrame; give its column of names, as table['image']")
    if isinstance(images, Mapping):
        raise UserError(f"images: is a {type(images).__name__}; give its values, as list(images.values())")


def _in_memory(given: Sequence[object], mpp: Sizes) -> list[Picture]:
    """Images in memory, named by their number.

    Raises:
        UserError: lists what is no image, or the sizes of pixels are not as many as images or can't be.
    """
    several = isinstance(mpp, Iterable) and not isinstance(mpp, str | bytes | Mapping)
    sizes: list[Any] = [*mpp] if several else [mpp] * len(given)  # type: ignore[misc]
    if len(sizes) != len(given):
        raise UserError(f"mpp: {len(sizes)} numbers for {len(given)} images; give as many, or one")
    low, high = LIKELY_UM
    pictures, errors = [], []
    for number, (item, size) in enumerate(zip(given, sizes, strict=True)):
        if size is not None and not (_is_number(size) and low <= size <= high):
            errors.append(
                f"  image {number}: mpp={shown(size, 60)}: must be at least {low:g} and at most {high:g}"
            )
        if isinstance(item, Image.Image):
            pictures.append(Picture(str(number), item, mpp=size))
        elif (
            isinstance(item, np.ndarray) and item.dtype == np.uint8 and item.ndim == 3 and item.shape[2] == 3
        ):
            pictures.append(Picture(str(number), Image.fromarray(item), mpp=size))
        else:
            errors.append(f"  image {number}: is {_kind(item)}; give uint8 [H, W, 3], RGB")
    if errors:
        raise UserError("these can't be graded:\n" + "\n".join(errors))
    return pictures


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _kind(item: object) -> str:
    if isinstance(item, np.ndarray):
        return f"an array of {item.dtype} {list(item.shape)}"
    return f"of type {type(item).__name__}"


def grade_pictures(
    pictures: Sequence[Picture], grader: Grader, config: PredictConfig, conformal: ConformalConfig
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Grade images; one that can't be read does not stop the others.

    Args:
        pictures: the images.
        grader: grades them.
        config: the options of answers and reading.
        conformal: options of the run's own sets.

    Returns:
        One row per image that was graded, with the columns of ``images.csv``; and why the others were not.
    """
    answers = make_answers(grader, config, conformal)
    files = [picture.source for picture in pictures if isinstance(picture.source, Path)]
    log_unknown_scale(
        [Input(Path(picture.name), picture.patient, slide=False, mpp=picture.mpp) for picture in pictures],
        None,
        grader.scale,
    )
    log_colours(files, grader.reading.icc)
    reading = config.data.reading(grader.reading)

    def read(index: int) -> NDArray[np.uint8]:
        return grader.read(pictures[index].source, pictures[index].mpp, reading)

    rows, failed = [], dict[str, str]()
    with progress_bar(total=len(pictures), text="grading", unit="image", leave=False, delay=2) as bar:
        for graded, errors in graded_ahead(read, len(pictures), grader, config):
            rows += [
                {"image": pictures[index].name, "patient": pictures[index].patient} | row
                for index, row in graded.items()
            ]
            failed |= {pictures[index].name: reason for index, reason in errors.items()}
            bar.update(len(graded) + len(errors))
    for name, reason in failed.items():
        log.warning("not graded: %s %s", name, reason)
    return (answers(pd.DataFrame(rows), "image") if rows else pd.DataFrame()), failed
