"""Outlines from the geometries of GeoJSON."""

import math
from pathlib import Path

import pytest
import shapely

from livergrade.slides.outlines import NoAreaError, read_outline, repair_outlines, sound

SQUARE = [[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]
HOLE = [[2, 2], [4, 2], [4, 4], [2, 4], [2, 2]]
BESIDE = [[x + 20, y] for x, y in SQUARE]
POINT = {"type": "Point", "coordinates": [1, 2]}


def polygon(*rings: object) -> dict[str, object]:
    return {"type": "Polygon", "coordinates": list(rings)}


def collection(*geometries: object) -> dict[str, object]:
    return {"type": "GeometryCollection", "geometries": list(geometries)}


@pytest.mark.parametrize(
    ("geometry", "area"),
    [
        (polygon(SQUARE, HOLE), 96),
        (polygon(SQUARE[:-1]), 100),  # not closed
        (polygon([[x, y, 7.5] for x, y in SQUARE]), 100),
        (polygon([[0, 0], [10, 0, 1], [10, 10], [0, 10, None]]), 100),
        (polygon(SQUARE) | {"isEllipse": True, "plane": {"c": -1, "z": 0, "t": 0}}, 100),
        (polygon(SQUARE, [[1, 1], [1, 1], [1, 1]]), 100),  # a hole of no size
        ({"type": "MultiPolygon", "coordinates": [[SQUARE, HOLE], [BESIDE]]}, 196),
        ({"type": "MultiPolygon", "coordinates": [[SQUARE], []]}, 100),
        (collection(polygon(SQUARE), collection(POINT, polygon(BESIDE))), 200),
    ],
)
def test_what_has_an_area(geometry: object, area: float) -> None:
    outline = read_outline(geometry)
    assert outline.area == area
    assert not outline.has_z


@pytest.mark.parametrize(
    ("geometry", "told"),
    [
        (None, "has no geometry"),
        (polygon(SQUARE) | {"plane": {"c": -1, "z": 3, "t": 0}}, "is on plane z=3 t=0 of a stack"),
        (POINT, "is a Point"),
        ({"type": "MultiPoint", "coordinates": [[1, 2]]}, "is a MultiPoint"),
        ({"type": "LineString", "coordinates": SQUARE}, "is a LineString"),
        (polygon(), "a Polygon of fewer than three corners"),
        (polygon([]), "a Polygon of fewer than three corners"),
        (polygon([[0, 0], [5, 5], [0, 0]]), "a Polygon of fewer than three corners"),
        ({"type": "MultiPolygon", "coordinates": []}, "a MultiPolygon of fewer than three corners"),
        (collection(POINT), "is a GeometryCollection"),
    ],
)
def test_what_has_none(geometry: object, told: str) -> None:
    with pytest.raises(NoAreaError, match=told):
        read_outline(geometry)


def nested(depth: int) -> dict[str, object]:
    return collection(nested(depth - 1)) if depth else collection()


@pytest.mark.parametrize(
    ("geometry", "told"),
    [
        (3, "its geometry is 3, none of GeoJSON"),
        ("POLYGON ((0 0))", "none of GeoJSON"),
        ({"type": "polygon", "coordinates": [SQUARE]}, "its geometry is polygon, none of GeoJSON"),
        ({"type": {"a": 1}}, "none of GeoJSON"),
        ({"type": "Polygon"}, "no list of coordinates"),
        (polygon(*SQUARE), "not two numbers"),  # a ring in place of a list of rings
        (polygon([SQUARE]), "not two numbers"),
        (polygon({"x": 1}), "no lists of corners"),
        (polygon([["1", "2"], [3, 4], [5, 9]]), "not two numbers"),
        (polygon([[1, None], [3, 4], [5, 9]]), "not two numbers"),
        (polygon([[True, 1], [3, 4], [5, 9]]), "not two numbers"),
        (polygon([[0, 0], [math.nan, 5], [5, 9]]), "not a finite number"),
        (polygon([[0, 0], [math.inf, 5], [5, 9]]), "not a finite number"),
        (polygon([[0, 0], [1e300, 5], [5, 9]]), "outside of any slide"),
        (polygon([[0, 0], [10**400, 5], [5, 9]]), "outside of any slide"),
        (nested(30), "within too many collections"),
    ],
)
def test_what_is_no_geometry_of_a_slide(geometry: object, told: str) -> None:
    with pytest.raises(ValueError, match=told) as error:
        read_outline(geometry)
    assert not isinstance(error.value, NoAreaError)


def test_only_crossing_outlines_are_repaired(tmp_path: Path) -> None:
    bow = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    overlapping = shapely.MultiPolygon([shapely.box(0, 0, 10, 10), shapely.box(5, 0, 15, 10)])
    flat = shapely.Polygon([(0, 0), (5, 5), (9, 9)])
    holes = [shapely.Polygon(SQUARE, [hole]) for hole in (BESIDE, SQUARE, [(5, 5), (15, 5), (15, 6), (5, 6)])]
    found = [shapely.from_wkb(one).area for one in repair_outlines([shapely.to_wkb(area) for area in holes])]
    assert found == [100, 0, 95]
    repaired = [
        shapely.from_wkb(one)
        for one in repair_outlines([shapely.to_wkb(a) for a in (bow, overlapping, flat)])
    ]
    assert [one.area for one in repaired] == [50, 150, 0]
    square = shapely.box(0, 0, 1, 1)
    assert sound([square], tmp_path)[0] is square
