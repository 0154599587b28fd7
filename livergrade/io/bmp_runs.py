"""Refuse a BMP of run lengths (RLE) that leaves pixels out, which its decoder would fill with a colour."""

from __future__ import annotations

import struct
from typing import BinaryIO

from livergrade.io.image_error import ImageError

RLE8, RLE4 = 1, 2
"""Of the field biCompression."""
END_OF_ROW, END, SKIP = 0, 1, 2


def refuse_gaps(file: BinaryIO) -> None:
    """Refuse a BMP of run lengths that does not give every pixel; any other file passes.

    Raises:
        ImageError: it leaves pixels out.
    """
    file.seek(0)
    header = file.read(34)
    if len(header) < 34 or header[:2] != b"BM" or struct.unpack_from("<I", header, 14)[0] < 40:
        return
    start, (width, height), kind = (
        struct.unpack_from("<I", header, 10)[0],
        struct.unpack_from("<ii", header, 18),
        struct.unpack_from("<I", header, 30)[0],
    )
    if kind in (RLE8, RLE4):
        file.seek(start)
        if not _is_filled(file.read(), width, abs(height), kind):
            raise ImageError("is a BMP whose runs (RLE) leave pixels out; save it as RGB of 8 bits")


def _is_filled(data: bytes, width: int, height: int, kind: int) -> bool:
    """Whether runs give each pixel of each row; what they give beyond the end of a row does not matter."""
    at, column, row = 0, 0, 0
    while at + 1 < len(data):
        count, value = data[at], data[at + 1]
        at += 2
        if count:
            column += count
        elif value == SKIP:
            return False
        elif value > SKIP:  # so many pixels as they are, to an even number of bytes
            column += value
            size = value if kind == RLE8 else (value + 1) // 2
            at += size + size % 2
        else:
            if column < width and (value == END_OF_ROW or column):
                return False
            row, column = row + (column > 0), 0
            if value == END:
                break
    return row + (column >= width > 0) >= height
