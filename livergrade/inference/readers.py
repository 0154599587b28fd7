"""Read image files and slide tiles for prediction, in threads, ahead of the network."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from livergrade.evaluation.ood import FEATURES, appearance
from livergrade.io.images import ImageError
from livergrade.io.memory import reading_threads
from livergrade.io.slide_reader import Slide, SlideError


@dataclass(frozen=True)
class ReadBatch:
    """Images or tiles that were read together.

    Attributes:
        indices: numbers of those that could be read, B of them.
        pixels: their center crops, ``uint8 [B, S, S, 3]``.
        appearance: what their distances are measured by, ``float64 [B, F]``
            (:func:`livergrade.evaluation.ood.appearance`); NaN if it is not measured.
        errors: number of each that can't be read → the reason.
    """

    indices: list[int]
    pixels: Tensor
    appearance: NDArray[np.float64]
    errors: dict[int, str]


class SlideTiles:
    """Tiles of a slide.

    Args:
        slide: the slide.
        corners: upper left corners in slide pixels, ``float64 [tiles, 2]``.
        side: side of a tile in slide pixels.
        size: side of the returned tiles in pixels.
    """

    def __init__(self, slide: Slide, corners: NDArray[np.float64], side: float, size: int) -> None:
        self.slide, self.corners, self.side, self.size = slide, corners, side, size

    def __call__(self, index: int) -> NDArray[np.uint8]:
        """Read one tile, ``uint8 [size, size, 3]``."""
        x, y = self.corners[index]
        return self.slide.read(x, y, self.side, self.side, (self.size, self.size))


def read_ahead(
    read: Callable[[int], NDArray[np.uint8]],
    count: int,
    *,
    batch_size: int,
    workers: int,
    measure: bool,
    pin: bool,
) -> Iterator[ReadBatch]:
    """Yield batches of ``read(0)`` to ``read(count - 1)`` in order, read while earlier batches are graded.

    The workers are threads: decoders and filters release Python's global lock, threads start quickly, and
    they share the decoded parts of a slide. At most ``2 * workers + 1`` batches are held in memory.

    Args:
        read: reads an image or a tile, ``uint8 [S, S, 3]``.
        count: how many there are.
        batch_size: how many are read together.
        workers: number of threads.
        measure: also measure the appearance; here, since it takes milliseconds an image, and the thread that
            feeds the network has none to spare.
        pin: pin the pixels, for a network on a GPU.
    """

    def read_batch(indices: range) -> ReadBatch:
        crops: list[NDArray[np.uint8]] = []
        read_indices: list[int] = []
        errors: dict[int, str] = {}
        for index in indices:
            if stopped.is_set():  # nothing waits for the rest of the batch
                break
            try:
                crops.append(read(index))
                read_indices.append(index)
            except (ImageError, SlideError) as error:
                errors[index] = str(error)
        stacked = np.stack(crops) if crops else np.empty((0, 0, 0, 3), np.uint8)
        measured = appearance(stacked) if measure else np.full((len(crops), FEATURES), np.nan)
        pixels = torch.from_numpy(stacked)
        return ReadBatch(read_indices, pixels.pin_memory() if pin else pixels, measured, errors)

    stopped = threading.Event()
    pending: deque[Future[ReadBatch]] = deque()
    with reading_threads(workers) as pool:
        try:
            for first in range(0, count, batch_size):
                pending.append(pool.submit(read_batch, range(first, min(first + batch_size, count))))
                if len(pending) > 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            stopped.set()
