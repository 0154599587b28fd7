"""Strips and tiles are all there, or the file is refused."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livergrade.io.images import ImageError, read_rgb
from tests.io.test_tiff_pixels import PICTURE
from tests.io.tiff_writer import pack_ycbcr, tiff

COMPRESSIONS = ["none", "lzw", "deflate", "packbits", "jpeg", "jpeg2000", "webp", "zstd", "lzma"]


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("tiles", [False, True])
def test_a_part_that_is_cut_short_is_told(tmp_path: Path, compression: str, tiles: bool) -> None:
    path, place = tmp_path / "a.tif", 325 if tiles else 279
    content = tiff(PICTURE, "rgb", 8, compression=compression, tiles=tiles)
    path.write_bytes(content)
    read_rgb(path)
    parts = 6 if tiles else 3
    for length in (0, 9):  # of each part, whatever its bytes are
        path.write_bytes(
            tiff(PICTURE, "rgb", 8, compression=compression, tiles=tiles, more={place: (4, [length] * parts)})
        )
        if compression == "none":
            read_rgb(path)  # its length is known
        else:
            with pytest.raises(ImageError, match=r"missing|cut short"):
                read_rgb(path)


def test_parts_that_are_not_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(PICTURE, "rgb", 8, more={257: (4, [400])}))
    with pytest.raises(ImageError, match=r"of \d+ strips, of which \d+ are missing"):
        read_rgb(path)


def test_parts_that_reach_into_each_other_are_refused(tmp_path: Path) -> None:
    """A wrong tag of the rows of a strip would give a picture of the wrong bytes."""
    path, told = tmp_path / "a.tif", r"part 1 reaches into another: its tags of rows or of places are wrong"
    for separate, rows in ((False, 11), (True, 11), (True, len(PICTURE)), (True, 2**31 + 1)):
        path.write_bytes(tiff(PICTURE, "rgb", 8, separate=separate, more={278: (4, [rows])}))
        with pytest.raises(ImageError, match=told):
            read_rgb(path)
    path.write_bytes(tiff(PICTURE, "rgb", 8))
    right = read_rgb(path)
    path.write_bytes(content := tiff(PICTURE, "rgb", 8, more={278: (4, [2**31 + 1])}))
    np.testing.assert_array_equal(read_rgb(path), right)  # its strips follow each other
    length = 10 * PICTURE.shape[1] * 3
    second = content.replace(struct.pack("<II", 8, 8 + length), struct.pack("<II", 8, 9 + length))
    path.write_bytes(second)
    assert second != content
    with pytest.raises(ImageError, match=told):
        read_rgb(path)


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (2, 2), (4, 2)])
def test_pixels_that_share_their_colour(tmp_path: Path, size: tuple[int, int]) -> None:
    grey = np.tile(np.linspace(30, 220, 32).astype(np.uint8), (16, 1))
    ycbcr = np.dstack([grey, np.full_like(grey, 110), np.full_like(grey, 140)])
    strip = pack_ycbcr(ycbcr, *size)
    content = bytearray(
        tiff(ycbcr, "ycbcr", 8, more={530: (3, list(size)), 278: (3, [16]), 279: (4, [len(strip)])})
    )
    content[8 : 8 + len(strip)] = strip  # in place of the strips that the writer made
    (tmp_path / "a.tif").write_bytes(content)
    truth = np.asarray(Image.fromarray(ycbcr, "YCbCr").convert("RGB"), int)
    assert np.abs(read_rgb(tmp_path / "a.tif") - truth).max() <= 2
