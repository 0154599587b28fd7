"""Features of GeoJSON files, in all the forms and encodings in which programs write them."""

import gzip
import json
from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.slides import geojson as module
from livergrade.slides.geojson import read_features

GEOMETRY = {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 0]]]}
FEATURE = {"type": "Feature", "geometry": GEOMETRY, "properties": {"name": "é"}}
COLLECTION = {"type": "FeatureCollection", "features": [FEATURE]}


@pytest.mark.parametrize(
    "content",
    [
        FEATURE,
        [FEATURE],
        COLLECTION,
        [COLLECTION],
        {"features": [FEATURE]},
        json.dumps(COLLECTION),  # a text that holds it
        [json.dumps(FEATURE)],
        [json.dumps(COLLECTION)],
        {key: json.dumps(value) if key != "type" else value for key, value in FEATURE.items()},
        {"root": FEATURE, "tmaGrid": {}},
    ],
)
def test_the_forms_of_a_file(tmp_path: Path, content: object) -> None:
    (tmp_path / "a.geojson").write_text(json.dumps(content))
    assert [one.content for one in read_features(tmp_path / "a.geojson")] == [FEATURE]


@pytest.mark.parametrize("content", [GEOMETRY, [GEOMETRY]])
def test_a_bare_geometry_is_a_feature(tmp_path: Path, content: object) -> None:
    (tmp_path / "a.geojson").write_text(json.dumps(content))
    assert [one.content for one in read_features(tmp_path / "a.geojson")] == [{"geometry": GEOMETRY}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("compressed", [False, True])
def test_the_encodings_of_a_file(tmp_path: Path, encoding: str, compressed: bool) -> None:
    content = json.dumps(COLLECTION, ensure_ascii=False).encode(encoding)
    (tmp_path / "a.geojson").write_bytes(gzip.compress(content, mtime=0) if compressed else content)
    assert read_features(tmp_path / "a.geojson")[0].content == FEATURE


def test_child_objects_follow_all_others(tmp_path: Path) -> None:
    leaf = {"geometry": GEOMETRY}
    parent = {"geometry": None, "properties": {"childObjects": [leaf, leaf | {"properties": {}}]}}
    (tmp_path / "a.json").write_text(
        json.dumps([{"geometry": None, "properties": {"children": [parent]}}, leaf])
    )
    found = read_features(tmp_path / "a.json")
    assert [one.where for one in found] == [
        "feature 1",
        "feature 2",
        "feature 3 (in feature 1)",
        "feature 4 (in feature 3)",
        "feature 5 (in feature 3)",
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it is empty"),
        (b"{}\n{}", "it holds several values, not one collection"),
        (b"{", "can't be read as GeoJSON"),
        (b'{"type": "Feature", "name": "\xe9"}', r"not text in UTF-8 \(byte 29\)"),
        (b"[" * 100_000, "can't be read as GeoJSON"),
        (b"[" + b"1" * 5000 + b"]", "thousands of digits"),
        (b"[" + b"0," * 100_001 + b"0]", "holds 100002 features"),
        (gzip.compress(b"[" * 100, mtime=0)[:-9], "its compression is damaged"),
        (b"\x1f\x8b\x08", "its compression is damaged"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS"),
        (b"3", "holds no GeoJSON features"),
        (b'{"type": "FeatureCollection", "features": null}', "holds no GeoJSON features"),
        (
            b"<Annotations><V /></Annotations>",
            "annotations of Halo .*, not GeoJSON; open the slide in QuPath",
        ),
        (b'{"annotations": [], "item": {}}', "annotations of Darwin"),
    ],
)
def test_what_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "a.geojson").write_bytes(content)
    with pytest.raises(UserError, match=f"a.geojson: .*{told}") as error:
        read_features(tmp_path / "a.geojson")
    assert "\n" not in str(error.value)


def test_a_file_that_is_too_large_packed_or_not_is_not_read(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    for content in (b" " * 1001, gzip.compress(b" " * 100_000, mtime=0)):
        (tmp_path / "a.geojson").write_bytes(content)
        with pytest.raises(UserError, match="export the regions alone"):
            read_features(tmp_path / "a.geojson")
    with pytest.raises(UserError, match="is a folder, not a file"):
        read_features(tmp_path)


def test_children_count_as_features(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_FEATURES", 50)
    (tmp_path / "a.json").write_text(json.dumps([{"properties": {"childObjects": [0] * 20}}] * 3))
    with pytest.raises(UserError, match="holds 63 features"):
        read_features(tmp_path / "a.json")


def test_collections_within_collections_are_one_list(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    inner: dict[str, object] = {"type": "Feature", "geometry": None, "properties": {}}
    for _ in range(4):
        inner = {"type": "FeatureCollection", "features": [inner, {"type": "Feature", "geometry": None}]}
    path.write_text(json.dumps(inner))
    assert len(read_features(path)) == 5


def test_coordinates_that_are_said_to_be_no_pixels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    feature = {"type": "Feature", "geometry": None, "properties": {"unit": "µm"}}
    for content in (feature, {"type": "FeatureCollection", "units": "microns", "features": []}):
        path.write_text(json.dumps(content))
        with pytest.raises(
            UserError, match=r"its coordinates are in (µm|microns) \(units?\); write them in pixels"
        ):
            read_features(path)
    path.write_text(json.dumps({**feature, "properties": {"unit": "px"}}))
    assert len(read_features(path)) == 1
