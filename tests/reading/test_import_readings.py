"""Readings of another program."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from livergrade.errors import UserError
from livergrade.reading.begin import begin
from livergrade.reading.export_readings import export_readings
from livergrade.reading.store import Store
from tests.reading.client import options, write_images


def begun(folder: Path, **more: Any) -> Store:
    (folder / "review").mkdir(exist_ok=True)
    return begin(options(folder / "images.csv", **more), folder / "review")


def exported(store: Store, folder: Path) -> pd.DataFrame:
    export_readings(store, folder / "review")
    return pd.read_csv(folder / "review" / "readings.csv", dtype=str, keep_default_na=False)


def test_columns_of_another_tool_and_who_goes_on(tmp_path: Path) -> None:
    write_images(tmp_path)
    table = tmp_path / "tool.csv"
    rows = "annotator,file,label,confidence,comment\n"
    rows += 'Adler,C:\\study\\i2.png,well,4,"a, b"\nAdler,i0.png,poor,,\n'
    table.write_text(rows + "Adler,i2,poor,,\nBrandt,i1,moderate,,\n")
    config = options(tmp_path / "images.csv", ("chen",), readings=str(table))
    config.columns.reader, config.columns.image, config.columns.grade = "annotator", "file", "label"
    (tmp_path / "review").mkdir()
    for _ in range(2):  # typed again, nothing is doubled
        store = begin(config, tmp_path / "review")
        assert store.facts["readers"] == ["Adler", "Brandt", "chen"]
        assert store.tasks("Adler")[:3] == [2, 0, 2]  # the third is a repeat
        assert sorted(store.tasks("Adler")[3:]) == [1, 3]
        assert sorted(store.tasks("chen")) == [0, 1, 2, 3]
        readings = exported(store, tmp_path)
        store.close()
    columns = ["reader", "image", "grade", "confidence", "seconds", "comment", "order"]
    assert readings[columns].to_numpy().tolist() == [
        ["Adler", "i2.png", "well", "4", "", "a, b", "1"],
        ["Adler", "i0.png", "poor", "", "", "", "2"],
        ["Adler", "i2.png", "poor", "", "", "", "3"],
        ["Brandt", "i1.png", "moderate", "", "", "", "1"],
    ]
    manifest = pd.read_csv(tmp_path / "review" / "manifest.csv", dtype=str)
    assert manifest["grade"].tolist() == ["poor", "moderate", "well"]
    table.write_text(rows)
    with pytest.raises(UserError, match="holds a review with other readers, readings;"):
        begin(config, tmp_path / "review")


def test_all_readings_that_do_not_fit_are_told(tmp_path: Path) -> None:
    write_images(tmp_path)
    table = tmp_path / "tool.csv"
    table.write_text(
        "reader,image,grade,sha256,mode\na,none.png,poor,,\n"
        f"a,i0.png,poor,{'0' * 64},\na,i1.png,poor,,audit\na,i2.png,poor,,\n"
        "a,i3.png,poorly,,\na b,i3.png,well,,\n,i3.png,well,,\n"
    )
    with pytest.raises(UserError) as told:
        begun(tmp_path, readers=(), readings=str(table))
    assert str(told.value).splitlines()[1:] == [
        "  row 2: image 'none.png' is none of the images",
        "  row 3: image 'i0.png' is of another content (sha256) than all images",
        "  row 4: mode audit: only readings of mode read are taken over",
        "  row 6: grade 'poorly' is none of poor, moderate, well",
        "  row 7: reader 'a b' must be up to 40 letters, digits, _ and -, as it names a column",
        "  row 8: reader is blank",
    ]


def test_of_copies_a_reading_is_of_the_image_of_its_name(tmp_path: Path) -> None:
    write_images(tmp_path)
    shutil.copyfile(tmp_path / "i0.png", tmp_path / "i3.png")
    sha256 = hashlib.sha256((tmp_path / "i0.png").read_bytes()).hexdigest()
    table = tmp_path / "tool.csv"
    table.write_text(f"reader,image,grade,sha256\na,i0.png,poor,{sha256}\na,i3.png,poor,{sha256}\n")
    store = begun(tmp_path, readers=(), readings=str(table))
    assert exported(store, tmp_path)["image"].tolist() == ["i0.png", "i3.png"]


def annotation(kind: str | None) -> dict[str, Any]:
    square = {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]]}
    classed = {"classification": {"name": kind}} if kind else {}
    return {"type": "Feature", "geometry": square, "properties": {"objectType": "annotation"} | classed}


def qupath(folder: Path, reader: str, image: str, *kinds: str | None) -> None:
    path = folder / "qupath" / reader / f"{image}.geojson"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(map(annotation, kinds))}))


def test_annotations_of_qupath(tmp_path: Path) -> None:
    pytest.importorskip("shapely")
    write_images(tmp_path)
    qupath(tmp_path, "anna", "i0.png", "Poor", None, "Ignore*")
    qupath(tmp_path, "anna", "i3", "well", "well")
    qupath(tmp_path, "ben", "i0", "moderate")
    store = begun(tmp_path, readers=(), readings=str(tmp_path / "qupath"))
    readings = exported(store, tmp_path)
    assert readings[["reader", "image", "grade", "time"]].to_numpy().tolist() == [
        ["anna", "i0.png", "poor", ""],
        ["anna", "i3.png", "well", ""],
        ["ben", "i0.png", "moderate", ""],
    ]
    qupath(tmp_path, "ben", "i1", "poor", "well")
    qupath(tmp_path, "ben", "i2", "Tumor")
    qupath(tmp_path, "ben", "i3", None)
    (tmp_path / "qupath" / "ben" / "i9.json").write_text("{")
    qupath(tmp_path, "ben", "other", "poor")
    qupath(tmp_path, ".", "i1", "poor")
    qupath(tmp_path, "ben/slides", "i1", "poor")
    with pytest.raises(UserError) as told:
        begun(tmp_path, readers=(), readings=str(tmp_path / "qupath"))
    lines = str(told.value).splitlines()
    assert "ben/slides/i1.geojson: is not directly in a reader's folder; move it to" in lines[1]
    assert "qupath/i1.geojson: is not directly in a reader's folder" in lines[2]
    assert "i1.geojson: has annotations of several grades (poor, well)" in lines[3]
    assert "i2.geojson: class 'Tumor' is none of poor, moderate, well" in lines[4]
    assert "i3.geojson: has no grade" in lines[5]
    assert "i9.json" in lines[6]
    assert "i9.json: image 'i9' is none of the images" in lines[7]
    assert "other.geojson: image 'other' is none of the images" in lines[8]
    (tmp_path / "elsewhere.geojson").write_text("{}")
    (tmp_path / "qupath" / "ben" / "i7.geojson").symlink_to(tmp_path / "elsewhere.geojson")
    with pytest.raises(UserError, match=r"i7\.geojson: .*outside"):
        begun(tmp_path, readers=(), readings=str(tmp_path / "qupath"))
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match="holds no reading; it needs a folder for each reader"):
        begun(tmp_path, readers=(), readings=str(tmp_path / "none"))
