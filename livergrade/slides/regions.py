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
from livergrade.io.files import atomic_write


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


def read_regions(path: Path) -> list[Region]:
    """Read the areas in a GeoJSON file: a feature collection, a list of features or one feature.

    Points, lines and empty areas are ignored; self-intersecting outlines are repaired.

    Raises:
        UserError: the file is no GeoJSON, or features are invalid; all are listed.
    """
    try:
        geojson = json.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: can't be read as GeoJSON: {error}") from None
    features = geojson.get("features", [geojson]) if isinstance(geojson, dict) else geojson
    if not isinstance(features, list):
        raise UserError(f"{path}: holds no GeoJSON features; export the annotations from QuPath as GeoJSON")
    regions, broken = [], []
    for number, feature in enumerate(features, 1):
        try:
            region = _region(feature, number)
        except (TypeError, ValueError, KeyError, AttributeError, IndexError, ShapelyError) as error:
            broken.append(f"  feature {number}: {str(error) or type(error).__name__}")
            continue
        if region:
            regions.append(region)
    if broken:
        raise UserError(f"{path}: {len(broken)} features can't be read:\n" + "\n".join(broken))
    return regions


def _region(feature: Any, number: int) -> Region | None:  # noqa: ANN401
    properties = feature.get("properties") or {}
    area = shape(feature["geometry"])
    if not isinstance(area, shapely.Polygon | shapely.MultiPolygon) or area.is_empty:
        return None
    if not all(map(math.isfinite, area.bounds)):
        raise ValueError("a coordinate is not a finite number")
    if not area.is_valid:
        repaired = shapely.make_valid(area)
        parts = [part for part in getattr(repaired, "geoms", [repaired]) if part.area]
        area = shapely.unary_union(parts)
        if not isinstance(area, shapely.Polygon | shapely.MultiPolygon) or area.is_empty:
            return None
    kind = (properties.get("classification") or {}).get("name", "")
    return Region(f"R{number:02d}", str(kind), area)


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
