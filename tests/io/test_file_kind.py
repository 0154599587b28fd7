"""An image or a slide, by content."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile

from livergrade.io import file_kind as kinds
from livergrade.io.file_kind import EITHER, IMAGE, SLIDE, file_kind, is_image_alone, of_image_column
from tests.conftest import draw_image, write_dicom, write_slide

APERIO = "Aperio Image Library v1\r\n64x48 [0,0 64x48] (16x16)|AppMag = 20|MPP = 0.5"


def tiff(path: Path, *, description: str | None = None, **options: object) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    with tifffile.TiffWriter(path) as file:
        file.write(pixels, photometric="rgb", description=description, metadata=None, **options)
    return path


def test_a_small_tiff_of_one_level_is_an_image_tiled_or_not(tmp_path: Path) -> None:
    resolution = {"resolution": (2e4, 2e4), "resolutionunit": "CENTIMETER"}
    for options in ({}, {"tile": (16, 16)}, {"tile": (16, 16)} | resolution):
        assert file_kind(tiff(tmp_path / "a.tif", **options)) == IMAGE
    draw_image(tmp_path / "b.png", 0, 0)
    assert file_kind(tmp_path / "b.png") == IMAGE


def test_levels_scanners_dicom_and_size_make_a_slide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert file_kind(write_slide(tmp_path / "levels.tif", mpp=None)) == SLIDE
    assert file_kind(write_slide(tmp_path / "levels_of_another.name")) == SLIDE
    assert file_kind(write_dicom(tmp_path / "IM0001", "1.2")) == SLIDE
    assert file_kind(tmp_path / "any.svs") == SLIDE
    large = tiff(tmp_path / "large.tif", tile=(16, 16))
    monkeypatch.setattr(kinds, "MOST_PIXELS", 48 * 64 - 1)
    assert file_kind(large) == SLIDE
    assert file_kind(tiff(tmp_path / "flat.tif")) == IMAGE  # which says that it is too large


def test_what_fits_both_is_neither(tmp_path: Path) -> None:
    one = tiff(tmp_path / "cut.tif", description=APERIO, tile=(16, 16))
    assert file_kind(one) == EITHER
    assert of_image_column(one) == IMAGE
    sub = tmp_path / "ome.tif"
    with tifffile.TiffWriter(sub) as file:
        options = {"tile": (16, 16), "photometric": "rgb", "metadata": None}
        file.write(np.zeros((48, 64, 3), np.uint8), subifds=1, **options)
        file.write(np.zeros((24, 32, 3), np.uint8), subfiletype=1, **options)
    assert file_kind(sub) == EITHER


def test_the_column_image_takes_what_training_takes(tmp_path: Path) -> None:
    assert of_image_column(tiff(tmp_path / "a.tif", tile=(16, 16))) == IMAGE
    assert of_image_column(write_slide(tmp_path / "b.tif")) == IMAGE  # of which it reads the first level
    assert of_image_column(write_dicom(tmp_path / "c.dcm", "1.2.7")) == SLIDE


def test_where_slides_are_looked_for_a_plain_image_is_none(tmp_path: Path) -> None:
    assert is_image_alone(tiff(tmp_path / "flat.tif"))
    assert not is_image_alone(tiff(tmp_path / "tiled.tif", tile=(16, 16)))
    (tmp_path / "damaged.tif").touch()
    assert not is_image_alone(tmp_path / "damaged.tif")


def test_without_openslide_levels_are_still_a_slide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slide = write_slide(tmp_path / "levels.tif")
    monkeypatch.setattr(kinds, "_OPENSLIDE", False)
    assert file_kind(slide) == SLIDE  # to which the command says what to install
    assert file_kind(tiff(tmp_path / "a.tif", tile=(16, 16))) == IMAGE


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.tif")
    assert file_kind(tmp_path / "a.tif") == IMAGE


def test_decoders_say_nothing_of_a_damaged_file(tmp_path: Path) -> None:
    file = tiff(tmp_path / "a.tif")
    content = bytearray(file.read_bytes())
    for at in range(8, len(content), 97):
        content[at] ^= 0xFF
    file.write_bytes(content[: len(content) // 2])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        file_kind(file)
    assert not [line for line in told if "PIL" in line.filename]
