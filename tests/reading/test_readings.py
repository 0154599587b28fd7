"""The table of readings: its own columns, other tools' and a manifest's; every bad row at once."""

from pathlib import Path

import pandas as pd
import pytest

from livergrade.errors import UserError
from livergrade.reading.readings import COLUMNS, read_readings, reader_problems, write_readings

CLASSES = ["poor", "moderate", "well"]


def table(path: Path, *rows: str, columns: str = "reader,image,grade") -> Path:
    path.write_text("\n".join([columns, *rows]) + "\n", "utf-8")
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = table(
        tmp_path / "given.csv",
        "A,a.png,poor,4,12.5,thick,2026-01-31T09:30:00+01:00,1,read,,,P1," + "a" * 64,
        'B,a.png,,,,,,,,"out of focus",,P1,',
        "B,a.png,well,,,,,,audit,,true,P1,",
        columns="reader,image,grade,confidence,seconds,comment,time,order,mode,excluded,undone,patient,sha256",
    )
    found = read_readings(path, CLASSES)
    assert [*found.columns] == [*COLUMNS, "patient"]
    assert found["mode"].tolist() == ["read", "read", "audit"]
    assert found["undone"].tolist() == [False, False, True]
    assert found["confidence"].tolist()[0] == 4
    write_readings(found, tmp_path / "again.csv", CLASSES)
    pd.testing.assert_frame_equal(read_readings(tmp_path / "again.csv", CLASSES), found)
    assert (tmp_path / "again.csv").read_text().splitlines()[0] == ",".join([*COLUMNS, "patient"])


def test_all_bad_rows_are_told_at_once(tmp_path: Path) -> None:
    path = table(
        tmp_path / "bad.csv",
        "A,a.png,poorly,,,,,",
        "A,b.png,,,,,,",
        ",c.png,poor,9,,,,",
        "A,d.png,poor,,-1,yesterday,,",
        "A,e.png,poor,,,2026-01-31T09:30:00,look,maybe",
        "A,f.png,well,2.5,,,,",
        columns="reader,image,grade,confidence,seconds,time,mode,undone",
    )
    with pytest.raises(UserError) as caught:
        read_readings(path, CLASSES)
    text = str(caught.value)
    for told in (
        "row 2: grade 'poorly' is none of poor, moderate, well",
        "row 3: grade is blank; give a grade, or say why in excluded",
        "row 4: reader is blank",
        "row 4: confidence '9' is no whole number of 1 to 5, nor blank",
        "row 5: seconds '-1' is no number of 0 or more, nor blank",
        "row 5: time 'yesterday' is no ISO 8601 with a zone",
        "row 6: time '2026-01-31T09:30:00' is no ISO 8601 with a zone",
        "row 6: mode 'look' is none of read, adjudicate, audit, confirm",
        "row 6: undone 'maybe' is neither true nor false",
        "row 7: confidence '2.5' is no whole number",
    ):
        assert told in text


def test_an_image_has_one_patient_and_one_content(tmp_path: Path) -> None:
    path = table(
        tmp_path / "two.csv",
        f"A,a.png,poor,P1,{'a' * 64}",
        f"B,a.png,poor,P2,{'b' * 64}",
        "C,a.png,poor,,x",
        columns="reader,image,grade,patient,sha256",
    )
    with pytest.raises(UserError) as caught:
        read_readings(path, CLASSES)
    assert "row 3: image 'a.png' has another patient in a row above" in str(caught.value)
    assert "row 3: image 'a.png' has another sha256 in a row above" in str(caught.value)
    assert "row 4: sha256 is no SHA-256" in str(caught.value)


def test_other_tools_and_manifests(tmp_path: Path) -> None:
    path = table(tmp_path / "tool.csv", "x;a.png;poor;P1", columns="who;file;label;case")
    names = {"reader": "who", "image": "file", "grade": "label", "patient": "case"}
    (row,) = read_readings(path, CLASSES, names).to_dict("records")
    assert (row["reader"], row["image"], row["grade"], row["patient"]) == ("x", "a.png", "poor", "P1")
    with pytest.raises(UserError, match=r"no column reader, grade; .*columns\.grade=label"):
        read_readings(path, CLASSES, {"image": "file"})
    wide = table(
        tmp_path / "wide.csv",
        "a.png,P1,poor,poor,well",
        "b.png,P1,well,,well",
        columns="image,patient,grade,grade_A,grade_B",
    )
    found = read_readings(wide, CLASSES)
    assert found[["reader", "image", "grade"]].to_numpy().tolist() == [
        ["A", "a.png", "poor"],
        ["B", "a.png", "well"],
        ["B", "b.png", "well"],
    ]
    wide.write_text(wide.read_text() + "a.png,P1,poor,fine,well\n")
    with pytest.raises(UserError) as caught:
        read_readings(wide, CLASSES)
    assert "row 4: image 'a.png' has a row already" in str(caught.value)
    assert "row 4: grade 'fine' is none of" in str(caught.value)


def test_bad_readings_are_not_written(tmp_path: Path) -> None:
    good = read_readings(table(tmp_path / "good.csv", "A,a.png,poor"), CLASSES)
    with pytest.raises(UserError, match=r"(?s)is not written.*row 2: grade 'odd'.*row 2: confidence '7'"):
        write_readings(good.assign(grade="odd", confidence=7.0), tmp_path / "out.csv", CLASSES)
    with pytest.raises(UserError, match="no column undone"):
        write_readings(good.drop(columns="undone"), tmp_path / "out.csv", CLASSES)
    with pytest.raises(UserError, match="image '=a' is a formula"):
        write_readings(good.assign(image="=a"), tmp_path / "out.csv", CLASSES)
    assert not (tmp_path / "out.csv").exists()


def test_a_comment_is_no_formula(tmp_path: Path) -> None:
    good = read_readings(table(tmp_path / "good.csv", "A,a.png,poor"), CLASSES)
    for told in ("=1+1", "@x", "-", "a = b", ""):
        write_readings(good.assign(comment=told), tmp_path / "out.csv", CLASSES)
        again = read_readings(tmp_path / "out.csv", CLASSES)["comment"].tolist()
        assert again == [f"'{told}" if told[:1] in tuple("=@") else told]
        write_readings(read_readings(tmp_path / "out.csv", CLASSES), tmp_path / "again.csv", CLASSES)
        assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "out.csv").read_bytes()


def test_names_of_readers_are_names_of_columns() -> None:
    assert reader_problems(["anna", "Müller", "r-2", "张"]) == []
    problems = reader_problems(["", "=1", "a b", "x" * 41, "<b>", "ben", "Ben"])
    assert len(problems) == 6
