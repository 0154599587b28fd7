"""Regions of a slide in GeoJSON, and the images that lie in one."""

import json
import math
from pathlib import Path

import pytest
import shapely

from livergrade.errors import UserError
from livergrade.slides import outlines
from livergrade.slides import regions as module
from livergrade.slides.regions import Marked, Region, clip_to_slide, grid, read_regions, write_regions


def marked(folder: Path, *features: object) -> Marked:
    (folder / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return read_regions(folder / "a.geojson")


SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]]}


def feature(**properties: object) -> dict[str, object]:
    return {"type": "Feature", "geometry": SQUARE, "properties": properties}


def test_regions_go_to_geojson_and_back(tmp_path: Path) -> None:
    ring = shapely.box(10, 20, 300, 400).difference(shapely.box(50, 60, 100, 110))
    written = [Region("R01", "poor", ring, "edge"), Region("R02", "", shapely.box(0, 0, 1, 1))]
    write_regions(written, tmp_path / "regions.geojson")
    again = read_regions(tmp_path / "regions.geojson")
    assert again == Marked(written, {}, [])
    assert again.regions[0].outline.area == 290 * 380 - 2500  # the hole is not part of it


def test_only_annotations_are_regions(tmp_path: Path) -> None:
    found = marked(
        tmp_path,
        feature(),
        feature(objectType="annotation", isLocked=True, measurements={"Area": 81}),
        feature(objectType="cell") | {"nucleusGeometry": SQUARE},
        feature(objectType="cell") | {"geometry": "broken"},
        feature(objectType="detection"),
        feature(objectType="tile"),
        feature(objectType="tmaCore", isMissing=False),
        feature(objectType="root", childObjects=[feature(objectType="annotation", name="child")]),
        feature(object_type="detection"),
        feature(type="tile"),
        feature() | {"id": "PathCellObject"},
        feature() | {"id": "PathAnnotationObject"},
        feature() | {"id": "6423a977-ffff-48db-affc-cd11632010f0"},
        feature(objectType="Annotation", type="cell"),
        feature(type="tumour"),
        feature(objectType="heatmap"),
        {"type": {}, "geometry": SQUARE, "properties": {"objectType": "tile"}},
    )
    assert [one.name for one in found.regions] == ["R01", "R02", "R12", "R13", "R14", "R15", "R18"]
    assert found.regions[-1].label == "child"
    counts = {"cell": 3, "detection": 2, "tile": 3, "TMA core": 1, "root": 1, "heatmap": 1}
    assert found.other_objects == counts
    assert found.left_out == "1 TMA core; 3 cells; 2 detections; 1 heatmap; 1 root; 3 tiles"


@pytest.mark.parametrize(
    ("properties", "kind"),
    [
        ({}, ""),
        ({"classification": None}, ""),
        ({"classification": {"name": None}}, ""),
        ({"classification": {"name": "poor", "colorRGB": -3670016}}, "poor"),
        ({"classification": {"name": " Tumor:  poor\n", "color": [1, 2, 3]}}, "Tumor: poor"),
        ({"classification": {"names": ["Tumor", "poor"], "color": [1, 2, 3]}}, "Tumor: poor"),
        ({"classification": {"names": [], "name": "poor"}}, "poor"),
        ({"classification": {"parentClass": {"name": "Tumor"}, "name": "poor"}}, "Tumor: poor"),
        ({"classification": "poor"}, "poor"),
        ({"classification": ["Tumor", "poor"]}, "Tumor: poor"),
        ({"classification": '{"name": "poor", "colorRGB": -1}'}, "poor"),  # as GDAL writes it
        ({"classification": [{"name": "poor"}]}, "poor"),
        ({"classification": 3}, "3"),
        ({"classification.name": "poor"}, "poor"),
        ({"class": "poor", "name": "x"}, "poor"),
    ],
)
def test_a_class_is_read_as_any_version_writes_it(
    tmp_path: Path, properties: dict[str, object], kind: str
) -> None:
    (region,) = marked(tmp_path, feature(**properties)).regions
    assert region.kind == kind


def test_annotations_without_area_are_named(tmp_path: Path) -> None:
    point = {"type": "Point", "coordinates": [1, 2]}
    flat = {"type": "Polygon", "coordinates": [[[0, 0], [5, 5], [9, 9], [0, 0]]]}
    found = marked(
        tmp_path, feature() | {"geometry": None}, feature(name="A") | {"geometry": point}, {"geometry": flat}
    )
    assert found.regions == []
    assert found.left_out == (
        "feature 1 has no geometry; feature 2 'A' is a Point; feature 3 encloses no area"
    )


def test_broken_features_are_all_told(tmp_path: Path) -> None:
    file = tmp_path / "regions.geojson"
    good = '{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":null}'
    file.write_text(
        f'[{good}, {{"geometry": 3}}, "x", {{"properties":{{"name":"A"}},'
        '"geometry":{"type":"Polygon","coordinates":[[1]]}}, {"geometry": null, "properties": 1}]'
    )
    with pytest.raises(UserError, match="4 features") as told:
        read_regions(file)
    assert all(f"feature {number}" in str(told.value) for number in (2, 3, "4 'A'", 5))


