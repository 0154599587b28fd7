"""What a network is shown outside training, read by worker processes: image files, and tiles of a slide."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from livergrade.data.images import ImageError, read_square
from livergrade.data.slides import Slide, SlideError

Read = tuple[list[int], Tensor, dict[int, str]]
"""Numbers of what was read, ``uint8 [B, S, S, 3]`` in their order, and why others could not be read."""


class _Squares(Dataset[tuple[int, NDArray[np.uint8] | str]]):
    """Squares by number; what can't be read is a reason instead."""

    def __init__(self, count: int, read: Callable[[int], NDArray[np.uint8]]) -> None:
        self.count, self.read = count, read

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> tuple[int, NDArray[np.uint8] | str]:
        try:
            return number, self.read(number)
        except (ImageError, SlideError) as error:
            return number, str(error)


class ImageFiles:
    """The central squares of image files, reduced to ``size`` pixels a side."""

    def __init__(self, paths: Sequence[Path], size: int) -> None:
        self.paths, self.size = list(paths), size

    def __call__(self, number: int) -> NDArray[np.uint8]:
        """Read one, ``uint8 [size, size, 3]``."""
        return read_square(self.paths[number], self.size)


class SlideTiles:
    """Squares of a slide; each process opens the slide for itself.

    Args:
        path: the slide.
        mpp: µm a pixel, if the slide does not say.
        corners: upper left corners, pixels of the slide, ``float64 [tiles, 2]``.
        side: of each, pixels of the slide.
        size: pixels a side of what is handed out.
    """

    def __init__(
        self, path: Path, mpp: float | None, corners: NDArray[np.float64], side: float, size: int
    ) -> None:
        self.path, self.mpp, self.corners, self.side, self.size = path, mpp, corners, side, size
        self.slide: Slide | None = None

    def __call__(self, number: int) -> NDArray[np.uint8]:
        """Read one, ``uint8 [size, size, 3]``."""
        self.slide = self.slide or Slide(self.path, self.mpp)
        x, y = self.corners[number]
        return self.slide.read(x, y, self.side, self.side, (self.size, self.size))


def _together(read: list[tuple[int, NDArray[np.uint8] | str]]) -> Read:
    good = [(number, square) for number, square in read if not isinstance(square, str)]
    reasons = {number: square for number, square in read if isinstance(square, str)}
    squares = np.stack([square for _, square in good]) if good else np.empty((0, 0, 0, 3), np.uint8)
    return [number for number, _ in good], torch.from_numpy(squares), reasons


def _dealt(count: int, batch_size: int, workers: int) -> list[list[int]]:
    """Batches in turns from as many runs of neighbours as there are workers.

    Workers get batches in turns, so each keeps to one part of a slide, where what it decoded serves it again.
    """
    share = max(1, -(-count // workers))
    runs = [range(first, min(first + share, count)) for first in range(0, count, share)]
    parts = [[list(run[at : at + batch_size]) for at in range(0, len(run), batch_size)] for run in runs]
    return [batch for turn in itertools.zip_longest(*parts) for batch in turn if batch]


def read_ahead(
    read: Callable[[int], NDArray[np.uint8]], count: int, *, batch_size: int, workers: int
) -> Iterator[Read]:
    """Batches of what ``read`` gives for 0 to ``count`` - 1, read while the last one is graded."""
    loader = DataLoader(
        _Squares(count, read),
        batch_sampler=_dealt(count, batch_size, max(1, workers)),
        num_workers=min(workers, count),
        collate_fn=_together,
        pin_memory=torch.cuda.is_available(),
    )
    yield from loader
