"""Annotations of other programs are known by what their files hold."""

import pytest

from livergrade.slides.foreign_annotations import foreign_bytes, foreign_json

HALO = '<Annotations><Annotation Name="1"><Regions><Region><Vertices><V X="1" Y="2"/></Vertices></Region>'
APERIO = '<Annotations MicronsPerPixel="0.25"><Annotation Id="1"><Regions><Region/></Regions></Annotation>'


@pytest.mark.parametrize(
    ("content", "program"),
    [
        (HALO.encode(), "Halo"),
        (b"\xef\xbb\xbf" + HALO.encode(), "Halo"),
        (HALO.encode("utf-16"), "Halo"),
        (APERIO.encode(), "Aperio ImageScope"),
        (b'<?xml version="1.0"?>\n<ASAP_Annotations><Annotations/></ASAP_Annotations>', "ASAP"),
        (b"<ndpviewstate id='1'/>", "NDP.view"),
        (b"<!doctype html>", "another program"),
        (b"PK\x03\x04...", "ZIP archive"),
        (b"\xac\xed\0\5", "data file of QuPath"),
        (b"Iout....", "ImageJ"),
        (b"\x89PNG\r\n", "picture"),
    ],
)
def test_files_that_are_no_json(content: bytes, program: str) -> None:
    assert program in str(foreign_bytes(content))


@pytest.mark.parametrize(
    ("content", "program"),
    [
        ({"version": "2.0", "schema_ref": "", "item": {}, "annotations": []}, "Darwin"),
        ({"images": [], "annotations": [], "categories": []}, "COCO"),
        ({"shapes": [], "imagePath": "a.png"}, "LabelMe"),
        ([{"id": 1, "data": {}, "annotations": []}], "Label Studio"),
        ({"type": "Topology", "objects": {}, "arcs": []}, "TopoJSON"),
        ({"annotation": {"elements": []}}, "Digital Slide Archive"),
    ],
)
def test_json_that_is_no_geojson(content: object, program: str) -> None:
    assert program in str(foreign_json(content))


def test_what_may_be_geojson_is_let_through() -> None:
    assert foreign_bytes(b' {"type": "FeatureCollection"}') is None
    for content in (
        {"type": "Feature", "annotations": []},
        {"features": [], "shapes": []},
        [],
        [3],
        "x",
        None,
    ):
        assert foreign_json(content) is None
