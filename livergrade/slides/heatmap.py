"""Slide-level grade from tile grades: area by grade, a map over the slide, and GeoJSON for QuPath."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import shapely
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from numpy.typing import NDArray

from livergrade.errors import UserError
from livergrade.io.files import atomic_write
from livergrade.io.slide_reader import SlideError
from livergrade.reports.overlay import overlay
from livergrade.reports.palette import GRADES, NOTE
from livergrade.reports.style import heading
from livergrade.slides.regions import feature, write_features
from livergrade.slides.tile_maps import read_maps

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
    """Slide-level results: the grade with the highest mean probability, and the area fraction of each grade.

    Args:
        tiles: one row per cell with ``predicted``, ``p_<grade>`` and ``unlike``.
        classes: the grades, worst to best.
        side: side of a cell, pixels.
        mpp: µm per pixel.
    """
    mean = tiles[[f"p_{grade}" for grade in classes]].mean()
    results: dict[str, Any] = {"predicted": classes[int(mean.to_numpy().argmax())]}
    results |= {str(name): float(value) for name, value in mean.items()}
    results |= {f"area_{grade}": float((tiles["predicted"] == grade).mean()) for grade in classes}
    results["unlike"] = float(tiles["unlike"].mean())
    return results | {"tiles": len(tiles), "area_mm2": len(tiles) * (side * mpp / 1000) ** 2}


def write_tiles_geojson(tiles: pd.DataFrame, classes: Sequence[str], side: float, path: Path) -> None:
    """Write the cells as QuPath tiles, and the total area of each grade as an annotation."""
    colours = {grade: _bytes(GRADES[number]) for number, grade in enumerate(classes)}
    outlines = [shapely.box(x, y, x + side, y + side) for x, y in zip(tiles["x"], tiles["y"], strict=True)]
    features = []
    for grade in classes:
        of_grade = [
            box for box, predicted in zip(outlines, tiles["predicted"], strict=True) if predicted == grade
        ]
        if of_grade:
            # Adjacent cells share their edges only up to rounding: a precision of 0.001 pixel joins them.
            area = shapely.set_precision(shapely.unary_union(shapely.set_precision(of_grade, 1e-3)), 1e-3)
            assert isinstance(area, shapely.Polygon | shapely.MultiPolygon)
            features.append(feature(area, "annotation", grade, {}, colour=colours[grade]))
    for outline, row in zip(outlines, tiles.to_dict("records"), strict=True):
        measurements = {f"p_{grade}": round(float(row[f"p_{grade}"]), 5) for grade in classes}
        if not math.isnan(row["spread"]):  # one view has none
            measurements["spread"] = round(float(row["spread"]), 5)
        predicted = str(row["predicted"])
        features.append(feature(outline, "tile", predicted, measurements, colour=colours[predicted]))
    write_features(features, path)


def map_figure(
    thumbnail: NDArray[np.uint8],
    scale: tuple[float, float],
    tiles: pd.DataFrame,
    classes: Sequence[str],
    *,
    side: float,
    mpp: float,
    title: str,
) -> Figure:
    """Plot the slide without and with each cell in the colour of its grade; opacity shows the confidence.

    Args:
        thumbnail: ``uint8 [height, width, 3]``.
        scale: slide pixels per thumbnail pixel, along x and y.
        tiles: one row per cell: ``x``, ``y``, ``predicted`` and ``p_<grade>``.
        classes: the grades, worst to best.
        side: side of a cell, pixels of the slide.
        mpp: µm per pixel.
        title: title of the figure.
    """
    height, width = thumbnail.shape[:2]
    figure, (plain, graded) = _side_by_side(thumbnail)
    for number, grade in enumerate(classes):
        for row in tiles[tiles["predicted"] == grade].to_dict("records"):
            sure = (row[f"p_{grade}"] - 1 / len(classes)) / (1 - 1 / len(classes))
            corner = (row["x"] / scale[0] - 0.5, row["y"] / scale[1] - 0.5)
            graded.add_patch(
                Rectangle(
                    corner,
                    side / scale[0],
                    side / scale[1],
                    facecolor=(*to_rgb(GRADES[number]), 0.15 + 0.5 * float(np.clip(sure, 0, 1))),
                    edgecolor=(*to_rgb(GRADES[number]), 0.7),
                    linewidth=0.6,
                )
            )
    bar = 10.0 ** np.floor(np.log10(width * scale[0] * mpp / 3))
    length = bar / mpp / scale[0]
    plain.plot([0.04 * width, 0.04 * width + length], [0.96 * height] * 2, color="black", linewidth=3)
    plain.text(0.04 * width, 0.945 * height, f"{bar:g} µm", fontsize=9, va="bottom")
    shares = [float((tiles["predicted"] == grade).mean()) for grade in classes]
    figure.legend(
        handles=[
            Patch(facecolor=GRADES[number], alpha=0.65, label=f"{grade}: {share:.0%} of the area")
            for number, (grade, share) in enumerate(zip(classes, shares, strict=True))
        ],
        loc="outside lower center",
        ncols=len(classes),
        frameon=False,
    )
    heading(figure, title, NOTE)
    return figure


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


def stitch_maps(
    maps: NDArray[np.float32], boxes: NDArray[np.float64], width: int, height: int
) -> NDArray[np.float32]:
    """Stitch the maps of tiles; the mean where they overlap, NaN where there is no map.

    Args:
        maps: ``float32 [tiles, h, w]``.
        boxes: left, upper, right and lower edges in the stitched map, pixels, ``[tiles, 4]``.
        width: width of the stitched map, pixels.
        height: height of the stitched map, pixels.
    """
    total, counts = np.zeros((2, height, width), np.float32)
    for heat, (left, upper, right, lower) in zip(maps, boxes.round().astype(int), strict=True):
        rows, columns = max(lower - upper, 1), max(right - left, 1)
        resized = cv2.resize(heat, (columns, rows), interpolation=cv2.INTER_LINEAR)
        top, side = max(upper, 0), max(left, 0)
        visible = resized[top - upper : height - upper, side - left : width - left]
        total[top:lower, side:right] += visible
        counts[top:lower, side:right] += 1
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float32] = total / counts
    return mean


def why_figure(
    thumbnail: NDArray[np.uint8], scale: tuple[float, float], archive: Path, grade: str, *, title: str
) -> Figure:
    """Plot the slide, and its attribution map: red supports the grade, blue opposes it.

    Args:
        thumbnail: ``uint8 [height, width, 3]``.
        scale: slide pixels per thumbnail pixel, along x and y.
        archive: file of :func:`write_maps`.
        grade: grade of the slide.
        title: title of the figure.
    """
    height, width = thumbnail.shape[:2]
    raw = read_maps(archive)
    if grade not in raw.classes:
        raise UserError(f"{archive}: has no maps of {grade}; remove it, and grade the slide again")
    maps = raw.maps[:, raw.classes.index(grade)]
    left, upper = raw.x / scale[0], raw.y / scale[1]
    right, lower = (raw.x + raw.side) / scale[0], (raw.y + raw.side) / scale[1]
    heat = stitch_maps(maps, np.column_stack([left, upper, right, lower]), width, height)
    most = float(np.nanquantile(np.abs(heat), 0.99))  # a single extreme value must not make the rest pale
    figure, (plain, reasons) = _side_by_side(thumbnail)
    plain.set_title("the slide", fontsize=9)
    reasons.imshow(overlay(thumbnail, np.nan_to_num(heat), most), interpolation="bilinear")
    reasons.set_title(f"red speaks for {grade}, blue against it", fontsize=9)
    heading(figure, f"{title}: why {grade}", NOTE)
    return figure


def _side_by_side(thumbnail: NDArray[np.uint8]) -> tuple[Figure, tuple[Axes, Axes]]:
    height, width = thumbnail.shape[:2]
    across = 6.0 if width >= height else max(2.6, 6.0 * width / height)
    figure = Figure((2 * across + 0.3, max(2.4, across * height / width) + 1.1), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        axes.imshow(thumbnail, interpolation="bilinear")
        axes.set(xticks=[], yticks=[], xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))
    return figure, (left, right)


def _bytes(colour: str) -> tuple[int, int, int]:
    red, green, blue = (round(255 * part) for part in to_rgb(colour))
    return red, green, blue
