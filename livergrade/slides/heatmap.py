"""A slide's grade out of its tiles' grades: areas by grade, a map over the slide, and GeoJSON for QuPath."""

from __future__ import annotations

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

from livergrade.io.files import atomic_write
from livergrade.reports.overlay import overlay
from livergrade.reports.palette import GRADES, NOTE
from livergrade.reports.style import heading
from livergrade.slides.regions import feature, write_features


@dataclass(frozen=True)
class TileGrid:
    """The squares that a slide is divided into; a tile lies about the centre of each.

    Attributes:
        x: left sides, pixels of the slide, ``float64 [cells]``.
        y: upper sides.
        side: of a cell: the distance of tiles.
        tile: side of a tile, at least that of a cell.
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
        """Some of them."""
        return TileGrid(self.x[chosen], self.y[chosen], self.side, self.tile)


def make_grid(width: int, height: int, side: float, tile: float) -> TileGrid:
    """Cells from the upper left corner on; those at the right and lower edge may reach beyond the slide."""
    x, y = np.meshgrid(np.arange(0, width, side), np.arange(0, height, side))
    return TileGrid(x.ravel().astype(float), y.ravel().astype(float), side, tile)


def summary(tiles: pd.DataFrame, classes: Sequence[str], *, side: float, mpp: float) -> dict[str, Any]:
    """A slide's grade: that of the mean probability over its area, and the share of the area by grade.

    Args:
        tiles: one row a cell with ``predicted``, ``p_<grade>`` and ``unlike``.
        classes: the grades, worst to best.
        side: of a cell, pixels.
        mpp: µm a pixel.
    """
    mean = tiles[[f"p_{grade}" for grade in classes]].mean()
    told: dict[str, Any] = {"predicted": classes[int(mean.to_numpy().argmax())]}
    told |= {str(name): float(value) for name, value in mean.items()}
    told |= {f"area_{grade}": float((tiles["predicted"] == grade).mean()) for grade in classes}
    told["unlike"] = float(tiles["unlike"].mean())
    return told | {"tiles": len(tiles), "area_mm2": len(tiles) * (side * mpp / 1000) ** 2}


def write_tiles_geojson(tiles: pd.DataFrame, classes: Sequence[str], side: float, path: Path) -> None:
    """Write the cells as tiles and each grade's whole area as an annotation, as QuPath opens them."""
    colours = {grade: _bytes(GRADES[number]) for number, grade in enumerate(classes)}
    outlines = [shapely.box(x, y, x + side, y + side) for x, y in zip(tiles["x"], tiles["y"], strict=True)]
    features = []
    for grade in classes:
        of_grade = [box for box, called in zip(outlines, tiles["predicted"], strict=True) if called == grade]
        if of_grade:
            # Cells that touch share their sides only up to rounding: a thousandth of a pixel joins them.
            area = shapely.set_precision(shapely.unary_union(shapely.set_precision(of_grade, 1e-3)), 1e-3)
            assert isinstance(area, shapely.Polygon | shapely.MultiPolygon)
            features.append(feature(area, "annotation", grade, {}, colour=colours[grade]))
    for outline, row in zip(outlines, tiles.to_dict("records"), strict=True):
        measured = {f"p_{grade}": round(float(row[f"p_{grade}"]), 5) for grade in classes}
        measured["spread"] = round(float(row["spread"]), 5)
        called = str(row["predicted"])
        features.append(feature(outline, "tile", called, measured, colour=colours[called]))
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
    """The slide as it is, and with each cell in the colour of its grade, the stronger the surer.

    Args:
        thumbnail: ``uint8 [height, width, 3]``.
        scale: pixels of the slide for each of the thumbnail, along x and y.
        tiles: one row a cell: ``x``, ``y``, ``predicted`` and ``p_<grade>``.
        classes: the grades, worst to best.
        side: of a cell, pixels of the slide.
        mpp: µm a pixel.
        title: of the figure.
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
    """Write the maps of a slide's tiles as an archive of numpy.

    Args:
        maps: by number of the tile, ``float32 [classes, h, w]``.
        corners: of all tiles, upper left, pixels of the slide, ``[tiles, 2]``.
        tile: side of a tile, pixels of the slide.
        seen: side of what the network sees of a tile, in its middle, as a share.
        classes: the grades, worst to best.
        path: of the archive: ``maps`` ``float32 [tiles, classes, h, w]``, ``x``, ``y`` and ``side`` of what
            each shows, pixels of the slide, and ``classes``.
    """
    numbers = sorted(maps)
    x, y = (corners[numbers] + tile * (1 - seen) / 2).T
    raw: dict[str, Any] = {"maps": np.stack([maps[number] for number in numbers])}
    raw |= {"x": x, "y": y, "side": tile * seen, "classes": list(classes)}
    with atomic_write(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **raw)


def stitched(
    maps: NDArray[np.float32], boxes: NDArray[np.float64], width: int, height: int
) -> NDArray[np.float32]:
    """Maps of tiles laid beside each other; the mean where they overlap, NaN where there is none.

    Args:
        maps: ``float32 [tiles, h, w]``.
        boxes: left, upper, right and lower edges on the picture, pixels, ``[tiles, 4]``.
        width: of the picture.
        height: of it.
    """
    total, times = np.zeros((2, height, width), np.float32)
    for heat, (left, upper, right, lower) in zip(maps, boxes.round().astype(int), strict=True):
        rows, columns = max(lower - upper, 1), max(right - left, 1)
        larger = cv2.resize(heat, (columns, rows), interpolation=cv2.INTER_LINEAR)
        top, side = max(upper, 0), max(left, 0)
        shown = larger[top - upper : height - upper, side - left : width - left]
        total[top:lower, side:right] += shown
        times[top:lower, side:right] += 1
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float32] = total / times
    return found


def why_figure(
    thumbnail: NDArray[np.uint8], scale: tuple[float, float], archive: Path, grade: str, *, title: str
) -> Figure:
    """The slide as it is, and in grey under what speaks for its grade, in red, and against it, in blue.

    Args:
        thumbnail: ``uint8 [height, width, 3]``.
        scale: pixels of the slide for each of the thumbnail, along x and y.
        archive: of :func:`write_maps`.
        grade: the slide's.
        title: of the figure.
    """
    height, width = thumbnail.shape[:2]
    with np.load(archive) as raw:
        maps = raw["maps"][:, list(raw["classes"]).index(grade)]
        left, upper = raw["x"] / scale[0], raw["y"] / scale[1]
        right, lower = (raw["x"] + raw["side"]) / scale[0], (raw["y"] + raw["side"]) / scale[1]
    heat = stitched(maps, np.column_stack([left, upper, right, lower]), width, height)
    most = float(np.nanquantile(np.abs(heat), 0.99))  # one bright spot must not leave the rest pale
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
