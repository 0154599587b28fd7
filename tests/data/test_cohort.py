"""Cohorts read from a manifest or a folder."""

import shutil
import unicodedata
from pathlib import Path

import pandas as pd
import pytest

from livergrade.data import cohort
from livergrade.data.cohort import from_folder, from_manifest
from livergrade.data.patient_alias import CohortError, PatientNames, read_alias
from livergrade.errors import UserError
from livergrade.io import pixel_reading
from tests.conftest import GRADES, draw_image, write_cohort

CLASSES = list(GRADES)


def test_manifest_and_folder_give_the_same_cohort(manifest: Path) -> None:
    listed = from_manifest(manifest, CLASSES).table
    found = from_folder(manifest.parent, r"(?P<patient>[PMW]\d\d)_", CLASSES).table
    pd.testing.assert_frame_equal(listed.drop(columns="sex"), found)
    assert len(listed) == 24
    assert listed["patient"].nunique() == 12
    assert listed["sha256"].str.fullmatch("[0-9a-f]{64}").all()


def test_a_spreadsheet_manifest_is_read(tmp_path: Path) -> None:
    """Byte-order mark, blanks around cells, leading zeros in patient names, grades with blanks."""
    for number in range(2):
        draw_image(tmp_path / f"a {number}.png", number, 0)
    text = "image , patient,grade\r\na 0.png, 007 ,Low-grade IN\r\na 1.png,008,Normal\r\n"
    (tmp_path / "m.csv").write_text(text, encoding="utf-8-sig")
    table = from_manifest(tmp_path / "m.csv", ["Normal", "Low-grade IN"]).table
    assert table["patient"].tolist() == ["007", "008"]
    assert table["grade"].tolist() == ["Low-grade IN", "Normal"]


def test_paths_may_start_elsewhere(manifest: Path, tmp_path: Path) -> None:
    moved = shutil.copy(manifest, tmp_path / "moved.csv")
    assert len(from_manifest(Path(moved), CLASSES, manifest.parent).table) == 24


