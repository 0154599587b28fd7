"""Tiles of a slide decoded without OpenSlide."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livergrade.io.slide_reader import Slide
from livergrade.io.tiled_tiff import tiled_levels
from tests.conftest import write_slide


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide of 1024 × 768 px and three levels, with a coloured square in each quarter."""
    return write_slide(tmp_path_factory.mktemp("slides") / "squares.tif")


def test_tiles_decoded_directly_are_openslides_to_the_bit(path: Path) -> None:
    slide = Slide(path)
    assert sorted(slide.tiled) == [0, 1, 2]
    for level, (left, top, right, bottom) in (
        (0, (37, 120, 300, 410)),
        (1, (0, 0, 512, 384)),
        (2, (5, 9, 200, 150)),
    ):
        corner = left << level, top << level
        shown = slide.file.read_region(corner, level, (right - left, bottom - top)).convert("RGB")
        assert (slide.tiled[level].read(left, top, right, bottom) == np.asarray(shown)).all()
    beyond = slide.tiled[2].read(-10, -20, 300, 250)
    assert (beyond[:20] == 255).all()
    assert (beyond[:, :10] == 255).all()
    assert (beyond[20:212, 10:266] == slide.tiled[2].read(0, 0, 256, 192)).all()
    assert (beyond[212:] == 255).all()


def test_what_only_openslide_knows_is_left_to_it(path: Path, tmp_path: Path) -> None:
    assert set(tiled_levels(path, "generic-tiff", ((1024, 768), (256, 192)))) == {0, 1}
    assert tiled_levels(path, "hamamatsu", ((1024, 768),)) == {}  # others shift or leave out tiles
    assert tiled_levels(path, "generic-tiff", ((1000, 700),)) == {}
    Image.new("RGB", (300, 200)).save(tmp_path / "strips.tif")
    (tmp_path / "none.tif").write_bytes(b"no slide")
    assert tiled_levels(tmp_path / "strips.tif", "generic-tiff", ((300, 200),)) == {}
    assert tiled_levels(tmp_path / "none.tif", "generic-tiff", ((300, 200),)) == {}
