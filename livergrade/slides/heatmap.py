"""Slide-level grade from tile grades: area by grade, GeoJSON for QuPath, and the file of the tiles' maps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from livergrade.io.files import atomic_write
from livergrade.io.grades import UNSURE, WITHHELD
from livergrade.io.slide_reader import SlideError
from livergrade.reports.palette import GRADES, MUTED
from livergrade.slides.regions import feature, write_features

MOST_CELLS = 5_000_000
"""Of a slide; a large one has fifty thousand."""


@dataclass(frozen=True)
class TileGrid:
    """Square cells of a slide; a tile is centred on each cell.

    Attributes:
        x: left edges of the cells, pixels of the slide, ``float64 [cells]``.
        y: upper edges of the cells.
        side: side of a cell, the stride of the tiles.
        tile: side of a tile, at least the side of a cell.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    side: float
    tile: float

    @property
    def corners(self) -> NDArray[np.float64]:
        """Upper left corners of the tiles, ``float64 [cells, 2]``."""
        return np.column_stack([self.x, self.y]) - (self.tile - self.side) / 2

    def only(self, chosen: NDArray[np.bool_]) -> TileGrid:
        """Select some of the cells."""
        return TileGrid(self.x[chosen], self.y[chosen], self.side, self.tile)


def make_grid(width: int, height: int, side: float, tile: float) -> TileGrid:
    """Make cells from the upper left corner; those at the right and lower edge may exceed the slide.

    Raises:
        SlideError: they would be more than :data:`MOST_CELLS`.
    """
    if (count := math.ceil(width / side) * math.ceil(height / side)) > MOST_CELLS:
        raise SlideError(f"has room for {count} tiles, more than {MOST_CELLS}; raise tile_um or stride")
    x, y = np.meshgrid(np.arange(0, width, side), np.arange(0, height, side))
    return TileGrid(x.ravel().astype(float), y.ravel().astype(float), side, tile)


def summary(tiles: pd.DataFrame, classes: Sequence[str], *, side: float, mpp: float) -> dict[str, Any]:
    """Slide-level results: the grade with the highest mean probability, and the share of each answer.

    Args:
        tiles: one row per cell with ``answer``, ``p_<grade>`` and ``unlike``.
        classes: the grades, worst to best.
        side: side of a cell, pixels.
        mpp: µm per pixel.
    """
    mean = tiles[[f"p_{grade}" for grade in classes]].mean()
    results: dict[str, Any] = {"predicted": classes[int(mean.to_numpy().argmax())]}
    results |= {str(name): float(value) for name, value in mean.items()}
    results |= {f"area_{grade}": float((tiles["answer"] == grade).mean()) for grade in classes}
    results |= {"unsure": float((tiles["answer"] == UNSURE).mean()), "unlike": float(tiles["unlike"].mean())}
    return results | {"tiles": len(tiles), "area_mm2": len(tiles) * (side * mpp / 1000) ** 2}


def write_tiles_geojson(tiles: pd.DataFrame, classes: Sequence[str], side: float, path: Path) -> None:
    """Write the cells as QuPath tiles, and the total area of each answer as an annotation.

    Args:
        tiles: one row per cell: ``x``, ``y``, ``answer``, ``p_<grade>`` and ``spread``. Where no grade is
            answered, the class says why.
        classes: the grades, worst to best.
        side: side of a cell, pixels of the slide.
        path: the file.
    """
    colours = {grade: _bytes(GRADES[number % len(GRADES)]) for number, grade in enumerate(classes)}
    colours |= dict.fromkeys(WITHHELD, _bytes(MUTED))
    outlines = [shapely.box(x, y, x + side, y + side) for x, y in zip(tiles["x"], tiles["y"], strict=True)]
    features = []
    for answer, colour in colours.items():
        answered = [box for box, of_tile in zip(outlines, tiles["answer"], strict=True) if of_tile == answer]
        if answered:
            # Adjacent cells share their edges only up to rounding: a precision of 0.001 pixel joins them.
            area = shapely.set_precision(shapely.unary_union(shapely.set_precision(answered, 1e-3)), 1e-3)
            assert isinstance(area, shapely.Polygon | shapely.MultiPolygon)
            features.append(feature(area, "annotation", answer, {}, colour=colour))
    for outline, row in zip(outlines, tiles.to_dict("records"), strict=True):
        measurements = {f"p_{grade}": round(float(row[f"p_{grade}"]), 5) for grade in classes}
        if not math.isnan(row["spread"]):  # one view has none
            measurements["spread"] = round(float(row["spread"]), 5)
        answer = str(row["answer"])
        features.append(feature(outline, "tile", answer, measurements, colour=colours[answer]))
    write_features(features, path)


def write_maps(
    maps: Mapping[int, NDArray[np.float32]],
    corners: NDArray[np.float64],
    tile: float,
    seen: float,
    classes: Sequence[str],
    path: Path,
) -> None:
    """Write the attribution maps of a slide's tiles as a NumPy archive.

    Args:
        maps: map by tile number, ``float32 [classes, h, w]``.
        corners: upper left corners of all tiles, pixels of the slide, ``[tiles, 2]``.
        tile: side of a tile, pixels of the slide.
        seen: side of the central part that the network sees, as a fraction of the tile.
        classes: the grades, worst to best.
        path: path of the archive: ``maps`` ``float32 [tiles, classes, h, w]``, ``x``, ``y`` and ``side`` of
            the area of each map, pixels of the slide, and ``classes``.
    """
    numbers = sorted(maps)
    x, y = (corners[numbers] + tile * (1 - seen) / 2).T
    raw: dict[str, Any] = {"maps": np.stack([maps[number] for number in numbers])}
    raw |= {"x": x, "y": y, "side": tile * seen, "classes": list(classes)}
    with atomic_write(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **raw)


def _bytes(colour: str) -> tuple[int, int, int]:
    red, green, blue = (round(255 * part) for part in to_rgb(colour))
    return red, green, blue
