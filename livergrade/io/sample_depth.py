"""Scale the samples of an image from the bits that they have to the 8 of a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from livergrade.io.image_error import ImageError
from livergrade.io.pixel_reading import PixelReading

BLOCK = 2**20
"""Samples that are looked up at once: their places take eight times their own memory."""
CAMERAS = (8, 10, 12, 14)
"""Bits of cameras, whose values files of 16 bits hold as they are."""


def bits_used(largest: int, stated: int | None, reading: PixelReading, what: str) -> int:
    """How many of 16 bits an image uses.

    Args:
        largest: its largest value, transparency not counted.
        stated: the bits that the file says it uses; None: it does not say.
        reading: what its user says.
        what: name of the format in the message, as ``TIFF``.

    Raises:
        ImageError: not stated, and the values are those of fewer bits than 16; or they are more than
            the user says.
    """
    if largest == 0:
        return 16
    if stated is not None and largest < 2**stated:
        return stated
    if reading.bits is not None:
        if largest >= 2**reading.bits:
            raise ImageError(
                f"is a {what} with values to {largest}, more than the {2**reading.bits - 1} of "
                f"data.bits={reading.bits}"
            )
        return reading.bits
    if fewer := [bits for bits in CAMERAS if largest < 2**bits]:
        raise ImageError(
            f"is a {what} with values to {largest}, as of {fewer[0]} bits in 16; give data.bits={fewer[0]}, "
            "or data.bits=16 if it is that dark"
        )
    return 16


def to_eight_bits(samples: NDArray[np.uint8 | np.uint16], bits: int) -> NDArray[np.uint8]:
    """Scale samples so that the largest value of ``bits`` bits becomes 255.

    Args:
        samples: of any shape, none of them larger.
        bits: 1 to 16.
    """
    if bits == 8 and samples.dtype == np.uint8:
        return samples.astype(np.uint8, copy=False)
    table = np.round(np.arange(2**bits) * (255 / (2**bits - 1))).astype(np.uint8)
    scaled = np.empty(samples.shape, np.uint8)
    flat, into = samples.reshape(-1), scaled.reshape(-1)
    for first in range(0, flat.size, BLOCK):
        np.take(table, flat[first : first + BLOCK], out=into[first : first + BLOCK], mode="clip")
    return scaled


def deep_to_eight_bits(
    samples: NDArray[np.uint16], colours: int, stated: int | None, reading: PixelReading, what: str
) -> NDArray[np.uint8]:
    """Scale an image of 16 bits a sample by the bits that it uses.

    Args:
        samples: ``[height, width, channels]``.
        colours: the number of channels that are colours; the rest is transparency, which may use all bits.
        stated: as in :func:`bits_used`.
        reading: as there.
        what: as there.

    Raises:
        ImageError: see :func:`bits_used`.
    """
    bits = bits_used(int(samples[..., :colours].max()), stated, reading, what)
    if samples.shape[2] == colours or samples[..., colours:].max() < 2**bits:
        return to_eight_bits(samples, bits)
    return np.dstack([to_eight_bits(samples[..., :colours], bits), to_eight_bits(samples[..., colours:], 16)])