def test_a_file_of_broken_features_makes_no_endless_message(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="300 features") as told:
        marked(tmp_path, *range(300))
    assert len(str(told.value).splitlines()) == 202
    assert str(told.value).endswith("  and 100 more")


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ({"classification": {"name": "=1+1"}}, "its class '=1\\+1' is a formula"),
        ({"name": "@A1"}, "its name '@A1' is a formula"),
        ({"name": ["a"]}, "its name is not a short text"),
        ({"classification": [["a"]]}, "its class is not a short text"),
        ({"classification": {"name": True}}, "its class is not a short text"),
        ({"name": "x" * 300}, "its name is not a short text"),
        ({"objectType": {}}, "its objectType is not a short text"),
    ],
)
def test_texts_that_no_table_may_hold_are_refused(
    tmp_path: Path, properties: dict[str, object], told: str
) -> None:
    with pytest.raises(UserError, match=f"feature 1.*{told}"):
        marked(tmp_path, feature(**properties))


def test_regions_are_those_on_the_slide(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    within, rounded, over, outside, above = (
        Region(f"R{number:02d}", "", outline)
        for number, outline in enumerate(
            (
                shapely.box(0, 0, 100, 80),
                shapely.box(-0.5, 0, 100.4, 80),
                shapely.box(50, -50, 150, 40),
                shapely.box(200, 0, 300, 50),
                shapely.box(0, -90, 9, 0),
            ),
            1,
        )
    )
    found = clip_to_slide([within, rounded, over], 100, 80, tmp_path)
    assert found[0] is within
    assert [one.outline.bounds for one in found[1:]] == [(0, 0, 100, 80), (50, 0, 100, 40)]
    assert caplog.messages == [f"{tmp_path}: only the part on the slide is cut of R03"]
    with pytest.raises(UserError, match="which has 100 x 80 pixels") as told:
        clip_to_slide([within, outside, above], 100, 80, tmp_path)
    assert "R04: x 200 to 300, y 0 to 50" in str(told.value)
    assert "R05" in str(told.value)


def test_a_crossing_outline_is_mended(tmp_path: Path) -> None:
    file = tmp_path / "bow.json"
    bow = [[0, 0], [10, 10], [10, 0], [0, 10], [0, 0]]
    file.write_text(json.dumps({"geometry": {"type": "Polygon", "coordinates": [bow]}}))
    (region,) = read_regions(file).regions
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
    (region,) = read_regions(star(tmp_path / "a.geojson", 5)).regions
    assert region.outline.is_valid
    assert region.outline.area > 0


def test_an_outline_that_crosses_itself_for_ever_is_refused_in_time(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(outlines, "SECONDS", 0.5)
    with pytest.raises(UserError, match=r"a\.geojson: outlines cross themselves so often") as error:
        read_regions(star(tmp_path / "a.geojson", 20_001))
    assert "\n" not in str(error.value)


def polygon(*corners: object) -> str:
    return json.dumps({"geometry": {"type": "Polygon", "coordinates": [corners]}})


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (polygon([0, 0], [1e400, 0], [1, 1]), "not a finite number"),
        (polygon([0, 0], [1e300, 0], [1, 1]), "outside of any slide"),
        (polygon([0, 0], [10**400, 0], [1, 1]), "1 feature can't be read"),
        (polygon([[[[0]]]], {"a": 1}, "x"), "1 feature can't be read"),
        (
            '{"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9]]]}, '
            '"properties": {"classification": {"name": "' + "x" * 1000 + '"}}}',
            "not a short text",
        ),
    ],
)
def test_what_no_pathologist_draws_is_refused(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "a.geojson").write_text(content)
    with pytest.raises(UserError, match=told):
        read_regions(tmp_path / "a.geojson")


def test_regions_of_too_many_vertices_are_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_VERTICES", 10)
    corners = [[n, n * n] for n in range(20)]
    (tmp_path / "a.geojson").write_text(polygon(*corners, corners[0]))
    with pytest.raises(UserError, match="have 21 vertices"):
        read_regions(tmp_path / "a.geojson")


def test_an_empty_class_does_not_hide_another_one(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    square = {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 9]]]}
    stated: list[dict[str, object]] = [
        {"classification": "", "class": "poor"},
        {"classification": {}, "grade": "well"},
    ]
    stated += [{"PathClass": {"name": "well"}}, {"metadata": {"Grade": " poor "}, "name": "x"}]
    features = [{"type": "Feature", "geometry": square, "properties": one} for one in stated]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    regions = read_regions(path).regions
    assert [region.kind for region in regions] == ["poor", "well", "", ""]
    assert [region.notes for region in regions[2:]] == [(("PathClass", "well"),), (("Grade", "poor"),)]
