"""Files that are one slide together."""

from pathlib import Path

import pytest

from livergrade.io.slide_files import SlideFiles, image_sets, is_slide_part, may_be_dicom, mirax_of
from tests.conftest import write_dicom

VMS = """[Virtual Microscope Specimen]
NoLayers=1
ImageFile=case-40x (0).jpg
ImageFile(1,0)=case-40x (1).JPG
MapFile=case-map.jpg
MacroImage=case-macro.jpg
OptimisationFile=case.opt
AuthCode=x.jpg
"""


def test_the_files_that_an_index_lists_are_its_slides(tmp_path: Path) -> None:
    (tmp_path / "case.vms").write_text(VMS)
    (tmp_path / "damaged.vmu").write_bytes(b"\xff\0=\nImageFile=../other.jpg\nImageFile=damaged.vmu\n")
    files = SlideFiles()
    for name in ("case-40x (0).jpg", "case-40x (1).jpg", "case-map.jpg", "case-macro.jpg", "case.opt"):
        assert files.opened_by(tmp_path / name) == tmp_path / "case.vms", name
    for name in ("x.jpg", "case.vms", "other.jpg", "damaged.vmu"):
        assert files.opened_by(tmp_path / name) == tmp_path / name


def test_the_folder_of_a_mirax_slide_is_the_slide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("case.mrxs", "case/Slidedat.ini", "case/Data0000.dat", "other/Slidedat.ini"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert mirax_of(tmp_path / "case") == tmp_path / "case.mrxs"
    assert mirax_of(tmp_path / "other") is None
    assert mirax_of(tmp_path) is None
    assert SlideFiles().opened_by(tmp_path / "case" / "Data0000.dat") == tmp_path / "case.mrxs"
    monkeypatch.chdir(tmp_path)
    assert mirax_of(Path("case")) == Path("case.mrxs")
    monkeypatch.chdir(tmp_path / "case")
    assert mirax_of(Path()).samefile(tmp_path / "case.mrxs")


def test_a_series_in_a_folder_has_one_key(tmp_path: Path) -> None:
    one, level, other, copied = (
        write_dicom(tmp_path / name, series, number=number)
        for number, (name, series) in enumerate(
            (("a.dcm", "1.2"), ("b", "1.2"), ("c.dcm", "1.3"), ("copy/a.dcm", "1.2"))
        )
    )
    key = SlideFiles().key
    assert key(one) == key(level) == key(tmp_path / "copy" / ".." / "a.dcm")
    assert len({key(one), key(other), key(copied)}) == 3


def test_what_dicom_is_of_no_slide_is_no_part_of_one(tmp_path: Path) -> None:
    assert is_slide_part(write_dicom(tmp_path / "1.2.840.113", "1.2"))
    assert not is_slide_part(write_dicom(tmp_path / "ct.dcm", "1.2", slide=False))
    (tmp_path / "damaged.dcm").touch()
    assert is_slide_part(tmp_path / "damaged.dcm")  # reading it says what is wrong
    (tmp_path / "README").touch()
    assert not is_slide_part(tmp_path / "README")
    assert not may_be_dicom(tmp_path / "a.png")


def test_a_set_of_several_images_is_told(tmp_path: Path) -> None:
    for name, count in (("one", 1), ("three", 3)):
        lines = [f"Image{number}={name}-{number}.ndpi" for number in range(count)]
        (tmp_path / f"{name}.ndpis").write_text(
            "\n".join(["[NanoZoomer Digital Pathology Image Set]", *lines])
        )
    (told,) = image_sets(sorted(tmp_path.iterdir()))
    assert "three.ndpis: is a set of 3 images of one slide" in told
