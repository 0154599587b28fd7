"""A TIFF that holds no one picture is refused by what it is."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from livergrade.io.images import ImageError, read_header, read_rgb
from livergrade.io.pixel_reading import PixelReading
from tests.io.test_tiff_pixels import PICTURE
from tests.io.tiff_writer import tiff

RGBX = np.dstack([PICTURE, PICTURE[..., :1]])
SHORT, ASCII = 3, 2


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({259: (SHORT, [34676])}, r"compressed with SGILOG \(compression 34676\)"),
        ({259: (SHORT, [6])}, r"compressed with OJPEG"),
        ({262: (SHORT, [32803])}, "the raw values of a camera's sensor"),
        ({262: (SHORT, [77])}, r"values of an unknown meaning \(77\)"),
        ({262: (SHORT, [5])}, "of CMYK with 3 channels, and needs 4"),
        ({258: (SHORT, [5, 6, 5])}, "whose channels have 5, 6, 5 bits"),
        ({256: (4, [0])}, "does not say its width and height"),
        ({32997: (4, [4])}, "of 4 layers in depth"),
        ({270: (ASCII, list(b"ImageJ=1.54f\nimages=5\nchannels=5\n\0"))}, r"of 5 images \(ImageJ\)"),
        ({254: (4, [1]), 330: (4, [8, 8])}, "whose first page is a smaller copy"),
    ],
)
def test_what_is_no_one_picture(tmp_path: Path, more: dict, line: str) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(PICTURE, "rgb", 8, more=more))
    with pytest.raises(ImageError, match=f"is a TIFF .*{line}"):
        read_header(path)


def test_a_file_that_does_not_say_what_its_values_mean(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    content = tiff(PICTURE, "rgb", 8)
    path.write_bytes(content.replace(b"\x06\x01\x03\0", b"\x07\x01\x03\0", 1))  # tag 262 becomes 263
    with pytest.raises(ImageError, match="does not say what its values mean"):
        read_rgb(path)


def test_further_channels(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(RGBX, "rgb", 8, extra=(0,)))
    np.testing.assert_array_equal(read_rgb(path), PICTURE)
    path.write_bytes(tiff(RGBX, "rgb", 8, extra=None))
    with pytest.raises(ImageError, match="one more channel than colours"):
        read_rgb(path)
    opaque = np.dstack([PICTURE, np.full_like(PICTURE[..., 0], 255)])
    path.write_bytes(tiff(opaque, "rgb", 8, extra=None))
    np.testing.assert_array_equal(read_rgb(path), PICTURE)
    path.write_bytes(tiff(RGBX, "black", 8, extra=(0, 0, 0)))
    with pytest.raises(ImageError, match="of 4 grey channels"):
        read_rgb(path)


def test_smaller_copies_and_masks_are_no_second_image(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as file:
        file.write(PICTURE, photometric="rgb")
        file.write(PICTURE[::2, ::2], photometric="rgb", subfiletype=1)
        file.write(PICTURE[..., 0] > 99, photometric=4, subfiletype=4)
    np.testing.assert_array_equal(read_rgb(path), PICTURE)
    with tifffile.TiffWriter(path) as file:
        file.write(PICTURE[::1, ::2], photometric="rgb", subfiletype=1)
        file.write(PICTURE, photometric="rgb")
    with pytest.raises(ImageError, match="whose first page is a smaller copy"):
        read_rgb(path)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: tifffile.imwrite(
            path, np.zeros((3, 20, 20), np.uint8), photometric="minisblack", ome=True
        ),
        lambda path: tifffile.imwrite(path, np.zeros((3, 20, 20), np.uint8), imagej=True),
        lambda path: tifffile.imwrite(path, np.zeros((3, 20, 20), np.uint8), photometric="minisblack"),
    ],
)
def test_stacks_of_images(tmp_path: Path, write) -> None:
    write(tmp_path / "a.tif")
    with pytest.raises(ImageError, match=r"3 (pages|images)"):
        read_rgb(tmp_path / "a.tif")


DARK = (PICTURE.astype(np.uint16) << 4) | 15
OME = '<OME><Image><Pixels SizeZ="1" SizeC="3" SizeT="1" SignificantBits="12"/></Image></OME>'


@pytest.mark.parametrize(
    "more",
    [
        {281: (SHORT, [4095] * 3)},
        {341: (SHORT, [4095] * 3)},
        {270: (ASCII, list(OME.encode() + b"\0"))},
    ],
)
def test_tags_say_how_many_bits_are_used(tmp_path: Path, more: dict) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(DARK, "rgb", 16, more=more))
    assert np.abs(read_rgb(path).astype(int) - PICTURE).max() <= 1
    path.write_bytes(tiff(DARK, "rgb", 16))
    with pytest.raises(ImageError, match=r"with values to 3\d*, as of 12 bits in 16; give data\.bits=12"):
        read_rgb(path)
    assert np.abs(read_rgb(path, reading=PixelReading(12)).astype(int) - PICTURE).max() <= 1
    path.write_bytes(
        tiff(DARK, "rgb", 16, more={281: (SHORT, [65535] * 3)})
    )  # its default, which says nothing
    with pytest.raises(ImageError, match="as of 12 bits"):
        read_rgb(path)
