"""Tables that people give, with every problem and its row."""

import logging
from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.io.pixel_size import read_mpp
from livergrade.io.user_tables import Wanted, path_hint, read_user_table

WANTED = Wanted(
    ("image", "patient", "mpp"), ("image", "patient"), option="data.columns", numbers={"mpp": read_mpp}
)


def table(folder: Path, text: str, wanted: Wanted = WANTED, name: str = "t.csv"):
    (folder / name).write_text(text)
    return read_user_table(folder / name, wanted)


def test_every_cell_is_the_text_it_is(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(" image ,patient,n\r\n007,P\r\nNA,Q, 1.50\r\n", encoding="utf-8-sig")
    cells = read_user_table(tmp_path / "t.csv", WANTED).cells
    assert cells.to_dict("list") == {"image": ["007", "NA"], "patient": ["P", "Q"], "n": ["", " 1.50"]}


def test_rows_are_those_that_a_person_sees(tmp_path: Path) -> None:
    read = table(tmp_path, 'image,patient\n\n"a\nb",P\n,\nc,Q\n,,\n')
    assert read.cells["image"].tolist() == ["a\nb", "c"]
    assert [read.where(row) for row in range(2)] == ["row 3", "row 5 (line 6)"]
    assert read.problems == []


def test_columns_without_a_name_are_dropped_or_told(tmp_path: Path, caplog) -> None:
    for start in ("", "Unnamed: 0"):
        read = table(tmp_path, f"{start},image,patient,,\n3,a,P,,\n7,b,Q,,\n")
        assert list(read.cells) == ["image", "patient"]
        assert "numbers the rows; it is left out" in caplog.text
    assert table(tmp_path, "image,patient,\na,P,yes\n").problems == [
        "column 3 has cells and no name; name it, or remove it"
    ]


def test_names_of_columns_match_whatever_their_case_and_blanks(tmp_path: Path) -> None:
    wanted = Wanted(("image", "same_as"), ("image", "same_as"))
    assert list(table(tmp_path, "IMAGE, Same As ,Sex\na,b,c\n", wanted).cells) == ["image", "same_as", "Sex"]
    (told,) = table(tmp_path, "Image,image,patient\na,b,c\n").problems
    assert told == (
        "columns 'Image' and 'image' both match; rename one, or say which is meant, as "
        "data.columns.image=Image"
    )
    said = Wanted(WANTED.known, WANTED.needed, {"image": "Image"}, "data.columns")
    read = table(tmp_path, "Image,image,patient\na,b,c\n", said)
    assert read.problems == []
    assert read.cells.to_dict("list") == {"image": ["a"], "patient": ["c"]}


def test_all_problems_of_names_rows_and_numbers_are_in_one_list(tmp_path: Path) -> None:
    rows = "".join(f"{number},P,250\n" for number in range(165))
    read = table(tmp_path, f"image,patient,mpp,sex,sex,=x\n{rows}a,P,1,F,F,y,z\na,P,0\n")
    fix = "give µm per pixel, 0.05 to 20, as 0.25"
    size = "is not a size of a microscope's pixels"
    assert read.problems == [
        "row 167: has 7 cells, and there are 6 columns; put a cell that holds a delimiter in quotes",
        "more than one column sex; rename or remove one",
        "column '=x' is a formula to a spreadsheet; write it otherwise",
        f"row 2, row 3, row 4 and 162 more (165 in all): mpp '250' {size}; {fix}",
        f"row 168: mpp '0' {size}; {fix}",
    ]


def test_a_decimal_comma_is_read_where_no_comma_divides_cells(tmp_path: Path) -> None:
    for delimiter in (";", "\t"):
        read = table(tmp_path, "image;patient;mpp\na;P;0,5\nb;Q;\n".replace(";", delimiter))
        assert read.cells["mpp"].tolist() == ["0.5", ""]
        assert read.problems == []
    assert "'0,5' is not a number" in table(tmp_path, 'image,patient,mpp\na,P,"0,5"\n').problems[0]


@pytest.mark.parametrize("cell", ["nan", "inf", "0", "-0.5", "250", "0.5um", "1,5", "O.5", "½"])
def test_a_number_keeps_within_the_bounds_of_the_option_that_it_replaces(tmp_path: Path, cell: str) -> None:
    (told,) = table(tmp_path, f'image,patient,mpp\na,P,"{cell}"\n').problems
    assert told.startswith(f"row 2: mpp '{cell}' is not a ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"t\.csv: is empty; it needs a row of column names"),
        ("\n , \n", r"is empty"),
        ("image,patient\n\n", r"has a row of column names and no other row; add a row for each item"),
        (
            "a.png,P\nb.png,Q\n",
            r"no column image, patient: its first row does not name .*\(a\.png is a file\); write one",
        ),
        (
            "slide_id,case_id\na,b\n",
            r"it has slide_id, case_id; say .* data\.columns\.image=slide_id data\.columns\.patient=case_id",
        ),
        (
            "AJCC_PATHOLOGIC_M,site_of_patient,caseId,Images\na,b,c,d\n",
            r"as data\.columns\.image=Images data\.columns\.patient=caseId$",
        ),
        ("patient,stage\na_1.zip,x\na_2.tif,y\na_3.svs,z\n", r"as data\.columns\.image=patient$"),
        ('"name, whole",case\na.png,b\n', r"as 'data\.columns\.image='.*'name, whole'.*' data"),
        ("Cohort of 2024\n\nimage,patient\na,b\n", r"its columns are named in row 3; remove the rows above"),
        ("u,v\na,b\n", r"as data\.columns\.image=<column> data\.columns\.patient=<column>"),
        (
            "Our cohort\n\nimage,patient\na,P\n",
            r"its columns are named in row 3; remove the rows above it",
        ),
        (
            "Our cohort,,\nPatient,IMAGE,n\nP,a,1\n",
            r"its columns are named in row 2; remove the rows above it",
        ),
        ('{"a": 1}', "it is a JSON file"),
    ],
)
def test_a_table_that_lacks_something_is_told_what_to_do(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        table(tmp_path, text)


def test_a_map_takes_columns_as_they_are(tmp_path: Path, caplog) -> None:
    wanted = Wanted(
        ("image", "patient"),
        ("image", "patient"),
        {"image": "slide id", "patient": "slide_id"},
        "data.columns",
    )
    read = table(tmp_path, "slide_id,patient,age\na,Q,50\n", wanted)
    assert read.cells.to_dict("list") == {"image": ["a"], "patient": ["a"], "age": ["50"]}
    assert "column patient is left out" in caplog.text
    for given, told in (
        (
            {"image": "slideid2"},
            r"data\.columns\.image=slideid2: .*t\.csv has no such column; it has slide_id",
        ),
        ({"grade": "age"}, r"data\.columns\.grade=age: has no effect here, where image, patient are read"),
    ):
        with pytest.raises(UserError, match=told):
            table(tmp_path, "slide_id,patient,age\na,Q,50\n", Wanted(wanted.known, (), given, "data.columns"))


def test_the_encoding_that_was_taken_is_said(tmp_path: Path, caplog) -> None:
    (tmp_path / "t.csv").write_bytes("image;patient\na;Müller\n".encode("latin-1"))
    with caplog.at_level(logging.WARNING):
        assert read_user_table(tmp_path / "t.csv", WANTED).cells["patient"].tolist() == ["Müller"]
    assert "t.csv is not in UTF-8; read as Windows-1252 (Latin-1), as in 'Müller'" in caplog.text


def test_what_was_meant_by_a_name_that_no_file_has() -> None:
    assert path_hint("a.csv;b.csv").startswith("; it is one file, not several")
    assert path_hint(r"C:\x\y.csv") == "; folders are divided by / here"
    assert path_hint("a/b.csv") == ""
