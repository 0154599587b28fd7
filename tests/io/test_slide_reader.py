"""Slides: size, resolution, any part at any level, and where there is tissue."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livergrade.io import slide_reader
from livergrade.io.colour import to_srgb
from livergrade.io.slide_reader import Slide, SlideError
from tests.conftest import COLOURS, write_slide
from tests.io import profiles


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide of 1024 × 768 px and three levels, with a coloured square in each quarter."""
    return write_slide(tmp_path_factory.mktemp("slides") / "squares.tif")


def test_a_slide_says_its_size_and_resolution(path: Path) -> None:
    slide = Slide(path)
    assert (slide.width, slide.height) == (1024, 768)
    assert slide.mpp == pytest.approx(0.5)
    assert slide.file.level_count == 3


@pytest.mark.parametrize("reduced", [1, 2, 4])
def test_every_level_shows_the_same_place(path: Path, reduced: int) -> None:
    """The squares' edges lie on the pixel at every level, also where the part begins outside the slide."""
    slide = Slide(path)
    left, top = -64, -128
    shown = slide.read(left, top, 1152, 1024, (1152 // reduced, 1024 // reduced))
    for (x, y, side), colour in COLOURS.items():
        rows = slice((y - top) // reduced, (y + side - top) // reduced)
        columns = slice((x - left) // reduced, (x + side - left) // reduced)
        assert np.abs(shown[rows, columns].astype(int) - colour).max() <= 12, (x, y)
        inner = shown[rows, columns][2:-2, 2:-2].astype(int)
        assert np.abs(inner - colour).max() <= 3
        around = (slice(rows.start - 4, rows.stop + 4), slice(columns.start - 4, columns.stop + 4))
        is_square = np.abs(shown[around].astype(int) - colour).sum(2) < 60
        assert is_square.sum() == (side // reduced) ** 2
    assert (shown[: 128 // reduced - 4] == 255).all()  # above the slide


def test_a_part_read_in_strips_is_the_part_read_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slide = Slide(path)
    whole = slide.read(10.3, 20.7, 900.5, 700.25, (317, 251))
    monkeypatch.setattr("livergrade.io.slide_reader.STRIP_PIXELS", 20_000)
    assert np.abs(slide.read(10.3, 20.7, 900.5, 700.25, (317, 251)).astype(int) - whole).max() <= 2


def test_tissue_is_where_the_colour_is(path: Path) -> None:
    tissue = Slide(path).tissue
    squares = np.array(list(COLOURS))
    assert tissue.share(squares[:, 0] + 10.0, squares[:, 1] + 10.0, 200).min() > 0.95
    assert tissue.share(np.array([480.0]), np.array([340.0]), 40).max() == 0
    beyond = tissue.share(np.array([squares[0, 0] - 118.0]), np.array([float(squares[0, 1])]), 236)
    assert beyond == pytest.approx(0.5, abs=0.03)


def test_what_is_no_slide_is_told(tmp_path: Path, path: Path) -> None:
    for name, content in (("text.svs", b"no slide"), ("empty.tif", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SlideError, match="not a slide"):
            Slide(tmp_path / name)
    with pytest.raises(SlideError, match="does not exist"):
        Slide(tmp_path / "nowhere.svs")
    silent = write_slide(tmp_path / "silent.tif", mpp=None)
    with pytest.raises(SlideError, match="slide_mpp"):
        Slide(silent)
    assert Slide(silent, 0.25).mpp == 0.25
    printed = write_slide(tmp_path / "printed.tif", mpp=352.8)
    with pytest.raises(SlideError, match="no microscope"):
        Slide(printed)


@pytest.mark.parametrize("mpp", [1e-9, 1e9, float("nan"), -1.0, 0.0])
def test_a_size_of_pixels_that_no_microscope_has_is_refused(path: Path, mpp: float) -> None:
    with pytest.raises(SlideError, match="has an mpp of"):
        Slide(path, mpp)


def test_sides_and_levels_that_no_scanner_makes_are_refused(path: Path, monkeypatch) -> None:
    for name, most, told in (
        ("MOST_SIDE", 1000, "1024 × 768 px, which no scanner makes"),
        ("MOST_SMALLEST", 1000, "has no level of fewer than"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(slide_reader, name, most)
            with pytest.raises(SlideError, match=told):
                Slide(path)
    monkeypatch.setattr(slide_reader, "MOST_PIXELS_AT_ONCE", 1000)
    with pytest.raises(SlideError, match="no level from which this region is read"):
        Slide(path).read(0, 0, 512, 512, (512, 512))


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.tif")
    for name in ("a.tif", ".", "a\0b"):
        with pytest.raises(SlideError, match=r"not a file|can't be opened"):
            Slide(tmp_path / name)


def test_a_colour_profile_is_applied_where_that_is_asked_for(tmp_path: Path) -> None:
    carried = profiles.rgb(profiles.DISPLAY_P3)
    path, (x, y, _) = write_slide(tmp_path / "p.tif", icc=carried), next(iter(COLOURS))
    plain = Slide(path).read(x, y, 64, 64, (64, 64))
    assert (plain == Slide(write_slide(tmp_path / "s.tif")).read(x, y, 64, 64, (64, 64))).all()
    slide = Slide(path, icc="apply")
    expected = np.asarray(to_srgb(Image.fromarray(plain), {"icc_profile": carried}))
    assert np.abs(expected.astype(int) - plain).max() > 5
    assert (slide.read(x, y, 64, 64, (64, 64)) == expected).all()
    slide.tiled = {}  # through OpenSlide
    assert (slide.read(x, y, 64, 64, (64, 64)) == expected).all()
    assert (slide.read(-64, -64, 32, 32, (32, 32)) == 255).all()  # beyond the slide


def test_a_profile_that_can_not_be_applied_is_refused_at_once(tmp_path: Path) -> None:
    for name, carried, told in (
        ("a.tif", b"no profile", "broken colour profile"),
        ("b.tif", profiles.grey(profiles.parametric(1.8)), "for GRAY pixels, and its own are RGB"),
    ):
        path = write_slide(tmp_path / name, icc=carried)
        Slide(path)
        with pytest.raises(SlideError, match=told):
            Slide(path, icc="apply")
    assert not Slide(write_slide(tmp_path / "c.tif", icc=profiles.rgb()), icc="apply").converted
