"""Regions marked on a slide, read and written as GeoJSON of QuPath."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.errors import ShapelyError
from shapely.geometry import mapping, shape

from livergrade.errors import UserError
from livergrade.io.bounded import TimeLimitError, run_bounded
from livergrade.io.files import atomic_write
from livergrade.io.memory import memory_for_one_file
from livergrade.io.regular_files import no_file


@dataclass(frozen=True)
class Region:
    """A marked region of a slide.

    Attributes:
        name: unique name on the slide, part of the image names.
        kind: its class, empty without one.
        outline: polygon in slide pixels at full resolution; it may have holes and several parts.
    """

    name: str
    kind: str
    outline: shapely.Polygon | shapely.MultiPolygon


MOST_BYTES, MOST_FEATURES, MOST_VERTICES = 2**26, 100_000, 2_000_000
"""Of a GeoJSON file. A region drawn by hand has hundreds of vertices; all cells of a slide are no regions."""
MOST_NAME = 200
"""Characters of a region's class."""
FARTHEST = 1e8
"""Pixels from the slide's corner; no scanner makes so many."""
SECONDS = 20.0
"""For the repair of all outlines of a file that cross themselves."""
QUICK_VERTICES = 10_000
"""Outlines of fewer vertices are checked at once; those of more, where the time is limited."""


def read_regions(path: Path) -> list[Region]:
    """Read the areas in a GeoJSON file: a feature collection, a list of features or one feature.

    Points, lines and empty areas are ignored; self-intersecting outlines are repaired.

    Raises:
        UserError: the file is no GeoJSON, too large or too intricate, or features are invalid; all are
            listed.
    """
    features = _features(path)
    areas: list[tuple[int, str, shapely.Polygon | shapely.MultiPolygon]] = []
    broken = []
    for number, feature in enumerate(features, 1):
        try:
            area = _area(feature)
            if area is not None:
                areas.append((number, _kind(feature), area))
        except Exception as error:  # a hostile feature raises many exception types
            reason = " ".join(str(error).split())[:300]
            broken.append(f"  feature {number}: {reason or type(error).__name__}")
    if broken:
        raise UserError(f"{path}: {len(broken)} features can't be read:\n" + "\n".join(broken))
    if (vertices := sum(shapely.get_num_coordinates(area) for _, _, area in areas)) > MOST_VERTICES:
        raise UserError(f"{path}: its regions have {vertices} vertices; simplify them in QuPath")
    sound = _sound([area for _, _, area in areas], path)
    return [
        Region(f"R{number:02d}", kind, area)
        for (number, kind, _), area in zip(areas, sound, strict=True)
        if isinstance(area, shapely.Polygon | shapely.MultiPolygon) and not area.is_empty
    ]


def _features(path: Path) -> list[Any]:
    """The features of a GeoJSON file."""
    try:
        problem = no_file(path)
        if not problem and (size := path.stat().st_size) > MOST_BYTES:
            problem = f"it is {size / 1e6:.0f} MB; export the regions alone, without detections"
        if problem:
            raise UserError(f"{path}: can't be read as GeoJSON: {problem}")
        geojson = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        reason = "a number has thousands of digits" if "digits" in str(error) else str(error)
        raise UserError(f"{path}: can't be read as GeoJSON: {reason or type(error).__name__}") from None
    features = geojson.get("features", [geojson]) if isinstance(geojson, dict) else geojson
    if not isinstance(features, list):
        raise UserError(f"{path}: holds no GeoJSON features; export the annotations from QuPath as GeoJSON")
    if len(features) > MOST_FEATURES:
        raise UserError(
            f"{path}: holds {len(features)} features; export the regions alone, without detections"
        )
    return features


def _area(feature: Any) -> shapely.Polygon | shapely.MultiPolygon | None:  # noqa: ANN401
    """The outline of a feature as it is drawn; None if it is no area."""
    area = shape(feature["geometry"])
    if not isinstance(area, shapely.Polygon | shapely.MultiPolygon) or area.is_empty:
        return None
    if not all(map(math.isfinite, area.bounds)):
        raise ValueError("a coordinate is not a finite number")
    if max(map(abs, area.bounds)) > FARTHEST:
        raise ValueError("a coordinate is outside of any slide")
    return area


