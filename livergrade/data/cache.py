"""Decode every image of a cohort once, into one uint8 array that all later runs share.

The paper stored each image 36 times and read 15,984 files per epoch; here no view is stored as a file.
"""

import contextlib
import hashlib
import logging
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from filelock import Timeout
from numpy.typing import NDArray

from livergrade.data.cohort import Cohort
from livergrade.errors import UserError
from livergrade.io.bars import bar as progress_bar
from livergrade.io.cache_folder import ARRAY, claim
from livergrade.io.counted import counted
from livergrade.io.files import atomic_write, remove_parts
from livergrade.io.images import ImageError, read_square
from livergrade.io.kept import file_sha256
from livergrade.io.locks import file_lock
from livergrade.io.memory import reading_threads
from livergrade.io.write_below import is_plain_file

log = logging.getLogger(__name__)

OVERSAMPLING = 1.6
"""Cached pixels per view pixel along each side. One bilinear warp from this size is as accurate as rotating
the full image and then downsampling it; fewer pixels blur, more pixels alias (docs/performance.md)."""


def cached_size(image_size: int, border: str) -> int:
    """Side, in pixels, of the cached center crop from which views of ``image_size`` are computed.

    With ``border=crop`` a view is the square inscribed in the circle inscribed in the image, whose side is
    1/sqrt(2) of the image's shorter side.
    """
    return math.ceil(image_size * OVERSAMPLING * (math.sqrt(2) if border == "crop" else 1))


class UncachedImages:
    """Array-like view of a cohort that decodes rows at each access and caches nothing."""

    def __init__(self, cohort: Cohort, size: int) -> None:
        self.paths, self.size, self.reading = cohort.paths, size, cohort.reading

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Center crops of these rows, ``uint8 [rows, size, size, 3]``."""
        return np.stack([read_square(self.paths[row], self.size, self.reading) for row in rows])


def decoded_images(cohort: Cohort, size: int, folder: Path, *, limit: float = math.inf) -> NDArray[np.uint8]:
    """Center crop of every image, downsampled with antialiasing to ``size`` × ``size`` pixels.

    The array is cached as one file, keyed by the content of the cohort's files, how they are read, and
    ``size``. If several runs need it at the same time, one decodes and the others wait.

    Args:
        cohort: the images.
        size: side of the crops, pixels.
        folder: cache folder; if it holds other files, its subfolder ``livergrade`` is used.
        limit: maximum bytes of all arrays in ``folder``; the least recently used are removed.

    Returns:
        ``uint8 [images, size, size, 3]`` in the cohort's order, a read-only memory map.

    Raises:
        UserError: images are damaged (all are listed), or the array exceeds the limit or the free disk space.
    """
    folder, shape = claim(folder), (len(cohort.table), size, size, 3)
    known_by = [str(size), cohort.reading.key(), *cohort.table["sha256"]]
    key = hashlib.sha256("\n".join(known_by).encode()).hexdigest()[:16]
    path = folder / f"{key}_{shape[0]}x{size}px.npy"
    if (cached := _opened(path, shape)) is not None:
        return cached
    with _disk_errors(path), _locked(path):
        if (cached := _opened(path, shape)) is not None:  # another run wrote it while this one waited
            return cached
        remove_parts(folder, path.name)  # unfinished files can be as large as the array
        _make_room(folder, math.prod(shape), limit)
        with atomic_write(path) as part:
            array = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
            decode(cohort, size, array)
            array.flush()
    loaded = _opened(path, shape)
    assert loaded is not None
    return loaded


def decode(cohort: Cohort, size: int, array: NDArray[np.uint8]) -> None:
    """Fill ``array``, ``uint8 [images, size, size, 3]``; all damaged or changed files are reported together.

    Raises:
        UserError: a file can't be decoded, or is another one than when the cohort was read: the array would
            be kept under a key that is not its content's.
    """
    broken: list[str] = []
    expected = cohort.table["sha256"].tolist()

    def fill(row: int, path: Path) -> None:
        try:
            array[row] = read_square(path, size, cohort.reading)
            if file_sha256(path) != expected[row]:
                broken.append(f"  {path} was changed while the command ran")
        except (ImageError, OSError) as error:
            broken.append(f"  {path} {error}")

    log.info("decoding %s once (%.0f MB)", counted(len(array), "image"), array.nbytes / 1e6)
    with reading_threads() as pool:
        for _ in progress_bar(
            pool.map(fill, range(len(array)), cohort.paths), "decoding", len(array), leave=False
        ):
            pass
    if broken:
        raise UserError(
            f"{len(broken)} image{'s' * (len(broken) > 1)} can't be decoded; "
            "replace them or take them out of the cohort:\n" + "\n".join(sorted(broken))
        )


def _opened(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Open the array of a file; None if it is missing, incomplete, or not what its name says."""
    if not path.exists():
        return None
    if not is_plain_file(path):  # to open a pipe would wait for ever
        log.warning("%s: is not a file; decoding again", path)
        return None
    try:
        array: NDArray[np.uint8] = np.lib.format.open_memmap(path, mode="r")  # refuses pickled objects
    except Exception as error:  # a damaged header raises many exception types
        log.warning("%s: %s; decoding again", path, str(error).partition("\n")[0])
        return None
    if (array.shape, array.dtype, array.flags.c_contiguous) != (shape, np.dtype(np.uint8), True):
        log.warning("%s: shape or type differs from the file name; decoding again", path)
        return None
    if path.stat().st_size != array.offset + array.nbytes:  # type: ignore[attr-defined]
        log.warning("%s: is longer than its array; decoding again", path)
        return None
    with contextlib.suppress(OSError):  # cache of another user
        os.utime(path)
    return array


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of ``path``, so that one process writes it; a dead process releases its lock."""
    lock = file_lock(path.with_name(f".{path.stem}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.info("waiting for another run that is decoding the same images")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """Create the folder, and convert disk errors to a user error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise UserError(
            f"{path}: can't be written ({error}); set data.cache_dir=<folder> or data.cache=ram"
        ) from error


def _make_room(folder: Path, need: int, limit: float) -> None:
    """Remove the least recently used arrays until ``need`` bytes fit."""
    own = [path for path in folder.iterdir() if ARRAY.fullmatch(path.name) and is_plain_file(path)]
    arrays = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in own)
    used = sum(size for _, size, _ in arrays)
    for _, size, path in arrays:
        if used + need <= limit:
            break
        log.info("%s: removed to keep the cache below %.0f GB", path, limit / 1e9)
        path.unlink(missing_ok=True)  # a run that has it open can still read it
        used -= size
    free = shutil.disk_usage(folder).free
    if need > limit or need * 1.05 > free:
        room = f"data.cache_limit is {limit / 1e9:g} GB" if need > limit else f"{free / 1e9:,.1f} GB is free"
        raise UserError(
            f"{folder}: the decoded images need {need / 1e9:,.1f} GB, and {room}; set data.cache_limit=<GB>, "
            "data.cache_dir=<folder>, a smaller data.image_size, or data.cache=none to decode for each view"
        )
