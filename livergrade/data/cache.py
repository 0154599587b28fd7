"""Decode every image of a cohort once, into one uint8 array that all later runs share.

The paper wrote each image 36 times and read 15,984 files an epoch; here no view is ever a file.
"""

import contextlib
import hashlib
import logging
import math
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from tqdm import tqdm

from livergrade.data.cohort import Cohort
from livergrade.errors import UserError
from livergrade.io.files import atomic_write, remove_parts
from livergrade.io.images import ImageError, read_square

log = logging.getLogger(__name__)

FORMAT = "2"  # part of every key: raise it when the pixels of an array would come out differently
OVERSAMPLING = 1.6
"""Cached pixels for each pixel of a view, along a side. One bilinear warp from there is as true to the image
as turning it whole and then reducing it; from fewer pixels it blurs, from more it aliases
(docs/performance.md)."""


def cached_size(image_size: int, border: str) -> int:
    """Side, in pixels, of the cached square from which views of ``image_size`` are cut.

    With ``border=crop`` a view is the square inscribed in the circle inscribed in the image, whose side is
    1/sqrt(2) of the image's shorter one.
    """
    return math.ceil(image_size * OVERSAMPLING * (math.sqrt(2) if border == "crop" else 1))


class Undecoded:
    """A cohort as an array whose rows are decoded each time they are read: nothing is kept."""

    def __init__(self, cohort: Cohort, size: int) -> None:
        self.paths, self.size = cohort.paths, size

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The central squares of these rows, ``uint8 [rows, size, size, 3]``."""
        return np.stack([read_square(self.paths[row], self.size) for row in rows])


def decoded(cohort: Cohort, size: int, folder: Path, *, limit: float = math.inf) -> NDArray[np.uint8]:
    """The central square of every image, reduced with antialiasing to ``size`` pixels a side.

    They are kept as one file, keyed by the content of the cohort's files and ``size``. Of several runs that
    need it at once one decodes and the others wait.

    Args:
        cohort: the images.
        size: side of the squares, pixels.
        folder: where arrays are kept.
        limit: bytes that all arrays in ``folder`` may take; the longest unused make room.

    Returns:
        ``uint8 [images, size, size, 3]`` in the cohort's order, a read-only memory map.

    Raises:
        UserError: images are damaged (all are listed), or the array is over the limit or the disk.
    """
    shape = (len(cohort.table), size, size, 3)
    key = hashlib.sha256("\n".join([FORMAT, str(size), *cohort.table["sha256"]]).encode()).hexdigest()[:16]
    path = folder / f"{key}_{shape[0]}x{size}px.npy"
    if (kept := _opened(path, shape)) is not None:
        return kept
    with _told(path), _alone(path):
        if (kept := _opened(path, shape)) is not None:  # another run made it while this one waited
            return kept
        remove_parts(folder, path.name)  # they can be as large as the array
        _make_room(folder, math.prod(shape), limit)
        with atomic_write(path) as part:
            fresh = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
            decode(cohort, size, fresh)
            fresh.flush()
    loaded = _opened(path, shape)
    assert loaded is not None
    return loaded


def decode(cohort: Cohort, size: int, array: NDArray[np.uint8]) -> None:
    """Fill ``array``, ``uint8 [images, size, size, 3]``; every damaged file is told at once."""
    broken: list[str] = []

    def fill(row: int, path: Path) -> None:
        try:
            array[row] = read_square(path, size)
        except ImageError as error:
            broken.append(f"  {path} {error}")

    log.info("decoding %d images once (%.0f MB)", len(array), array.nbytes / 1e6)
    with ThreadPoolExecutor() as pool:
        for _ in tqdm(pool.map(fill, range(len(array)), cohort.paths), "decoding", len(array), leave=False):
            pass
    if broken:
        raise UserError(
            f"{len(broken)} image{'s' * (len(broken) > 1)} can't be decoded; "
            "replace them or take them out of the cohort:\n" + "\n".join(sorted(broken))
        )


def _opened(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """The array in a file, or None if it isn't there or isn't whole."""
    try:
        kept: NDArray[np.uint8] = np.load(path, mmap_mode="r")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        log.warning("%s: %s; decoding again", path, error)
        return None
    if kept.shape != shape:
        log.warning("%s: not what its name says; decoding again", path)
        return None
    with contextlib.suppress(OSError):  # another user's cache
        os.utime(path)
    return kept


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait until no other process makes ``path``; the lock of one that dies is free."""
    lock = FileLock(path.with_name(f".{path.stem}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("waiting for another run that decodes the same images")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Make the folder, and tell what goes wrong on the disk."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UserError(
            f"{path}: can't be written ({error}); set data.cache_dir=<folder> or data.cache=ram"
        ) from error


def _make_room(folder: Path, need: int, limit: float) -> None:
    """Remove the arrays that were not used for longest until ``need`` bytes fit."""
    kept = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in folder.glob("*.npy"))
    taken = sum(size for _, size, _ in kept)
    for _, size, path in kept:
        if taken + need <= limit:
            break
        log.info("%s: removed, to keep the cache below %.0f GB", path, limit / 1e9)
        path.unlink(missing_ok=True)  # a run that has it open keeps it
        taken -= size
    free = shutil.disk_usage(folder).free
    if need > limit or need * 1.05 > free:
        room = f"data.cache_limit is {limit / 1e9:g} GB" if need > limit else f"{free / 1e9:,.1f} GB is free"
        raise UserError(
            f"{folder}: the decoded images need {need / 1e9:,.1f} GB, and {room}; set data.cache_limit=<GB>, "
            "data.cache_dir=<folder>, a smaller data.image_size, or data.cache=none to decode for each view"
        )
