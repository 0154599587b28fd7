"""Convert the colours of a TIFF that are neither grey nor RGB, and undo multiplied transparency."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livergrade.io.tiff_kinds import CIELAB, ITULAB

ROWS = 256
"""Rows that are converted at once in floating-point numbers."""
LUMA = (0.299, 0.587, 0.114)
RANGES = (0.0, 255.0, 128.0, 255.0, 128.0, 255.0)
"""Where black and white are in Y, Cb and Cr, as JPEG has it."""
ITU_RANGES = (0.0, 100.0, -85.0, 85.0, -75.0, 125.0)


def from_ycbcr(
    samples: NDArray[np.uint8],
    luma: tuple[float, ...] | None = None,
    ranges: tuple[float, ...] | None = None,
) -> NDArray[np.uint8]:
    """YCbCr as RGB, ``uint8 [height, width, 3]``.

    Args:
        samples: ``[height, width, 3]``.
        luma: shares of red, green and blue in Y, the tag YCbCrCoefficients; None: :data:`LUMA`.
        ranges: the tag ReferenceBlackWhite; None: :data:`RANGES`.
    """
    red, green, blue = luma if luma and len(luma) == 3 and all(luma) else LUMA
    ends = ranges if ranges and len(ranges) == 6 and _is_range(ranges) else RANGES
    rgb = np.empty(samples.shape, np.uint8)
    for top in range(0, len(samples), ROWS):
        part = samples[top : top + ROWS].astype(np.float32)
        y = (part[..., 0] - ends[0]) * (255 / (ends[1] - ends[0]))
        cb = (part[..., 1] - ends[2]) * (127 / (ends[3] - ends[2]))
        cr = (part[..., 2] - ends[4]) * (127 / (ends[5] - ends[4]))
        r, b = y + cr * (2 - 2 * red), y + cb * (2 - 2 * blue)
        g = (y - blue * b - red * r) / green
        rgb[top : top + ROWS] = np.clip(np.round(np.dstack([r, g, b])), 0, 255).astype(np.uint8)
    return rgb


def _is_range(ends: tuple[float, ...]) -> bool:
    return all(ends[at] != ends[at + 1] for at in (0, 2, 4))


def from_lab(samples: NDArray[np.uint8 | np.uint16], kind: int, ranges: object) -> Image.Image:
    """CIELAB, ICCLAB or ITULAB of 8 or 16 bits as an image of the mode LAB, of 8 bits.

    Args:
        samples: ``[height, width, 3]``.
        kind: the tag PhotometricInterpretation.
        ranges: the tag Decode of ITULAB; what is not six numbers is its default.
    """
    samples = samples.view(f"u{samples.dtype.itemsize}")  # a and b may be said to be signed
    eight = np.empty(samples.shape, np.uint8)
    for top in range(0, len(samples), ROWS):
        lab = _lab(samples[top : top + ROWS], kind, ranges)
        eight[top : top + ROWS] = np.clip(np.round(lab), 0, 255).astype(np.uint8)
    return Image.merge("LAB", [Image.fromarray(np.ascontiguousarray(eight[..., band])) for band in range(3)])


def _lab(samples: NDArray[np.uint8 | np.uint16], kind: int, ranges: object) -> NDArray[np.float64]:
    """L of 0 to 255, a and b beginning at -128, as numbers."""
    values = samples.astype(np.float64)
    if kind == ITULAB:
        ends = ITU_RANGES
        if isinstance(ranges, tuple) and len(ranges) == 12 and all(ranges[1::2]):
            ends = tuple(above / below for above, below in zip(ranges[::2], ranges[1::2], strict=True))
        low, high = np.array(ends[::2]), np.array(ends[1::2])
        return np.asarray((low + values / 255 * (high - low)) * (2.55, 1, 1) + (0, 128, 128))
    deep = samples.dtype == np.uint16
    if kind == CIELAB:  # a and b are signed: their upper bit is the sign
        values[..., 1:] = samples[..., 1:] ^ (0x8000 if deep else 0x80)
        return values / ((257, 256, 256) if deep else 1)
    return values / (256 if deep else 1)


def without_multiplication(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colours that were multiplied by the transparency, the last channel, as they were before.

    Args:
        samples: ``[height, width, channels]``.
    """
    undone = samples.copy()
    for top in range(0, len(samples), ROWS):
        part = samples[top : top + ROWS]
        opaque = np.maximum(part[..., -1:], 1).astype(np.float32)
        colours = np.round(part[..., :-1] * (255 / opaque))
        undone[top : top + ROWS, :, :-1] = np.minimum(colours, 255).astype(np.uint8)
    return undone
