"""Read image files and slide tiles for prediction, in threads, ahead of the network."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from livergrade.io.images import ImageError
from livergrade.io.memory import reading_threads
from livergrade.io.slide_reader import Slide, SlideError

Read = tuple[list[int], Tensor, dict[int, str]]
"""Indices of the images read, their pixels ``uint8 [B, S, S, 3]``, and index → reason for failures."""


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
    read: Callable[[int], NDArray[np.uint8]], count: int, *, batch_size: int, workers: int
) -> Iterator[Read]:
    """Yield batches of ``read(0)`` to ``read(count - 1)`` in order, read while earlier batches are graded.

    The workers are threads: decoders and filters release Python's global lock, threads start quickly, and
    they share the decoded parts of a slide. At most ``2 * workers + 1`` batches are held in memory.
    """

    def read_batch(indices: range) -> Read:
        crops, read_indices, errors = [], [], {}
        for index in indices:
            if stopped.is_set():  # nobody waits for the rest of the batch
                break
            try:
                crops.append(read(index))
                read_indices.append(index)
            except (ImageError, SlideError) as error:
                errors[index] = str(error)
        pixels = torch.from_numpy(np.stack(crops) if crops else np.empty((0, 0, 0, 3), np.uint8))
        return read_indices, pixels.pin_memory() if torch.cuda.is_available() else pixels, errors

    stopped = threading.Event()
    pending: deque[Future[Read]] = deque()
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
