"""Regions of a slide in GeoJSON, and the images that lie in one."""

import json
import math
from pathlib import Path

import pytest
import shapely

from livergrade.errors import UserError
from livergrade.slides import regions as module
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


def star(path: Path, points: int) -> Path:
    """A polygon whose every side crosses nearly all others."""
    step = 2 * math.pi * (points // 2) / points
    ring = [[1000 + 900 * math.cos(n * step), 1000 + 900 * math.sin(n * step)] for n in range(points)]
    geometry = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    path.write_text(json.dumps({"type": "Feature", "geometry": geometry}))
    return path


def test_an_outline_that_crosses_itself_is_repaired(tmp_path: Path) -> None:
    (region,) = read_regions(star(tmp_path / "a.geojson", 5))
    assert region.outline.is_valid
    assert region.outline.area > 0


def test_an_outline_that_crosses_itself_for_ever_is_refused_in_time(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.5)
    with pytest.raises(UserError, match=r"a\.geojson: outlines cross themselves so often") as error:
        read_regions(star(tmp_path / "a.geojson", 20_001))
    assert "\n" not in str(error.value)


def polygon(*corners: object) -> str:
    return json.dumps({"geometry": {"type": "Polygon", "coordinates": [corners]}})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[" * 100_000, "can't be read as GeoJSON"),
        ("[" + "1" * 5000 + "]", "can't be read as GeoJSON"),
        ("[" + "0," * 100_001 + "0]", "holds 100002 features"),
        (polygon([0, 0], [1e400, 0], [1, 1]), "not a finite number"),
        (polygon([0, 0], [1e300, 0], [1, 1]), "outside of any slide"),
        (polygon([0, 0], [10**400, 0], [1, 1]), "1 features can't be read"),
        (polygon([[[[0]]]], {"a": 1}, "x"), "1 features can't be read"),
        (
            '{"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9]]]}, '
            '"properties": {"classification": {"name": "' + "x" * 1000 + '"}}}',
            "no short text",
        ),
    ],
)
def test_what_no_pathologist_draws_is_refused(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "a.geojson").write_text(content)
    with pytest.raises(UserError, match=told):
        read_regions(tmp_path / "a.geojson")


def test_a_file_that_is_too_large_or_no_file_is_not_read(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    monkeypatch.setattr(module, "MOST_VERTICES", 10)
    (tmp_path / "a.geojson").write_text(" " * 1001)
    with pytest.raises(UserError, match="export the regions alone"):
        read_regions(tmp_path / "a.geojson")
    corners = [[n, n * n] for n in range(20)]
    (tmp_path / "a.geojson").write_text(polygon(*corners, corners[0]))
    with pytest.raises(UserError, match="have 21 vertices"):
        read_regions(tmp_path / "a.geojson")
    with pytest.raises(UserError, match="is a folder, not a file"):
        read_regions(tmp_path)
