"""Decode PNG files of 16 bits a sample, of which Pillow keeps 8."""

from __future__ import annotations

import logging
import struct
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livergrade.io.pixel_reading import PixelReading
from livergrade.io.sample_depth import deep_to_eight_bits

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOURS = {0: 1, 2: 3, 4: 1, 6: 3}
"""Channels that are colours, by the colour type of the header."""
MOST_CHUNKS = 10_000
"""Chunks before the pixels that are looked at."""


def is_deep_png(file: BinaryIO) -> bool:
    """Whether a file is a PNG of 16 bits a sample."""
    file.seek(0)
    start = file.read(26)
    return start.startswith(SIGNATURE) and start[12:16] == b"IHDR" and start[24:25] == b"\x10"


def read_deep_png(file: BinaryIO, reading: PixelReading) -> Image.Image:
    """Decode a PNG of 16 bits a sample.

    Returns:
        An image of 8 bits, of the mode L, RGB or RGBA.

    Raises:
        ImageError: it does not say how many of the bits it uses.
        Exception: of many kinds, where the file is damaged.
    """
    import imagecodecs

    logging.getLogger("imagecodecs").disabled = True  # what is wrong with a file is reported in its own line
    file.seek(0)
    content = file.read()
    colour, significant, clear = _header(content)
    samples: NDArray[np.uint16] = imagecodecs.png_decode(content)
    if samples.dtype != np.uint16:
        raise ValueError("its pixels are not of the depth that its header says")
    samples = samples.reshape(*samples.shape[:2], -1)
    colours = COLOURS[colour]
    if samples.shape[2] == colours and clear is not None:
        opaque = (samples != np.array(clear, np.uint16)).any(2).astype(np.uint16) * 65535
        samples = np.dstack([samples, opaque])
    eight = deep_to_eight_bits(samples, colours, _bits(samples, colours, significant), reading, "PNG")
    if eight.shape[2] == 2:
        eight = eight[..., [0, 0, 0, 1]]
    return Image.fromarray(np.ascontiguousarray(eight[..., 0] if eight.shape[2] == 1 else eight))


def _header(content: bytes) -> tuple[int, int | None, tuple[int, ...] | None]:
    """Colour type, significant bits (``sBIT``), and the colour that is clear (``tRNS``)."""
    colour = content[25]
    significant: int | None = None
    clear: tuple[int, ...] | None = None
    at = 8
    for _ in range(MOST_CHUNKS):
        length, kind = struct.unpack_from(">I4s", content, at)
        if kind == b"IDAT":
            break
        body = content[at + 8 : at + 8 + min(length, 16)]
        if kind == b"sBIT" and body:
            significant = max(body[: COLOURS[colour]])
        elif kind == b"tRNS" and colour in (0, 2):
            clear = struct.unpack(f">{COLOURS[colour]}H", body[: 2 * COLOURS[colour]])
        at += 12 + length
    return colour, significant, clear


def _bits(samples: NDArray[np.uint16], colours: int, significant: int | None) -> int | None:
    """How many bits the values use, by ``sBIT``, the bits that the picture had before it was saved.

    As the standard has it, values of fewer bits are spread over all 16 when they are saved: shifted left, and
    the lower bits are zero or repeat the upper ones. Cameras' programs write them as they are.
    """
    if significant is None or not 8 <= significant < 16:
        return None
    values = samples[..., :colours]
    spread = 16 - significant
    upper = values >> spread
    zeros = (values == upper << spread).all()
    repeated = (values == (upper << spread | upper >> (significant - spread))).all()
    return 16 if zeros or repeated else significant
