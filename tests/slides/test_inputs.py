"""Which slides are prepared, and what a table says of them."""

from pathlib import Path

import pytest

from livergrade.config.schema import PrepareConfig
from livergrade.errors import UserError
from livergrade.io.slide_reader import SlideError
from livergrade.slides.inputs import each_slide, find_slides, read_exclusions, read_table


def test_slides_are_found_in_folders_and_all_mistakes_told(tmp_path: Path) -> None:
    for name in ("a/1.svs", "a/notes.txt", "a/.2.svs", "b/1.tif", "b/3.NDPI", "empty/x.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert find_slides([str(tmp_path / "a"), str(tmp_path / "b" / "3.NDPI")]) == [
        tmp_path / "a" / "1.svs",
        tmp_path / "b" / "3.NDPI",
    ]
    with pytest.raises(UserError) as told:
        find_slides([str(tmp_path / name) for name in ("a", "b", "empty", "nowhere.svs")])
    for line in ("1: more than one slide", "empty: holds no slide", "nowhere.svs: there is no such"):
        assert line in str(told.value)


def test_a_table_is_read_by_the_slides_names(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("slide,patient,grade,age\nB.7.svs, P1 ,poor,61\nC.8,P2,,\n")
    table = read_table(tmp_path / "t.csv", [Path("B.7.svs"), Path("C.8.tif")], PrepareConfig())
    assert list(table.index) == ["B.7", "C.8"]
    assert table.loc["B.7"].to_dict() == {"slide": "B.7.svs", "patient": "P1", "grade": "poor", "age": "61"}


def test_all_that_is_wrong_with_a_table_is_told_at_once(tmp_path: Path) -> None:
    rows = [
        "a,,poor,0.25,x,1,,",
        "b,P2,bad,nan,x,1,,",
        "c,P3,poor,,x,1,,",
        'd,P4,poor,"0,5",x,1,,',
        "e,P5,,250,x,1,,",
    ]
    text = "\n".join(["slide,patient,grade,mpp,image,split,p_stage,sha256", *rows])
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(UserError) as told:
        read_table(tmp_path / "t.csv", [Path("f.svs")], PrepareConfig())
    assert [line.strip() for line in str(told.value).splitlines()[1:]] == [
        "row 2: no patient",
        "row 3: grade 'bad' is not in classes=poor,moderate,well",
        "row 3: mpp 'nan' is no number; give µm per pixel, 0.05 to 20, as 0.25",
        "row 5: mpp '0,5' is no number; give µm per pixel, 0.05 to 20, as 0.25",
        "row 6: mpp '250' is no size of a microscope's pixels; give µm per pixel, 0.05 to 20, as 0.25",
        "columns image, sha256, split, p_stage: the manifest or a run writes these; rename them",
        "f.svs: in no row",
    ]


def test_a_slide_that_fails_stops_no_other() -> None:
    seen = []

    def one(path: Path) -> None:
        seen.append(path.name)
        if path.name != "c":
            raise SlideError("is dark") if path.name == "a" else UserError("b: has no table")

    assert each_slide([Path("a"), Path("b"), Path("c")], one, "trying") == [
        "  a is dark",
        "  b: has no table",
    ]
    assert seen == ["a", "b", "c"]


def test_names_to_leave_out(tmp_path: Path) -> None:
    (tmp_path / "e.txt").write_text("# by a second reader\n\n a.png \nimages/b.png\n", encoding="utf-8-sig")
    assert read_exclusions(str(tmp_path / "e.txt")) == {"a.png", "images/b.png"}
    assert read_exclusions(None) == set()
    with pytest.raises(UserError, match=r"exclude=nowhere\.txt: can't be read"):
        read_exclusions("nowhere.txt")


def test_a_patient_of_two_names_is_told_unless_they_are_two(tmp_path: Path) -> None:
    path, config = tmp_path / "t.csv", PrepareConfig()
    path.write_text("slide,patient,grade\na,P7,well\nb,p_07,well\nc,Q,\n")
    with pytest.raises(UserError, match=r"in 2 spellings: 'P7' \(1 slide\), .*\n.*patient_names=exact"):
        read_table(path, [], config)
    config.data.patient_names = "exact"
    assert read_table(path, [], config)["patient"].tolist() == ["P7", "p_07", "Q"]
