"""Values become those of 8 bits by the bits that they have, and nobody guesses how many these are."""

import numpy as np
import pytest

from livergrade.io.image_error import ImageError
from livergrade.io.pixel_reading import AS_FILED, PixelReading
from livergrade.io.sample_depth import bits_used, deep_to_eight_bits, to_eight_bits


@pytest.mark.parametrize("bits", range(1, 17))
def test_the_largest_value_is_white(bits: int) -> None:
    most = 2**bits - 1
    values = np.array([0, most // 2, most], np.uint16)
    expected = np.round(values / most * 255)
    np.testing.assert_array_equal(to_eight_bits(values, bits), expected)


@pytest.mark.parametrize(
    ("largest", "stated", "given", "used"),
    [
        (65000, None, None, 16),
        (16384, None, None, 16),
        (4000, 12, None, 12),
        (4000, 12, 14, 12),
        (4000, None, 12, 12),
        (4000, None, 16, 16),
        (60000, 12, None, 16),
        (0, None, None, 16),
    ],
)
def test_the_file_says_it_or_else_its_user(
    largest: int, stated: int | None, given: int | None, used: int
) -> None:
    assert bits_used(largest, stated, PixelReading(given), "TIFF") == used


@pytest.mark.parametrize(
    ("largest", "bits"), [(1, 8), (256, 10), (1024, 12), (4095, 12), (4096, 14), (16383, 14)]
)
def test_dark_values_are_refused_and_the_advice_works(largest: int, bits: int) -> None:
    with pytest.raises(
        ImageError, match=f"values to {largest}, as of {bits} bits in 16; give data.bits={bits}, or"
    ):
        bits_used(largest, None, AS_FILED, "PNG")
    assert bits_used(largest, None, PixelReading(bits), "PNG") == bits
    assert bits_used(largest, None, PixelReading(16), "PNG") == 16


def test_values_beyond_what_the_user_says_are_refused() -> None:
    with pytest.raises(ImageError, match=r"values to 5000, more than the 4095 of data\.bits=12"):
        bits_used(5000, None, PixelReading(12), "TIFF")


def test_transparency_may_use_all_bits() -> None:
    samples = np.dstack([np.full((2, 2), 2000), np.full((2, 2), 65535)]).astype(np.uint16)
    eight = deep_to_eight_bits(samples, 1, None, PixelReading(12), "TIFF")
    assert eight[0, 0].tolist() == [125, 255]
