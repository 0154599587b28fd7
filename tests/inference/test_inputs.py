"""What a person names to be graded."""

from pathlib import Path

import numpy as np
import pytest

from livergrade.errors import UserError
from livergrade.inference.inputs import Input, find_inputs, refuse_same_maps
from tests.conftest import draw_image, write_dicom, write_slide


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


def test_a_file_that_a_table_names_and_is_not_there_is_told_with_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("slide\na.svs\n")
    with pytest.raises(UserError, match=f"t.csv, row 2: {tmp_path}/a.svs does not exist"):
        find_inputs(["t.csv"])


def test_a_name_that_is_a_file_is_that_file_and_no_pattern(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("b[1].png", "b1.png", "a,b.png", "x=1.png", "in[1]/a.png", "in1/a.png", "in1/b.png", "c1.png")
    touched(*map(Path, names))
    assert [item.path.name for item in find_inputs(list(names[:4]))] == list(names[:4])

    def named(name: str) -> list[str]:
        return [str(item.path) for item in find_inputs([name])]

    touched(Path("-a.png"))
    assert find_inputs(["-a.png"])[0].path == tmp_path / "-a.png"  # no formula in a table
    assert named("b[1].png") == named(str(Path("b[1].png"))) == ["b[1].png"]
    assert named("in[1]") == named("in[1]/*.png") == named("in[1]/[a].png") == ["in[1]/a.png"]
    assert named(f"{tmp_path}/in[1]/*") == [f"{tmp_path}/in[1]/a.png"]
    assert named("c[1].png") == ["c1.png"]  # there is no file of this name
    assert named("in?/[ab].png") == ["in1/a.png", "in1/b.png"]
    assert named("**/a.png") == ["in1/a.png", "in[1]/a.png"]


def test_maps_that_an_earlier_start_left_are_no_images(tmp_path: Path) -> None:
    out = tmp_path / "out"
    touched(tmp_path / "a.png", out / "maps" / "s.png", out / "maps" / "s_why.png", out / "tiles" / "s.csv")
    touched(tmp_path / "maps" / "b.png", out / "maps" / "c.png")
    found = [item.path.relative_to(tmp_path) for item in find_inputs([str(tmp_path)])]
    assert found == [Path("a.png"), Path("maps/b.png"), Path("out/maps/c.png")]


def test_the_working_directory_is_a_folder_like_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "in" / "here"
    touched(here / "out" / "maps" / "s.png", here / "out" / "tiles" / "s.csv", here / "a.png")
    monkeypatch.chdir(here)
    assert [item.path for item in find_inputs(["."])] == [Path("a.png")]
    assert [item.path for item in find_inputs(["..", "."])] == [Path("..", "here", "a.png")]
    monkeypatch.chdir(here / "out" / "maps")
    with pytest.raises(UserError, match="contains no image"):
        find_inputs(["."])


def test_a_file_named_twice_has_what_either_table_says_of_it(tmp_path: Path) -> None:
    touched(tmp_path / "in" / "a.png", tmp_path / "in" / "b.svs")
    (tmp_path / "t.csv").write_text("image,patient,mpp\nin/a.png,P1,\nin/../in/b.svs,P2,0.5\n")
    both = find_inputs([str(tmp_path / "in"), str(tmp_path / "t.csv")])
    assert [(item.patient, item.mpp) for item in both] == [("P1", None), ("P2", 0.5)]
    (tmp_path / "u.csv").write_text("image,patient,mpp\nin/a.png,P3,\nin/b.svs,,0.25\n")
    with pytest.raises(UserError) as told:
        find_inputs([str(tmp_path / "t.csv"), str(tmp_path / "u.csv")])
    assert "a.png: patient 'P1' and 'P3'; correct one of them" in str(told.value)
    assert "b.svs: mpp 0.5 and 0.25; correct one of them" in str(told.value)


def test_every_pixel_size_that_is_none_is_told_with_its_row(tmp_path: Path) -> None:
    touched(tmp_path / "s.svs")
    texts = ("0,5", "nan", "-0.5", "0", "250", "0.5um", "1e-1")
    rows = "".join(f's.svs,"{text}"\n' for text in texts)
    (tmp_path / "t.csv").write_text(f"slide,mpp\n{rows}")
    with pytest.raises(UserError) as told:
        find_inputs([str(tmp_path / "t.csv")])
    lines = str(told.value).splitlines()
    assert [line.partition("row ")[2][0] for line in lines[1:]] == ["2", "3", "4", "5", "6", "7"]
    assert "mpp '250' is not a size of a microscope's pixels; give µm per pixel, 0.05 to 20" in str(
        told.value
    )


def test_a_slide_with_the_name_of_anothers_map_is_refused(tmp_path: Path) -> None:
    slides = [Input(tmp_path / f"{name}.svs", "", True) for name in ("a", "b", "A_why")]
    with pytest.raises(UserError, match=r"A_why\.svs"):
        refuse_same_maps(slides)
    refuse_same_maps(slides[1:])


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


def named(*given: Path) -> list[tuple[str, bool]]:
    return [(item.path.name, item.slide) for item in find_inputs([str(path) for path in given])]


def test_a_dicom_series_is_one_slide_by_whichever_file_it_is_named(tmp_path: Path) -> None:
    files = [
        write_dicom(tmp_path / f"{number}.dcm", "1.2.7", side=side, mpp=64 / side, number=number)
        for number, side in enumerate((128, 64), 1)
    ]
    assert named(tmp_path) == named(*files) == named(tmp_path / "*.dcm") == [("1.dcm", True)]
    assert named(files[1]) == [("2.dcm", True)]
    write_dicom(tmp_path / "IM3", "1.2.8", number=3)
    write_dicom(tmp_path / "ct.dcm", "1.2.9", number=4, slide=False)
    assert named(tmp_path) == [("1.dcm", True), ("IM3", True)]
    (tmp_path / "t.csv").write_text("slide,patient\n2.dcm,P1\n1.dcm,P2\n")
    with pytest.raises(UserError, match="patient 'P1' and 'P2'; correct one of them"):
        named(tmp_path / "t.csv")


def test_the_files_of_one_slide_are_no_further_inputs(tmp_path: Path) -> None:
    touched(tmp_path / "m.mrxs", tmp_path / "m" / "Slidedat.ini", tmp_path / "m" / "Data0001.dat")
    (tmp_path / "h.vms").write_text("ImageFile=h_0.jpg\nMacroImage=h_macro.jpg\nMapFile=h_map.jpg\n")
    touched(*(tmp_path / f"h_{part}.jpg" for part in ("0", "macro", "map")))
    both = [("h.vms", True), ("m.mrxs", True)]
    assert named(tmp_path) == named(tmp_path / "h.vms", tmp_path / "m") == both
    assert sorted(named(*sorted(tmp_path.iterdir()))) == both
    assert named(tmp_path / "h_0.jpg") == both[:1]
    (tmp_path / "f.ndpis").write_text("Image0=f_DAPI.ndpi\nImage1=f_FITC.ndpi\n")
    with pytest.raises(UserError, match=r"f\.ndpis: is a set of 2 images of one slide"):
        named(tmp_path)


def test_a_table_says_what_content_does_not(tmp_path: Path) -> None:
    import tifffile

    cut = tmp_path / "cut.tif"
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    text = "Aperio Image Library v1\r\n64x48 [0,0 64x48] (16x16)|AppMag = 20|MPP = 0.5"
    tifffile.imwrite(cut, pixels, photometric="rgb", tile=(16, 16), description=text, metadata=None)
    levels = write_slide(tmp_path / "levels.tif")
    with pytest.raises(UserError, match=r"cut\.tif: may be an image or a slide; name it in a table"):
        named(cut, levels)
    for column in ("image", "slide"):
        (tmp_path / f"{column}.csv").write_text(f"{column}\ncut.tif\n")
        expected = [("cut.tif", column == "slide"), ("levels.tif", True)]
        assert named(cut, tmp_path / f"{column}.csv", levels) == expected
    with pytest.raises(UserError, match="kind 'image' and 'slide'; correct one of them"):
        named(tmp_path / "image.csv", tmp_path / "slide.csv")


def test_linked_folders_are_followed_or_told(tmp_path: Path) -> None:
    touched(tmp_path / "in" / "a.png", tmp_path / "elsewhere" / "b.png")
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "linked2").symlink_to(tmp_path / "in")
    found = find_inputs([str(tmp_path / "in")], outside=True)
    assert [item.path.name for item in found] == ["a.png", "b.png"]
    with pytest.raises(UserError, match=r"linked lies outside .*set data\.outside=true"):
        find_inputs([str(tmp_path / "in")])
    (tmp_path / "in" / "linked").unlink()
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "unmounted")
    with pytest.raises(UserError, match=r"linked is a link to .*unmounted, which does not exist"):
        find_inputs([str(tmp_path / "in")])


