"""Near duplicates: images of the same place, saved again, resized, cropped a little, rotated or mirrored.

Two images are compared in two steps. Small grids of brightness, correlated for all pairs at once, leave few
candidates; of these the fine structure is laid over each other, at several magnifications and shifts. The
first step alone would call fields with a similar layout copies, the second alone would take too long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from livergrade.io.bars import bar as progress_bar
from livergrade.io.memory import reading_threads

SIDE = 48
"""Pixels a side of a thumbnail."""
CELLS = 12
"""Cells a side of the grid that is correlated for all pairs."""
LIKE_LAYOUT = 0.6
"""Correlation of the grids from which a pair is a candidate; copies that are cropped by 5 %: mostly 0.6 to
0.95."""
LIKE_STRUCTURE = 0.7
"""Correlation of the fine structure from which a candidate is a near duplicate; of copies: 0.76 or more."""
LIKE_QUARTERS = 0.6
"""The same of each quarter: a single edge that two pictures happen to share is not in all of them."""
LEAST_STRUCTURE = 2.0
"""Standard deviation of the fine structure, of 255, below which an image is blank and like no other."""
MOST_CANDIDATES = 20_000
"""Candidates of a cohort that are looked at, the most alike first; seconds to a minute."""
BLOCK = 4_000_000
"""Correlations, at most, that are in memory at once."""
_COARSE = 4.5  # px: the sigma of the blur that is taken off to leave the fine structure
_NEARBY = 6.0  # px: the sigma over which the strength of the fine structure is measured
_NOISE = 4.0  # of 255: structure that is weaker than this counts for less
_FLAT = 0.05  # standard deviation of the structure below which no correlation is defined
_TEMPLATE = 32  # px
_ZOOMS = (1.0, 0.96, 1.04, 0.92, 1.08, 0.88, 1.12)
_HOPELESS = 0.3  # correlation without zoom, below which zooming is not tried
_ORIENTATIONS = tuple((mirrored, quarters) for mirrored in (False, True) for quarters in range(4))


@dataclass(frozen=True)
class NearDuplicate:
    """Two images that look like copies of one picture.

    Attributes:
        first: row of one.
        second: row of the other, a higher one.
        similarity: correlation of their fine structure, from `LIKE_STRUCTURE` to 1.
    """

    first: int
    second: int
    similarity: float


def thumbnail(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey centre square of an image ``uint8 [height, width, 3]``, as ``uint8 [SIDE, SIDE]``."""
    side = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - side) // 2, (pixels.shape[1] - side) // 2
    grey = cv2.cvtColor(pixels[top : top + side, left : left + side], cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def near_duplicates(
    thumbnails: NDArray[np.uint8], differing: Sequence[NDArray[np.int64]] = ()
) -> list[NearDuplicate]:
    """Pairs of near duplicates, possibly rotated or mirrored, in the order of their rows.

    Args:
        thumbnails: from :func:`thumbnail`, ``uint8 [images, SIDE, SIDE]``.
        differing: numbers of each image, as of its patient; only pairs that differ in all are compared.

    Memory: 0.6 KB an image and 16 MB; 330 MB more where most images are alike. Time:
    grows with the square of the number of images.
    """
    pairs = _candidates(thumbnails, differing)

    def similarity(pair: tuple[int, int]) -> float:
        return _similarity(thumbnails[pair[0]], thumbnails[pair[1]])

    with reading_threads() as pool:
        similarities = list(
            progress_bar(pool.map(similarity, pairs), "near duplicates", len(pairs), leave=False, delay=2)
        )
    return sorted(
        (
            NearDuplicate(*pair, round(similar, 3))
            for pair, similar in zip(pairs, similarities, strict=True)
            if similar
        ),
        key=lambda pair: (pair.first, pair.second),
    )


def _candidates(
    thumbnails: NDArray[np.uint8], differing: Sequence[NDArray[np.int64]]
) -> list[tuple[int, int]]:
    """Pairs of like layout in any orientation, the most alike first, at most `MOST_CANDIDATES`."""
    first, second, alike = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
    for block in _alike(thumbnails, differing):
        # Of a cohort of like images nearly all pairs are candidates: more than fit in memory.
        first, second = np.append(first, block[0]), np.append(second, block[1])
        alike = np.append(alike, block[2])
        order = np.argsort(-alike, kind="stable")[:MOST_CANDIDATES]
        first, second, alike = first[order], second[order], alike[order]
    return list(zip(first.tolist(), second.tolist(), strict=True))


def _alike(
    thumbnails: NDArray[np.uint8], differing: Sequence[NDArray[np.int64]]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]]:
    """Rows of the images of each candidate, and their correlation, a block of first rows at a time."""
    grids, rows = _grids(thumbnails)
    cells = np.arange(CELLS**2).reshape(CELLS, CELLS)
    turned = [_oriented(cells, orientation).ravel() for orientation in _ORIENTATIONS]
    start = 0
    with progress_bar(total=len(rows), text="comparing images", leave=False, delay=2) as bar:
        while start < len(rows):
            size = max(1, BLOCK // (len(rows) - start))
            block, rest = grids[start : start + size], grids[start:]
            best = block @ rest.T
            for order in turned[1:]:
                np.maximum(best, block[:, order] @ rest.T, out=best)
            compared = np.triu(best >= LIKE_LAYOUT, 1)
            for numbers in differing:
                own = numbers[rows]
                compared &= own[start : start + size, None] != own[None, start:]
            first, second = np.nonzero(compared)
            yield rows[start + first], rows[start + second], best[first, second]
            bar.update(len(block))
            start += size


def _grids(thumbnails: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Grids of the images that are not blank, of mean 0 and norm 1, ``[n, CELLS²]``; and their rows."""
    rows = np.array(
        [row for row, one in enumerate(thumbnails) if _fine(one).std() >= LEAST_STRUCTURE], np.int64
    )
    grids = np.zeros((len(rows), CELLS**2), np.float32)
    for at, row in enumerate(rows):
        grids[at] = _grid(thumbnails[row]).ravel()
    grids -= grids.mean(1, keepdims=True)
    return grids / np.maximum(np.linalg.norm(grids, axis=1, keepdims=True), 1e-6), rows


def _grid(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean brightness of the cells of a thumbnail, ``float32 [CELLS, CELLS]``."""
    step = SIDE // CELLS
    return np.asarray(grey.reshape(CELLS, step, CELLS, step).mean((1, 3)), np.float32)


def _oriented(picture: NDArray[np.generic], orientation: tuple[bool, int]) -> NDArray[np.generic]:
    mirrored, quarters = orientation
    return np.ascontiguousarray(np.rot90(picture[:, ::-1] if mirrored else picture, quarters))


def _fine(grey: NDArray[np.generic]) -> NDArray[np.float32]:
    """Brightness less its coarse course, ``float32`` of the same shape."""
    brightness = grey.astype(np.float32)
    return np.asarray(brightness - cv2.GaussianBlur(brightness, (0, 0), _COARSE), np.float32)


def _structure(grey: NDArray[np.generic]) -> NDArray[np.float32]:
    """Fine structure in units of its strength nearby, so that one strong edge does not outweigh the rest."""
    fine = _fine(grey)
    strength = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), _NEARBY))
    return np.asarray(fine / (strength + _NOISE), np.float32)


