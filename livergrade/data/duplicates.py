"""Pictures of one place that come twice, perhaps turned or mirrored."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

ALIKE = 26
"""Bits of 256 that the hashes of two pictures of one place differ in at most; of others it is about 128."""


def picture_hashes(pixels: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Which of two neighbouring places is darker, of the picture in its eight turns, ``uint64 [8, 4]``."""
    small = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (32, 32), interpolation=cv2.INTER_AREA)
    found = []
    for mirrored in (small, small[:, ::-1]):
        for quarter in range(4):
            turned = np.rot90(mirrored, quarter).astype(np.float32)
            blocks = cv2.resize(turned, (17, 16), interpolation=cv2.INTER_AREA)
            found.append(np.packbits(blocks[:, 1:] > blocks[:, :-1]).view(np.uint64))
    return np.array(found)


def near_duplicates(hashes: NDArray[np.uint64]) -> list[tuple[int, int]]:
    """Pairs of pictures of one place, one perhaps turned or mirrored.

    Args:
        hashes: ``uint64 [images, 8, 4]``, of each picture's eight turns.
    """
    pairs = []
    for number, one in enumerate(hashes):
        others = hashes[number + 1 :, 0]
        apart = np.bitwise_count(others[:, None] ^ one).sum(2, dtype=np.int64).min(1)
        pairs += [(number, number + 1 + int(other)) for other in np.flatnonzero(apart <= ALIKE)]
    return pairs