def test_a_link_beside_its_file_is_no_second_image(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    touched(tmp_path / "in" / "b.png", tmp_path / "in" / "deep" / "d.svs", tmp_path / "pool" / "c.png")
    (tmp_path / "in" / "a.png").symlink_to("b.png")
    (tmp_path / "in" / "z.png").symlink_to("b.png")
    (tmp_path / "in" / "e.svs").symlink_to("deep/d.svs")
    (tmp_path / "in" / "c1.png").symlink_to("../pool/c.png")
    (tmp_path / "in" / "c2.png").symlink_to("../pool/c.png")
    found = find_inputs([str(tmp_path / "in")], outside=True)
    assert [item.path.name for item in found] == ["b.png", "c1.png", "d.svs"]
    told = caplog.messages[0]
    assert all(f"{link} is " in told for link in ("a.png", "c2.png", "e.svs", "z.png"))
    assert "c1.png is " not in told
    (tmp_path / "t.csv").write_text("image,patient\nin/b.png,P1\nin/a.png,P2\n")
    with pytest.raises(UserError, match=r"b\.png: patient 'P1' and 'P2'; correct one of them"):
        find_inputs([str(tmp_path / "t.csv")])


def test_an_empty_name_is_told(tmp_path: Path) -> None:
    touched(tmp_path / "a.png")
    with pytest.raises(UserError, match="'': is an empty name; leave it out"):
        find_inputs([str(tmp_path / "a.png"), ""])


def test_a_name_of_windows_and_several_names_in_one_word_are_told() -> None:
    with pytest.raises(UserError, match=r"no such file or folder; folders are divided by / here"):
        find_inputs([r"slides\a.svs"])
    with pytest.raises(UserError, match=r"no such file or folder; it is one file, not several"):
        find_inputs(["a.csv;b.csv"])
