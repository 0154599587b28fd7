"""Which slides are prepared, and what a table says of them."""

from pathlib import Path

import pytest
from PIL import Image

from livergrade.config.schema import ColumnsConfig, NamedConfig, PrepareConfig
from livergrade.errors import UserError
from livergrade.io.slide_reader import SlideError
from livergrade.slides.inputs import each_slide, find_slides, read_table
from tests.conftest import write_dicom, write_slide


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


def test_an_image_in_a_folder_of_slides_is_told_what_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_slide(tmp_path / "a.tif")
    Image.new("RGB", (40, 40)).save(tmp_path / "b.tif")
    assert find_slides([str(tmp_path)]) == [tmp_path / "a.tif"]
    assert "passed over 1 .tif; .tif is an image and no slide: list it in the cohort" in caplog.text
    assert "livergrade.prepare" not in caplog.text


def test_a_link_beside_its_slide_is_no_second_slide(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_slide(tmp_path / "b.tif")
    (tmp_path / "a.tif").symlink_to("b.tif")
    assert find_slides([str(tmp_path)]) == [tmp_path / "b.tif"]
    assert find_slides([str(tmp_path / "a.tif")]) == [tmp_path / "a.tif"]
    assert caplog.messages == [
        f"linked files that are not read again: {tmp_path / 'a.tif'} is {tmp_path / 'b.tif'}"
    ]


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
        "row 3: grade 'bad' is not in classes (poor, moderate, well)",
        "correct these words, or take them as grades: 'grades={bad: <grade, or null to leave it out>}'",
        "columns image, sha256, split, p_stage: the manifest or a run writes these; rename them",
        "row 3: mpp 'nan' is not a number; give µm per pixel, 0.05 to 20, as 0.25",
        "row 5: mpp '0,5' is not a number; give µm per pixel, 0.05 to 20, as 0.25",
        "row 6: mpp '250' is not a size of a microscope's pixels; give µm per pixel, 0.05 to 20, as 0.25",
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


def test_a_patient_of_two_names_is_told_unless_they_are_two(tmp_path: Path) -> None:
    path, config = tmp_path / "t.csv", PrepareConfig()
    path.write_text("slide,patient,grade\na,P7,well\nb,p_07,well\nc,Q,\n")
    with pytest.raises(UserError, match=r"in 2 spellings: 'P7' \(1 slide\), .*\n.*patient_names=exact"):
        read_table(path, [], config)
    config.data.patient_names = "exact"
    assert read_table(path, [], config)["patient"].tolist() == ["P7", "p_07", "Q"]


def test_files_of_one_slide_are_one_and_images_are_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number, name in enumerate(("1.dcm", "2.dcm")):
        write_dicom(tmp_path / name, "1.2.7", number=number)
    for name in ("m.mrxs", "m/Slidedat.ini", "b.jfif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    Image.new("RGB", (32, 32)).save(tmp_path / "plain.tif")
    write_slide(tmp_path / "levels.tif")
    found = [path.name for path in find_slides([str(tmp_path)])]
    assert found == ["1.dcm", "levels.tif", "m.mrxs"]
    assert "passed over 1 .jfif, 1 .tif" in caplog.text
    assert find_slides([str(tmp_path / "m"), str(tmp_path / "2.dcm"), str(tmp_path / "1.dcm")]) == [
        tmp_path / "m.mrxs",
        tmp_path / "2.dcm",
    ]
    with pytest.raises(UserError, match="'': is an empty name"):
        find_slides([""])


def test_a_table_names_slides_whose_letters_are_composed_otherwise(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("slide,patient,grade\nm\u00e4.svs,P1,poor\n")
    slide = Path("ma\u0308.svs")
    table = read_table(tmp_path / "t.csv", [slide], PrepareConfig())
    assert table.loc[slide.stem]["patient"] == "P1"


def test_other_columns_and_words_are_taken_and_rows_left_out(tmp_path: Path, caplog) -> None:
    text = "slide_id;case_id;Stage;MPP\nin\\a.svs;P1;G1;0,25\nb;P2;GX;\n"
    (tmp_path / "t.csv").write_text(text)
    config = PrepareConfig(
        grades={"G1": "well", "GX": None},
        data=NamedConfig(columns=ColumnsConfig(slide="slide_id", patient="case_id", grade="stage")),
    )
    table = read_table(tmp_path / "t.csv", [Path("a.svs"), Path("b.svs")], config)
    assert table.to_dict("index") == {
        "a": {"slide": "in/a.svs", "patient": "P1", "grade": "well", "mpp": "0.25"}
    }
    assert "1 of 2 are left out (1 of GX), as grades says" in caplog.text
    with pytest.raises(UserError, match=r"data\.columns\.slide=slide_id data\.columns\.patient=case_id"):
        read_table(tmp_path / "t.csv", [Path("a.svs")], PrepareConfig())
