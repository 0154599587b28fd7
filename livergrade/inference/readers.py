"""What a network is shown outside training, read by threads: image files, and tiles of a slide."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from livergrade.io.images import ImageError, read_square
from livergrade.io.slide_reader import Slide, SlideError

Read = tuple[list[int], Tensor, dict[int, str]]
"""Numbers of what was read, ``uint8 [B, S, S, 3]`` in their order, and why others could not be read."""


class ImageFiles:
    """The central squares of image files, reduced to ``size`` pixels a side."""

    def __init__(self, paths: Sequence[Path], size: int) -> None:
        self.paths, self.size = list(paths), size

    def __call__(self, number: int) -> NDArray[np.uint8]:
        """Read one, ``uint8 [size, size, 3]``."""
        return read_square(self.paths[number], self.size)


class SlideTiles:
    """Squares of a slide.

    Args:
        slide: the slide.
        corners: upper left corners, pixels of the slide, ``float64 [tiles, 2]``.
        side: of each, pixels of the slide.
        size: pixels a side of what is handed out.
    """

    def __init__(self, slide: Slide, corners: NDArray[np.float64], side: float, size: int) -> None:
        self.slide, self.corners, self.side, self.size = slide, corners, side, size

    def __call__(self, number: int) -> NDArray[np.uint8]:
        """Read one, ``uint8 [size, size, 3]``."""
        x, y = self.corners[number]
        return self.slide.read(x, y, self.side, self.side, (self.size, self.size))


def read_ahead(
    read: Callable[[int], NDArray[np.uint8]], count: int, *, batch_size: int, workers: int
) -> Iterator[Read]:
    """Batches of what ``read`` gives for 0 to ``count`` - 1, in order, read while earlier ones are graded.

    The workers are threads: decoders and filters run without Python's lock, a thread starts at once, and all
    share what was decoded of a slide. At most ``2 * workers + 1`` batches are kept.
    """

    def batch(numbers: range) -> Read:
        squares, good, reasons = [], [], {}
        for number in numbers:
            try:
                squares.append(read(number))
                good.append(number)
            except (ImageError, SlideError) as error:
                reasons[number] = str(error)
        together = torch.from_numpy(np.stack(squares) if squares else np.empty((0, 0, 0, 3), np.uint8))
        return good, together.pin_memory() if torch.cuda.is_available() else together, reasons

    pool = ThreadPoolExecutor(workers)
    ahead: deque[Future[Read]] = deque()
    try:
        for first in range(0, count, batch_size):
            ahead.append(pool.submit(batch, range(first, min(first + batch_size, count))))
            if len(ahead) > 2 * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
