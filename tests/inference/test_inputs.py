"""What a person names to be graded."""

from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.inference.inputs import Input, find_inputs
from tests.conftest import draw_image


def touched(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_files_folders_patterns_and_tables_name_each_file_once(tmp_path: Path) -> None:
    images = [tmp_path / "deep" / name for name in ("a.png", "b.jpg")]
    slide = tmp_path / "c.svs"
    touched(*images, slide, tmp_path / "deep" / "notes.txt", tmp_path / "deep" / ".hidden.png")
    (tmp_path / "t.csv").write_text("slide,patient,mpp\nc.svs, P1 ,0.25\n")
    given = [tmp_path / "t.csv", tmp_path / "deep", tmp_path / "deep" / "*.jpg", slide]
    found = find_inputs([str(one) for one in given])
    assert found == [
        Input(slide, "P1", True, 0.25),
        Input(images[0], "", False),
        Input(images[1], "", False),
    ]


def test_everything_that_can_not_be_graded_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    touched(tmp_path / "1" / "s.svs", tmp_path / "2" / "s.svs", tmp_path / "x.svs")
    (tmp_path / "t.csv").write_text("image\nnowhere.png\n")
    (tmp_path / "u.csv").write_text("file\na\n")
    (tmp_path / "v.csv").write_text("slide,mpp\nx.svs,fine\n")
    names = ("empty", "1", "2", "t.csv", "u.csv", "v.csv", "none.png")
    with pytest.raises(UserError) as told:
        find_inputs([str(tmp_path / name) for name in names])
    for line in (
        "empty: contains no image and no slide",
        "s: more than one slide has this name",
        "t.csv, row 2: ",
        "nowhere.png does not exist",
        "u.csv: has no column image or slide",
        "v.csv, row 2: mpp 'fine' is not a number",
        "none.png: there is no such file or folder",
    ):
        assert line in str(told.value), line


def test_nothing_named_is_told() -> None:
    with pytest.raises(UserError, match="no input was given"):
        find_inputs([])


def test_a_table_names_files_of_its_folder_unless_more_is_meant(tmp_path: Path) -> None:
    draw_image(tmp_path / "secret.png", 0, 0)
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "t.csv").write_text("image,patient\n../secret.png,P\n")
    with pytest.raises(UserError, match=r"row 2: \.\./secret\.png lies outside .*set data\.outside=true"):
        find_inputs([str(tmp_path / "given" / "t.csv")])
    (found,) = find_inputs([str(tmp_path / "given" / "t.csv")], outside=True)
    assert found.path.samefile(tmp_path / "secret.png")


def test_a_patient_of_two_names_is_told_unless_they_are_two(tmp_path: Path) -> None:
    touched(*(tmp_path / f"{number}.png" for number in range(4)))
    (tmp_path / "one.csv").write_text("image,patient\n0.png,P7\n1.png,p_07\n")
    (tmp_path / "two.csv").write_text("image,patient\n2.png,P007\n3.png,\n")
    tables = [str(tmp_path / "one.csv"), str(tmp_path / "two.csv")]
    with pytest.raises(UserError, match=r"in 3 spellings: 'P007' .*'P7' .*'p_07' .*\n.*patient_names=exact"):
        find_inputs(tables)
    found = find_inputs(tables, exact=True)
    assert [one.patient for one in found] == ["P7", "p_07", "P007", ""]
