"""Decode the strips or tiles of a TIFF's page into one array, none of them missing or cut short."""

from __future__ import annotations

import bisect
import math
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from livergrade.io.headers import refuse_larger
from livergrade.io.image_error import ImageError
from livergrade.io.tiff_kinds import FIX, JPEG, JPEG_2000, Page

END = b"\xff\xd9"
"""Of a JPEG and of a JPEG 2000; their decoders fill up what is missing before it."""
PADDING = 64
"""Bytes that may follow it."""


def read_samples(page: Page, file: BinaryIO) -> NDArray[np.uint8 | np.uint16]:
    """Decode a page.

    Args:
        page: of a kind that :func:`livergrade.io.tiff_kinds.refuse_kind` lets pass.
        file: the file.

    Returns:
        ``[height, width, channels]``, as they were written; of YCbCr in JPEG and WebP, RGB.

    Raises:
        ImageError: parts are missing or cut short.
        Exception: of many kinds, where the compressed data is damaged.
    """
    separate = int(page.planarconfig) == 2 and page.samplesperpixel > 1
    channels = page.samplesperpixel
    dtype = np.uint8 if page.bitspersample <= 8 else page.dtype
    samples = np.empty((page.imagelength, page.imagewidth, channels), dtype)
    height, width = (
        (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
    )
    down, across = (math.ceil(page.imagelength / height), math.ceil(page.imagewidth / width))
    count = down * across * (channels if separate else 1)
    name = "tile" if page.is_tiled else "strip"
    if len(page.dataoffsets) < count:
        raise ImageError(
            f"is a TIFF of {count} {name}s, of which {count - len(page.dataoffsets)} are missing"
        )
    starts = _starts(page, count)
    subsampled = page.is_subsampled and int(page.compression) != JPEG
    for number in range(count):
        plane, place = divmod(number, down * across)
        top, left = place // across * height, place % across * width
        rows, columns = min(height, page.imagelength - top), min(width, page.imagewidth - left)
        stored = (height if page.is_tiled else rows, width)
        data = _segment(page, file, number, stored, 1 if separate else channels, starts)
        if not data:
            raise ImageError(f"is a TIFF whose {name} {number + 1} of {count} is missing")
        if subsampled:
            decoded = _unpacked(page, data, *stored)
        else:
            decoded = page.decode(data, number, jpegtables=page.jpegtables)[0]
            decoded = decoded.reshape(decoded.shape[-3:])
        part = slice(plane, plane + 1) if separate else slice(None)
        samples[top : top + rows, left : left + columns, part] = decoded[:rows, :columns]
    return samples


def _starts(page: Page, count: int) -> list[int]:
    """Where parts begin, in order; of those beyond the ones that are used, which do not follow another."""
    listed, lengths = (page.tags.valueof(tag) for tag in ((324, 325) if page.is_tiled else (273, 279)))
    starts = set(page.dataoffsets[:count])
    if isinstance(listed, tuple) and isinstance(lengths, tuple) and len(listed) == len(lengths) > count:
        ends = {start + length for start, length in zip(listed, lengths, strict=True)}
        starts |= {start for start in listed if start not in ends}
    return sorted(starts)


def _segment(
    page: Page, file: BinaryIO, number: int, size: tuple[int, int], channels: int, starts: list[int]
) -> bytes:
    """The bytes of one strip or tile; ``starts`` has the places of all of them, in order.

    Raises:
        ImageError: it ends after the file, says more bytes than its pixels can take, or reaches into another.
        ValueError: it says that it is of much larger pixels.
    """
    code = int(page.compression)
    whole = size[0] * math.ceil(size[1] * channels * page.bitspersample / 8)
    if code == 1 and not page.is_subsampled:
        length = whole  # some programs write a wrong number of bytes
        following = bisect.bisect_right(starts, page.dataoffsets[number])
        if following < len(starts) and starts[following] < page.dataoffsets[number] + whole:
            raise ImageError(
                f"is a TIFF whose part {number + 1} reaches into another: its tags of rows or of places "
                "are wrong; save it again"
            )
    elif number < len(page.databytecounts):
        length = page.databytecounts[number]
    else:
        length = 0
    if length > 2 * whole + 2**16:
        raise ImageError(f"is a TIFF whose part {number + 1} says that it is {length} bytes")
    if not page.dataoffsets[number] or not length:
        return b""
    file.seek(page.dataoffsets[number])
    data = file.read(length)
    end = data[-PADDING:] if code == JPEG or code in JPEG_2000 else END
    if len(data) < length or END not in end:
        raise ImageError(f"is a TIFF that is cut short: its part {number + 1} is not complete")
    refuse_larger(data, size[1], size[0])
    return data


def _unpacked(page: Page, data: bytes, rows: int, columns: int) -> NDArray[np.uint8]:
    """YCbCr of which several pixels share a colour, as ``uint8 [rows, columns, 3]``.

    Raises:
        ImageError: it has a layout that is not read, or too few bytes.
    """
    import imagecodecs
    import tifffile

    across, down = page.subsampling or (1, 1)
    if int(page.planarconfig) == 2 or page.samplesperpixel != 3 or int(page.predictor) != 1:
        raise ImageError(f"is a TIFF of YCbCr in separate planes or with a predictor; {FIX}")
    blocks = math.ceil(rows / down), math.ceil(columns / across)
    size = blocks[0] * blocks[1] * (across * down + 2)
    if page.fillorder == 2:
        data = bytes(imagecodecs.bitorder_decode(data))
    if int(page.compression) != 1:
        data = bytes(tifffile.TIFF.DECOMPRESSORS[int(page.compression)](data, out=size))
    if len(data) < size:
        raise ImageError("is a TIFF that is cut short")
    units = np.frombuffer(data, np.uint8, size).reshape(*blocks, across * down + 2)
    squares = units[..., :-2].reshape(*blocks, down, across).transpose(0, 2, 1, 3)
    light = squares.reshape(blocks[0] * down, blocks[1] * across)
    colour = units[..., -2:].repeat(down, 0).repeat(across, 1)
    return np.dstack([light, colour])[:rows, :columns]
