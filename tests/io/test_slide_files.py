"""Files that are one slide together."""

from pathlib import Path

import pytest

from livergrade.io.kept import file_sha256, identity
from livergrade.io.slide_files import (
    SlideFiles,
    files_of,
    image_sets,
    is_slide_part,
    may_be_dicom,
    mirax_of,
    slide_identity,
    slide_sha256,
)
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


def write_parts(folder: Path, kind: str, stem: str = "case") -> tuple[Path, list[Path]]:
    """A slide of several files: that by which it is opened, and the others. Beside them lie other files."""
    folder.mkdir(exist_ok=True)
    (folder / "notes.txt").write_text("no part")
    (folder / "x.jpg").write_text("no part")
    write_dicom(folder / "other.dcm", "9.9", number=9)
    if kind == "mirax":
        parts = [folder / stem / name for name in ("Slidedat.ini", "Index.dat", "Data0000.dat")]
    elif kind == "hamamatsu":
        parts = [folder / name for name in ("case-40x (0).jpg", "case-map.jpg", "case.opt")]
    else:
        write_dicom(folder / f"{stem}.dcm", "1.2")
        return folder / f"{stem}.dcm", [write_dicom(folder / "level", "1.2", side=64, number=2)]
    for number, part in enumerate(parts):
        part.parent.mkdir(exist_ok=True)
        part.write_text(f"part {number}")
    opened = folder / (f"{stem}.mrxs" if kind == "mirax" else f"{stem}.vms")
    opened.write_text("" if kind == "mirax" else VMS)
    return opened, parts


@pytest.mark.parametrize("kind", ["mirax", "hamamatsu", "dicom"])
def test_a_slide_is_all_its_files_and_no_other(tmp_path: Path, kind: str) -> None:
    opened, parts = write_parts(tmp_path / "a", kind)
    assert set(files_of(opened)) == {opened, *parts}
    before, known = slide_sha256(opened), slide_identity(opened)
    assert slide_sha256(write_parts(tmp_path / "b", kind)[0]) == before  # in any folder
    (tmp_path / "a" / "notes.txt").write_text("another text")
    (tmp_path / "a" / "added.jpg").touch()
    write_dicom(tmp_path / "a" / "added.dcm", "9.8", number=7)
    assert (slide_sha256(opened), slide_identity(opened)) == (before, known)
    for part in parts:
        content = part.read_bytes()
        part.write_bytes(content + b"changed")
        assert slide_sha256(opened) != before, part
        assert slide_identity(opened) != known, part
        part.write_bytes(content)
    assert slide_sha256(opened) == before
    parts[-1].unlink()
    assert slide_sha256(opened) != before


def test_a_copy_under_another_name_is_the_same_slide(tmp_path: Path) -> None:
    first, _ = write_parts(tmp_path / "a", "mirax")
    second, _ = write_parts(tmp_path / "b", "mirax", stem="renamed")
    assert slide_sha256(first) == slide_sha256(second)
    (tmp_path / "b" / "renamed" / ".DS_Store").touch()  # of the file manager
    assert slide_sha256(first) == slide_sha256(second)


def test_a_slide_of_one_file_has_its_hash(tmp_path: Path) -> None:
    (tmp_path / "b.svs").write_text("pixels")
    assert slide_sha256(tmp_path / "b.svs") == file_sha256(tmp_path / "b.svs")
    assert slide_identity(tmp_path / "b.svs") == [identity(tmp_path / "b.svs")]
