"""Regions of a slide in GeoJSON, and the images that lie in one."""

import json
from pathlib import Path

import pytest
import shapely

from livergrade.errors import UserError
from livergrade.slides.regions import Region, grid, read_regions, write_regions


def test_regions_go_to_geojson_and_back(tmp_path: Path) -> None:
    ring = shapely.box(10, 20, 300, 400).difference(shapely.box(50, 60, 100, 110))
    write_regions([Region("R01", "poor", ring)], tmp_path / "regions.geojson")
    (again,) = read_regions(tmp_path / "regions.geojson")
    assert (again.name, again.kind) == ("R01", "poor")
    assert again.outline.equals(ring)
    assert again.outline.area == 290 * 380 - 2500  # the hole is not part of it


def test_broken_features_are_all_told(tmp_path: Path) -> None:
    file = tmp_path / "regions.geojson"
    good = '{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":null}'
    file.write_text(
        f'[{good}, {{"geometry": 3}}, "x", {{"geometry":{{"type":"Polygon","coordinates":[[1]]}}}}]'
    )
    with pytest.raises(UserError, match="3 features") as told:
        read_regions(file)
    assert all(f"feature {number}" in str(told.value) for number in (2, 3, 4))
    file.write_text("{")
    with pytest.raises(UserError, match="GeoJSON"):
        read_regions(file)


def test_a_crossing_outline_is_mended(tmp_path: Path) -> None:
    file = tmp_path / "bow.json"
    bow = [[0, 0], [10, 10], [10, 0], [0, 10], [0, 0]]
    file.write_text(json.dumps({"geometry": {"type": "Polygon", "coordinates": [bow]}}))
    (region,) = read_regions(file)
    assert region.outline.is_valid
    assert region.outline.area == pytest.approx(50)


def test_six_images_lie_evenly_over_a_region() -> None:
    x, y = grid(Region("R01", "", shapely.box(100, 50, 1000, 650)), 300, 200, 2, 3)
    assert x.tolist() == [100, 400, 700] * 2
    assert y.tolist() == [50] * 3 + [450] * 3
    x, y = grid(Region("R01", "", shapely.box(0, 0, 100, 100)), 40, 20, 1, 1)
    assert (x[0], y[0]) == (30, 40)
