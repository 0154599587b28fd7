"""Colours that are neither grey nor RGB, against known values."""

import numpy as np
import pytest
from PIL import Image

from livergrade.io.tiff_colours import from_lab, from_ycbcr, without_multiplication


def test_ycbcr_is_as_in_jpeg() -> None:
    ycbcr = np.random.default_rng(0).integers(0, 256, (300, 20, 3), dtype=np.uint8)
    truth = np.asarray(Image.fromarray(ycbcr, "YCbCr").convert("RGB"), int)
    assert np.abs(from_ycbcr(ycbcr) - truth).max() <= 2


def test_black_and_white_of_video() -> None:
    ends = (16.0, 235.0, 128.0, 240.0, 128.0, 240.0)
    read = from_ycbcr(np.array([[[16, 128, 128], [235, 128, 128]]], np.uint8), None, ends)
    assert read[0].tolist() == [[0, 0, 0], [255, 255, 255]]


@pytest.mark.parametrize(
    ("values", "kind", "dtype"),
    [
        ((136, 80, 67), 8, np.uint8),
        ((136, 208, 195), 9, np.uint8),
        ((34952, 80 * 256, 67 * 256), 8, np.uint16),
        ((136 * 256, 208 * 256, 195 * 256), 9, np.uint16),
        ((136, 248, 181), 10, np.uint8),  # a from -85 to 85, b from -75 to 125
    ],
)
def test_lab_of_red(values: tuple[int, ...], kind: int, dtype: type) -> None:
    lab = from_lab(np.full((4, 4, 3), values, dtype), kind, None)
    assert np.abs(np.array([band.getpixel((0, 0)) for band in lab.split()]) - (136, 208, 195)).max() <= 1


def test_multiplied_colours_come_back() -> None:
    assert without_multiplication(np.array([[[50, 128], [9, 0], [200, 100]]], np.uint8))[
        0, :, 0
    ].tolist() == [
        100,
        255,
        255,
    ]
