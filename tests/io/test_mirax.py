"""Files of MIRAX slides."""

from pathlib import Path

import pytest

from livergrade.io.mirax import missing_files

INI = (
    "\ufeff[GENERAL]\r\nSLIDE_ID = 1\r\n[HIERARCHICAL]\r\nINDEXFILE = Index.dat\r\n"
    "[DATAFILE]\r\nFILE_COUNT = 3\r\n"
    "FILE_0 = Data0000.dat\r\nFILE_1 = Data0001.dat\r\nFILE_2 = ../outside.dat\r\n"
)


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "Slidedat.ini").write_text(INI, "utf-8", newline="")
    for name in ("Index.dat", "Data0000.dat", "Data0001.dat"):
        (tmp_path / "m" / name).write_bytes(b"x")
    (tmp_path / "m.mrxs").write_bytes(b"x")
    return tmp_path / "m.mrxs"


def test_a_whole_slide_misses_nothing(slide: Path) -> None:
    assert missing_files(slide) == []  # what lies outside the folder is not looked for


@pytest.mark.parametrize(
    "lost", [["Index.dat"], ["Data0001.dat"], ["Data0000.dat", "Data0001.dat"], ["Slidedat.ini"]]
)
def test_files_that_are_not_there_are_named(slide: Path, lost: list[str]) -> None:
    for name in lost:
        (slide.with_suffix("") / name).unlink()
    assert missing_files(slide) == lost


def test_a_slide_of_which_a_file_is_missing_is_not_opened(slide: Path) -> None:
    pytest.importorskip("openslide")
    from livergrade.io.slide_reader import Slide, SlideError

    with pytest.raises(
        SlideError, match="IMAGENUMBER_X"
    ):  # all files are there: OpenSlide tells of the index
        Slide(slide)
    (slide.with_suffix("") / "Data0001.dat").unlink()
    with pytest.raises(
        SlideError, match=r"Data0001.dat not in its folder m; copy the whole folder beside it"
    ):
        Slide(slide)