def _similarity(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Correlation of the fine structure of two thumbnails, best turned; 0 if they are no copies."""
    grid, layout = _grid(first), _grid(second) - second.mean()
    layouts = [float((_oriented(grid, orientation) * layout).sum()) for orientation in _ORIENTATIONS]
    turned = _oriented(first, _ORIENTATIONS[int(np.argmax(layouts))])
    template, picture = _structure(turned), _structure(second)
    best, laid = 0.0, (template, picture)
    for zoom in _ZOOMS:
        zoomed = cv2.resize(template, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_LINEAR)
        edge = (len(zoomed) - _TEMPLATE) // 2
        middle = zoomed[edge : edge + _TEMPLATE, edge : edge + _TEMPLATE]
        if middle.std() < _FLAT:
            continue
        _, found, _, (left, top) = cv2.minMaxLoc(cv2.matchTemplate(picture, middle, cv2.TM_CCOEFF_NORMED))
        if found > best:
            best, laid = (
                found,
                (np.asarray(middle, np.float32), picture[top : top + _TEMPLATE, left : left + _TEMPLATE]),
            )
        if best < _HOPELESS:
            break
    alike = best >= LIKE_STRUCTURE and _least_alike_quarter(*laid) >= LIKE_QUARTERS
    return min(best, 1.0) if alike else 0.0


def _least_alike_quarter(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Correlation of the quarter that is the least alike."""
    half = _TEMPLATE // 2
    found = []
    for top in (0, half):
        for left in (0, half):
            one, other = (part[top : top + half, left : left + half].ravel() for part in (first, second))
            if min(one.std(), other.std()) >= _FLAT:
                found.append(float(np.corrcoef(one, other)[0, 1]))
    return min(found, default=0.0)
