"""Rows of a cohort, and files that they name, that can't be used."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from livergrade.data.cohort import from_manifest
from livergrade.data.validation import (
    conflicting_duplicates,
    mixed_patients,
    names_outside,
    reserved_columns,
)
from livergrade.errors import UserError
from livergrade.io.inside import Inside
from tests.conftest import GRADES, draw_image, write_cohort

CLASSES = list(GRADES)


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path)
    table = pd.read_csv(manifest)
    table.loc[0, "image"] = "gone.png"  # row 2 of the spreadsheet
    table.loc[1, "grade"] = "Poor"
    table.loc[2, "patient"] = ""
    table.loc[4, "image"] = table.loc[3, "image"]
    (tmp_path / table.loc[5, "image"]).write_bytes(b"")
    cut = tmp_path / table.loc[6, "image"]
    cut.write_bytes(cut.read_bytes()[:-400])
    table.to_csv(manifest, index=False)
    with pytest.raises(UserError) as told:
        from_manifest(manifest, CLASSES)
    message = str(told.value)
    assert str(manifest) in message
    assert "6 problems" in message
    for line in (
        "row 2: image",
        "gone.png does not exist",
        "row 3: grade 'Poor' is not in data.classes (poor, moderate, well)",
        "row 4: patient is blank",
        "row 6: image poor/P01_1.png is listed already (row 5)",
        "row 7: image",
        "is empty",
        "row 8: image",
        "is damaged or cut short",
    ):
        assert line in message, line


def test_the_same_picture_under_two_patients_is_refused(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path)
    shutil.copy(tmp_path / "poor/P00_0.png", tmp_path / "poor/P01_0.png")
    with pytest.raises(UserError, match=r"the same picture under different patients.*P00_0.*P01_0"):
        from_manifest(manifest, CLASSES)


def test_no_image_may_lie_outside_the_cohorts_folder(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path / "cohort")
    outside = tmp_path / "elsewhere.png"
    draw_image(outside, 9, 0)
    table = pd.read_csv(manifest)
    (manifest.parent / "link.png").symlink_to(outside)
    (manifest.parent / "linked").symlink_to(tmp_path)
    table.loc[:3, "image"] = ["../elsewhere.png", str(outside), "link.png", "linked/elsewhere.png"]
    table.to_csv(manifest, index=False)
    with pytest.raises(UserError) as told:
        from_manifest(manifest, CLASSES)
    lines = [line for line in str(told.value).splitlines() if "lies outside" in line]
    assert [line.split(":")[0].strip() for line in lines] == ["row 2", "row 3", "row 4", "row 5"]
    assert all("data.outside=true" in line for line in lines)
    table.loc[1:3, "image"] = [f"poor/P0{number}_1.png" for number in (0, 1, 2)]
    table.drop_duplicates("image").to_csv(manifest, index=False)
    assert "../elsewhere.png" in set(from_manifest(manifest, CLASSES, outside=True).table["image"])


def test_a_link_within_the_folder_is_an_image(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path)
    (tmp_path / "store").mkdir()
    (tmp_path / "poor" / "P00_0.png").rename(tmp_path / "store" / "1.png")
    (tmp_path / "poor" / "P00_0.png").symlink_to(tmp_path / "store" / "1.png")
    assert len(from_manifest(manifest, CLASSES).table) == 24


def test_a_patient_with_two_grades_must_be_meant(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path)
    table = pd.read_csv(manifest)
    table.loc[table["image"] == "well/W00_1.png", "patient"] = "P01"
    table.to_csv(manifest, index=False)
    with pytest.raises(UserError, match=r"patient P01: images of poor, well; .*data\.mixed_grades=true"):
        from_manifest(manifest, CLASSES)
    assert len(from_manifest(manifest, CLASSES, mixed=True).table) == 24


def test_links_and_dots_that_lead_out_are_found_by_row(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "in").mkdir(parents=True)
    (root / "out").symlink_to(tmp_path)
    (root / "in" / "ring.png").symlink_to(root / "in" / "ring.png")
    names = ("in/a.png", "in/../in/a.png", "../a.png", "out/a.png", "in/..", "in/../..", "in/ring.png")
    assert list(names_outside(names, Inside(root))) == [2, 3, 5, 6]


def test_twins_are_told_where_patient_or_grade_differ() -> None:
    rows = [
        ("a", "1", "poor", "x"),
        ("b", "1", "poor", "x"),
        ("c", "1", "poor", "y"),
        ("d", "1", "well", "y"),
    ]
    table = pd.DataFrame(rows, columns=["image", "patient", "grade", "sha256"])
    (told,) = conflicting_duplicates(table, lambda row: f"row {row + 2}")
    assert told.endswith("row 4: c (1, poor); row 5: d (1, well)")
    assert mixed_patients(table) == [
        "patient 1: images of poor, well; give each patient one grade, or set data.mixed_grades=true"
    ]


def test_columns_of_a_run_are_reserved_in_any_case() -> None:
    names = ["image", "Split", "ANGLE", "P_Poor", "p_stage", "pT", "site"]
    assert reserved_columns(names) == ["Split", "ANGLE", "P_Poor", "p_stage"]
