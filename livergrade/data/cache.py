"""Decode every image of a cohort once, into one uint8 array that all later runs share.

The paper wrote each image 36 times and read 15,984 files an epoch; here no view is ever a file.
"""

import hashlib
import logging
import math
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from livergrade.data.cohort import Cohort
from livergrade.data.images import ImageError, read_rgb
from livergrade.errors import UserError
from livergrade.files import written_whole

log = logging.getLogger(__name__)

FORMAT = "1"  # part of every key: raise it when the pixels of an array would come out differently


def working_size(image_size: int, border: str) -> int:
    """Side, in pixels, of the cached square from which views of ``image_size`` are cut near scale 1.

    With ``border=crop`` a view is the square inscribed in the circle inscribed in the image, whose side is
    1/sqrt(2) of the image's shorter one.
    """
    return math.ceil(image_size * math.sqrt(2)) if border == "crop" else image_size


def decoded(cohort: Cohort, size: int, folder: Path, kind: str = "auto") -> NDArray[np.uint8]:
    """The central square of every image, reduced with antialiasing to ``size`` pixels a side.

    Args:
        cohort: the images.
        size: side of the squares, pixels.
        folder: where arrays are kept.
        kind: ``disk`` or ``auto`` (a memory map, keyed by the files' content and ``size``) or ``ram``.

    Returns:
        ``uint8 [images, size, size, 3]`` in the cohort's order, read-only when it is a memory map.

    Raises:
        UserError: images are damaged (all are listed), or the array does not fit on the disk.
    """
    shape = (len(cohort.table), size, size, 3)
    if kind == "ram":
        array = np.empty(shape, np.uint8)
        _decode(cohort, size, array)
        return array
    key = hashlib.sha256("\n".join([FORMAT, str(size), *cohort.table["sha256"]]).encode()).hexdigest()[:16]
    path = folder / f"{key}_{shape[0]}x{size}px.npy"
    try:
        kept: NDArray[np.uint8] = np.load(path, mmap_mode="r")
        if kept.shape == shape:
            return kept
        log.warning("%s: not what its name says; decoding again", path)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        log.warning("%s: %s; decoding again", path, error)
    with _told(path, math.prod(shape)) as part:
        fresh = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
        _decode(cohort, size, fresh)
        fresh.flush()
    loaded: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return loaded


@contextmanager
def _told(path: Path, need: int) -> Iterator[Path]:
    """`written_whole`, with what can go wrong on a disk told before or after."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(path.parent).free
        if free < need * 1.05:
            raise UserError(
                f"{path.parent}: the decoded images need {need / 1e6:,.0f} MB, {free / 1e6:,.0f} MB is free; "
                "make room, or set data.cache_dir=<folder>, data.cache=ram or a smaller data.image_size"
            )
        with written_whole(path) as part:
            yield part
    except OSError as error:
        raise UserError(
            f"{path}: can't be written ({error}); set data.cache_dir=<folder> or data.cache=ram"
        ) from error


def _decode(cohort: Cohort, size: int, array: NDArray[np.uint8]) -> None:
    """Fill ``array``; every damaged file is told at once."""
    broken: list[str] = []

    def fill(row: int, path: Path) -> None:
        try:
            image = read_rgb(path, shorter_side=size)
        except ImageError as error:
            broken.append(f"  {path} {error}")
            return
        top, left = (image.shape[0] - size) // 2, (image.shape[1] - size) // 2
        array[row] = image[top : top + size, left : left + size]

    log.info("decoding %d images once (%.0f MB)", len(array), array.nbytes / 1e6)
    with ThreadPoolExecutor() as pool:
        for _ in tqdm(pool.map(fill, range(len(array)), cohort.paths), "decoding", len(array), leave=False):
            pass
    if broken:
        raise UserError(
            f"{len(broken)} image{'s' * (len(broken) > 1)} can't be decoded; "
            "replace them or take them out of the cohort:\n" + "\n".join(sorted(broken))
        )
