"""Tables that name the files to grade."""

from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.inference.input_tables import Named
from livergrade.inference.inputs import find_inputs
from tests.conftest import draw_image


def test_a_table_names_files_whose_letters_are_composed_otherwise(tmp_path: Path) -> None:
    draw_image(tmp_path / "ma\u0308.png", 1, 0)
    (tmp_path / "t.csv").write_text("image\nm\u00e4.png\n")
    (found,) = find_inputs([str(tmp_path / "t.csv")])
    assert found.path.is_file()


def test_a_table_is_read_by_whatever_names_it_has(tmp_path: Path) -> None:
    draw_image(tmp_path / "TCGA-1.0000.png", 1, 0)
    (tmp_path / "t.tsv").write_text("File\tCase ID\nTCGA-1.0000\tMüller\n", encoding="cp1252")
    with pytest.raises(
        UserError, match=r"no column image or slide; it has File, Case ID; .*data\.columns\.image=File"
    ):
        find_inputs([str(tmp_path / "t.tsv")])
    columns = {"image": "File", "patient": "case_id"}
    with pytest.raises(UserError, match=r"row 2: .*TCGA-1\.0000\.png is there: set data\.suffix=\.png"):
        find_inputs([str(tmp_path / "t.tsv")], named=Named(columns))
    (found,) = find_inputs([str(tmp_path / "t.tsv")], named=Named(columns, ".png"))
    assert (found.path.name, found.patient) == ("TCGA-1.0000.png", "Müller")
    with pytest.raises(UserError, match=r"data\.suffix=png: did you mean \.png\? one of: "):
        find_inputs([str(tmp_path / "t.tsv")], named=Named(columns, "png"))


@pytest.mark.parametrize("name", ["t.json", "t.xls", "t.ods", "t.parquet"])
def test_what_is_no_table_that_is_read_is_told_by_what_it_is(tmp_path: Path, name: str) -> None:
    content = {
        "t.json": b"{}",
        "t.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "t.ods": b"PK\3\4",
        "t.parquet": b"PAR1",
    }
    (tmp_path / name).write_bytes(content[name])
    with pytest.raises(UserError, match=r"can't be read as a table: it is .*; save it as CSV"):
        find_inputs([str(tmp_path / name)])
