"""Outlines of regions: from the geometry of a GeoJSON feature to sound areas, in a limited time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import shapely
from shapely.errors import ShapelyError

from livergrade.errors import UserError
from livergrade.io.bounded import TimeLimitError, run_bounded
from livergrade.io.memory import memory_for_one_file
from livergrade.io.visible import shown
from livergrade.slides.geojson import GEOMETRIES

Area = shapely.Polygon | shapely.MultiPolygon

FARTHEST = 1e8
"""Pixels from the slide's corner; no scanner makes so many."""
SECONDS = 20.0
"""For the repair of all outlines of a file that cross themselves."""
QUICK_VERTICES = 10_000
"""Outlines of fewer vertices are checked at once; those of more, where the time is limited."""
DEEPEST = 20
"""Collections of geometries within collections."""


class NoAreaError(ValueError):
    """A geometry that is none, a point or a line, or is on a plane that is not read: nothing can be cut."""


def read_outline(geometry: Any) -> Area:  # noqa: ANN401 - whatever a file holds
    """The area of a GeoJSON geometry as it is drawn: polygons, several of them, or those of a collection.

    A ring need not be closed; a third number of a coordinate is not used.

    Raises:
        NoAreaError: it has no polygon, or none with three corners, or is on another plane of a stack.
        ValueError: it is no geometry of GeoJSON, or a coordinate can't be one of a slide.
    """
    if geometry is None:
        raise NoAreaError("has no geometry")
    plane = geometry.get("plane") if isinstance(geometry, dict) else None
    if isinstance(plane, dict) and (plane.get("z") or plane.get("t")):
        place = f"z={shown(plane.get('z'), 20)} t={shown(plane.get('t'), 20)}"
        raise NoAreaError(f"is on plane {place} of a stack, of which the first is read")
    polygons = [polygon for rings in _polygons(geometry, 0) if (polygon := _polygon(rings)) is not None]
    if not polygons:
        kind = geometry["type"]
        is_area = kind in ("Polygon", "MultiPolygon")
        raise NoAreaError(f"is a {kind} of fewer than three corners" if is_area else f"is a {kind}")
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)


def _polygons(geometry: Any, depth: int) -> Iterator[Any]:  # noqa: ANN401
    """The rings of each polygon within a geometry."""
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if not isinstance(kind, str) or kind not in GEOMETRIES:
        raise ValueError(f"its geometry is {shown(kind or geometry, 60)}, none of GeoJSON; draw a polygon")
    name = "geometries" if kind == "GeometryCollection" else "coordinates"
    content = geometry.get(name)
    if not isinstance(content, list):
        raise ValueError(f"its geometry has no list of {name}")
    if kind == "Polygon":
        yield content
    elif kind == "MultiPolygon":
        yield from content
    elif kind == "GeometryCollection":
        if depth >= DEEPEST:
            raise ValueError("its geometry is a collection within too many collections")
        for part in content:
            yield from _polygons(part, depth + 1)


def _polygon(rings: Any) -> shapely.Polygon | None:  # noqa: ANN401
    if not isinstance(rings, list):
        raise ValueError("its coordinates are no lists of corners")
    corners = [_ring(ring) for ring in rings]
    if not corners or len(set(corners[0])) < 3:
        return None
    return shapely.Polygon(corners[0], [hole for hole in corners[1:] if len(set(hole)) >= 3])


def _ring(ring: Any) -> list[tuple[float, float]]:  # noqa: ANN401
    if not isinstance(ring, list):
        raise ValueError("its coordinates are no lists of corners")
    return [_corner(corner) for corner in ring]


def _corner(corner: Any) -> tuple[float, float]:  # noqa: ANN401
    """A coordinate, pixels.

    Raises:
        ValueError: it is no pair of finite numbers, or is outside of any slide.
    """
    if not isinstance(corner, list) or not 2 <= len(corner) <= 4:
        raise ValueError(f"a coordinate is {shown(repr(corner), 60)}, not two numbers")
    if any(type(number) not in (int, float) for number in corner[:2]):
        raise ValueError(f"a coordinate is {shown(repr(corner), 60)}, not two numbers")
    x, y = corner[:2]
    if any(number != number or abs(number) == math.inf for number in (x, y)):
        raise ValueError("a coordinate is not a finite number")
    if (
        max(abs(x), abs(y)) > FARTHEST
    ):  # compared before it is made a float, which has no room for any integer
        raise ValueError("a coordinate is outside of any slide")
    return float(x), float(y)


def sound(areas: Sequence[Area], path: Path) -> list[shapely.geometry.base.BaseGeometry]:
    """The areas, those repaired that cross themselves, in an amount of time that is limited.

    Raises:
        UserError: the repair takes too long.
    """
    made: list[shapely.geometry.base.BaseGeometry] = [*areas]
    doubtful = [
        row
        for row, area in enumerate(areas)
        if shapely.get_num_coordinates(area) > QUICK_VERTICES or not area.is_valid
    ]
    if not doubtful:
        return made
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
        made[row] = shapely.from_wkb(written)
    return made


def repair_outlines(outlines: list[bytes]) -> list[bytes]:
    """Repair those of the outlines that are invalid; outlines and results are well-known binary.

    A hole is no part of the area, wherever it lies; parts that overlap are one.
    """
    repaired = []
    for written in outlines:
        area = shapely.from_wkb(written)
        if not area.is_valid:
            area = shapely.unary_union([_repaired(polygon) for polygon in shapely.get_parts(area)])
        repaired.append(shapely.to_wkb(area))
    return repaired


def _repaired(polygon: shapely.Polygon) -> shapely.geometry.base.BaseGeometry:
    holes = shapely.unary_union([_enclosed(ring) for ring in polygon.interiors])
    return _enclosed(polygon.exterior).difference(holes)


def _enclosed(ring: shapely.LinearRing) -> shapely.geometry.base.BaseGeometry:
    """What a ring encloses that may cross itself."""
    valid = shapely.make_valid(shapely.Polygon(ring))
    return shapely.unary_union([part for part in shapely.get_parts(valid) if part.area])
