"""Near-duplicate images of the same field, possibly rotated or mirrored."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

MAX_HASH_DISTANCE = 26
"""Maximum Hamming distance (of 256 bits) between hashes of near-duplicates; other images: about 128."""


def picture_hashes(pixels: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Difference hashes of an image in its eight orientations, ``uint64 [8, 4]``."""
    small = cv2.resize(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (32, 32), interpolation=cv2.INTER_AREA)
    hashes = []
    for mirrored in (small, small[:, ::-1]):
        for quarter in range(4):
            rotated = np.rot90(mirrored, quarter).astype(np.float32)
            blocks = cv2.resize(rotated, (17, 16), interpolation=cv2.INTER_AREA)
            hashes.append(np.packbits(blocks[:, 1:] > blocks[:, :-1]).view(np.uint64))
    return np.array(hashes)


def near_duplicates(hashes: NDArray[np.uint64]) -> list[tuple[int, int]]:
    """Pairs of near-duplicate images, possibly rotated or mirrored.

    Args:
        hashes: ``uint64 [images, 8, 4]``, of each image's eight orientations.
    """
    pairs = []
    for number, image_hashes in enumerate(hashes):
        upright_hashes = hashes[number + 1 :, 0]
        distances = np.bitwise_count(upright_hashes[:, None] ^ image_hashes).sum(2, dtype=np.int64).min(1)
        pairs += [
            (number, number + 1 + int(offset)) for offset in np.flatnonzero(distances <= MAX_HASH_DISTANCE)
        ]
    return pairs