def _kind(feature: Any) -> str:  # noqa: ANN401
    """The class of a feature, empty without one."""
    properties = feature.get("properties") or {}
    kind = (properties.get("classification") or {}).get("name", "")
    if isinstance(kind, list | dict) or len(str(kind)) > MOST_NAME:
        raise ValueError("the name of its class is no short text")
    return str(kind)


def _sound(
    areas: list[shapely.Polygon | shapely.MultiPolygon], path: Path
) -> list[shapely.geometry.base.BaseGeometry]:
    """The areas, those repaired that cross themselves, in an amount of time that is limited.

    Raises:
        UserError: the repair takes too long.
    """
    sound: list[shapely.geometry.base.BaseGeometry] = [*areas]
    doubtful = [
        row
        for row, area in enumerate(areas)
        if shapely.get_num_coordinates(area) > QUICK_VERTICES or not area.is_valid
    ]
    if not doubtful:
        return sound
    try:
        repaired = run_bounded(
            repair_outlines,
            [shapely.to_wkb(areas[row]) for row in doubtful],
            seconds=SECONDS,
            memory=memory_for_one_file(),
        )
    except (TimeLimitError, ShapelyError, RuntimeError) as error:
        raise UserError(
            f"{path}: outlines cross themselves so often that they can't be repaired ({error}); "
            "draw them again or simplify them in QuPath"
        ) from None
    for row, written in zip(doubtful, repaired, strict=True):
        sound[row] = shapely.from_wkb(written)
    return sound


def repair_outlines(outlines: list[bytes]) -> list[bytes]:
    """Repair those of the outlines that are invalid; outlines and results are well-known binary."""
    repaired = []
    for written in outlines:
        area = shapely.from_wkb(written)
        if not area.is_valid:
            valid = shapely.make_valid(area)
            area = shapely.unary_union([part for part in getattr(valid, "geoms", [valid]) if part.area])
        repaired.append(shapely.to_wkb(area))
    return repaired


def write_regions(regions: Sequence[Region], path: Path) -> None:
    """Write regions as QuPath annotations."""
    features = [
        feature(region.outline, "annotation", region.kind, {}, name=region.name) for region in regions
    ]
    write_features(features, path)


def feature(
    outline: shapely.Polygon | shapely.MultiPolygon,
    object_type: str,
    kind: str,
    measurements: dict[str, float],
    *,
    name: str = "",
    colour: tuple[int, int, int] | None = None,
) -> dict[str, Any]:
    """Make a GeoJSON feature of QuPath: ``annotation``, ``detection`` or ``tile``."""
    properties: dict[str, Any] = {"objectType": object_type}
    if name:
        properties["name"] = name
    if kind:
        properties["classification"] = {"name": kind} | ({"color": list(colour)} if colour else {})
    if measurements:
        properties["measurements"] = measurements
    return {"type": "Feature", "geometry": mapping(outline), "properties": properties}


def write_features(features: Sequence[dict[str, Any]], path: Path) -> None:
    """Write a feature collection atomically."""
    with atomic_write(path) as part:
        part.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")


def grid(
    region: Region, width: float, height: float, rows: int, columns: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Upper left corners of images placed evenly over a region, row by row.

    The first is at the upper left corner of the bounding box, the last at the lower right; a single row or
    column is in the middle. Images overlap if the region is smaller than all of them together.

    Args:
        region: the region.
        width: image width, pixels of the slide.
        height: image height, pixels of the slide.
        rows: number of rows of images.
        columns: number of columns of images.

    Returns:
        x and y, ``float64 [rows × columns]``.
    """
    left, top, right, bottom = region.outline.bounds

    def positions(first: float, last: float, side: float, count: int) -> NDArray[np.float64]:
        free = last - first - side
        return first + (np.linspace(0, free, count) if count > 1 else np.array([free / 2]))

    x, y = np.meshgrid(positions(left, right, width, columns), positions(top, bottom, height, rows))
    return x.ravel(), y.ravel()