def test_missing_columns_are_named(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("file,patient,label\n")
    with pytest.raises(UserError, match="no column image, grade"):
        from_manifest(tmp_path / "m.csv", CLASSES)


def test_where_names_start_is_told_if_no_image_is_there(tmp_path: Path) -> None:
    draw_image(tmp_path / "in" / "a.png", 0, 0)
    rows = f"image,patient,grade\na.png,P1,{CLASSES[0]}\nb.png,P2,{CLASSES[1]}\n"
    (tmp_path / "m.csv").write_text(rows)
    hint = "no image is there: names start in"
    with pytest.raises(
        UserError, match=f"2 problems; correct those rows; {hint} {tmp_path}, or in data.root="
    ):
        from_manifest(tmp_path / "m.csv", CLASSES)
    with pytest.raises(UserError, match="1 problem; correct those rows:"):
        from_manifest(tmp_path / "m.csv", CLASSES, root=tmp_path / "in")


@pytest.mark.parametrize("text", ["", "image,patient,grade\n"])
def test_an_empty_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(UserError, match=r"m\.csv"):
        from_manifest(tmp_path / "m.csv", CLASSES)


def test_a_column_that_a_run_writes_is_refused(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path, patients=1)
    pd.read_csv(manifest).assign(split="train").to_csv(manifest, index=False)
    with pytest.raises(UserError, match="columns split"):
        from_manifest(manifest, CLASSES)


def test_a_folder_without_the_grades_is_refused(manifest: Path) -> None:
    with pytest.raises(UserError, match="no folder named high; its folders are moderate, poor, well"):
        from_folder(manifest.parent, r"(?P<patient>[PMW]\d\d)_", ["poor", "moderate", "high"])


def test_files_that_name_no_patient_are_listed(manifest: Path) -> None:
    with pytest.raises(UserError, match="16 problems"):
        from_folder(manifest.parent, r"(?P<patient>M\d\d)_", CLASSES)


def test_hidden_and_other_files_are_passed_over(tmp_path: Path) -> None:
    write_cohort(tmp_path)
    (tmp_path / "poor" / "._P00_0.png").write_bytes(b"resource fork")
    (tmp_path / "poor" / "notes.txt").write_text("not an image")
    assert len(from_folder(tmp_path, r"(?P<patient>[PMW]\d\d)_", CLASSES).table) == 24


def test_a_manifests_hashes_are_checked(tmp_path: Path) -> None:
    """One byte within a JPEG's data may decode without a complaint; the file is another nevertheless."""
    manifest = write_cohort(tmp_path)
    table = from_manifest(manifest, CLASSES).table
    table["sha256"] = table["sha256"].str.upper()
    table.to_csv(manifest, index=False)
    assert len(from_manifest(manifest, CLASSES).table) == 24
    changed = tmp_path / table["image"][3]
    draw_image(changed, 77, 0)
    with pytest.raises(UserError, match=r"row 5: image .* does not match the sha256 in the manifest"):
        from_manifest(manifest, CLASSES)


@pytest.mark.parametrize("cell", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0"])
def test_what_a_spreadsheet_would_run_is_refused(tmp_path: Path, cell: str) -> None:
    manifest = write_cohort(tmp_path)
    table = pd.read_csv(manifest)
    table.loc[2, "sex"] = cell
    table.to_csv(manifest, index=False)
    with pytest.raises(UserError, match=r"row 4: sex .* is a formula"):
        from_manifest(manifest, CLASSES)


def test_what_only_looks_a_little_like_a_formula_is_kept(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path)
    table = pd.read_csv(manifest)
    table["afp"] = (["-1.5", "+++", "-", "+ve", "-ve", "a=b"] * 4)[: len(table)]
    table.to_csv(manifest, index=False)
    assert set(from_manifest(manifest, CLASSES).table["afp"]) == {"-1.5", "+++", "-", "+ve", "-ve", "a=b"}


def test_folders_that_differ_in_case_alone_are_refused(tmp_path: Path) -> None:
    write_cohort(tmp_path)
    draw_image(tmp_path / "Poor" / "P09_0.png", 5, 0)
    if not (tmp_path / "poor" / "P09_0.png").exists():  # not on a disk that knows no case
        with pytest.raises(UserError, match="Poor and poor differ only in upper and lower case"):
            from_folder(tmp_path, r"(?P<patient>P\d\d)_", CLASSES)


def test_spellings_of_one_patient_are_told_together(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path)
    table = pd.read_csv(manifest)
    table.loc[1, "patient"], table.loc[3, "patient"] = "p-0", "P\u200b01"
    table.loc[23, "patient"] = "\u200b"  # shows nothing
    table.to_csv(manifest, index=False)
    with pytest.raises(CohortError) as told:
        from_manifest(manifest, CLASSES)
    for line in (
        "3 problems",
        "row 25: patient is blank",
        "one patient's name in 2 spellings: 'P00' (1 image), 'p-0' (1 image)",
        "one patient's name in 2 spellings: 'P01' (1 image), 'P\u200b01' (as codes: P\\u200b01) (1 image)",
        "data.patient_alias=<CSV with the columns patient, same_as>",
        "data.patient_names=exact",
    ):
        assert line in str(told.value), line
    table.loc[23, "patient"] = "W03"
    table.to_csv(manifest, index=False)
    assert from_manifest(manifest, CLASSES, names=PatientNames(exact=True)).table["patient"].nunique() == 14
    told.value.suggested.to_csv(tmp_path / "alias.csv", index=False)
    alias = read_alias(tmp_path / "alias.csv")
    cohort = from_manifest(manifest, CLASSES, names=PatientNames(alias))
    assert cohort.table["patient"].nunique() == 12
    assert cohort.alias is alias


def test_patients_in_paths_that_are_composed_otherwise_are_one(tmp_path: Path) -> None:
    for number, name in enumerate(("m\u00fcller", "mu\u0308ller", "m\u00fcller 2")):
        for code, grade in enumerate(CLASSES):
            draw_image(tmp_path / grade / name / f"{number}.png", 10 * number + code, code)
    if len({path.name for path in (tmp_path / "poor").iterdir()}) == 3:  # not on a disk that composes names
        with pytest.raises(UserError, match=r"1 problem; .*\n.*in 2 spellings: 'm.*3 images.*3 images"):
            from_folder(tmp_path, r"/(?P<patient>[^/]+)/", CLASSES, mixed=True)


def test_an_accent_is_part_of_the_letter_to_a_pattern(tmp_path: Path) -> None:
    """Else ``\\w+`` names the patient ``ller`` in a path from a Mac, and ``Müller`` in another."""
    for code, grade in enumerate(CLASSES):
        draw_image(tmp_path / grade / "mu\u0308ller_0.png", code, code)
    for pattern in (r"(?P<patient>\w+)_", "(?P<patient>m\u00fcller)", "(?P<patient>mu\u0308ller)"):
        table = from_folder(tmp_path, pattern, CLASSES, mixed=True).table
        assert {unicodedata.normalize("NFC", name) for name in table["patient"]} == {"m\u00fcller"}


def test_a_manifest_names_files_whose_letters_are_composed_otherwise(tmp_path: Path) -> None:
    on_disk, typed = "ma\u0308\u00dfig_0.png", "m\u00e4\u00dfig_0.png"
    draw_image(tmp_path / "in" / on_disk, 0, 0)
    (tmp_path / "t.csv").write_text(f"image,patient,grade\nin/{typed},P1,poor\n")
    cohort = from_manifest(tmp_path / "t.csv", CLASSES)
    assert cohort.paths[0].samefile(tmp_path / "in" / on_disk)
    draw_image(tmp_path / "in" / typed, 1, 0)
    if len(list((tmp_path / "in").iterdir())) == 2:  # not on a disk that composes names
        with pytest.raises(UserError, match=r"row 2: image .* is written in 2 ways: 'ma\\u0308"):
            from_manifest(tmp_path / "t.csv", CLASSES)


def test_a_cohort_that_an_earlier_version_accepted_is_checked_again(
    manifest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    found = cohort.broken_files
    monkeypatch.setattr(
        cohort, "broken_files", lambda paths, **how: read.append(len(paths)) or found(paths, **how)
    )
    for version in (4, 4, 5):
        monkeypatch.setattr(pixel_reading, "READER", version)
        from_manifest(manifest, CLASSES, memory=tmp_path)
    assert read == [24, 0, 24]
