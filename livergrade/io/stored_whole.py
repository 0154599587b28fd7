"""Find image files that were stored in part, and that decoders would fill up in silence.

A copy that was interrupted often has the right size and ends in zeros. Decoders paint what is missing grey or
black, or repeat a row, and raise nothing.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import BinaryIO

from livergrade.io.image_error import ImageError

BLOCK = 2**20
CUT = "is damaged or cut short: {}; copy it again"

_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""In the compressed data of a JPEG: what ends it. 00 follows a byte FF of the data, D0 to D7 are restarts."""
_SCAN, _END = 0xDA, 0xD9


def refuse_cut_jpeg(file: BinaryIO) -> None:
    """Refuse a JPEG whose compressed data does not end with its end marker.

    Raises:
        ImageError: it does not.
    """
    at, scanned = 2, False
    while True:
        file.seek(at)
        if scanned:
            at = _next_marker(file, at)
            file.seek(at)
        head = file.read(4)
        if len(head) >= 2 and head[:2] == bytes((0xFF, _END)):
            return
        if len(head) < 4 or head[0] != 0xFF:
            raise ImageError(CUT.format("it has no end marker"))
        if head[1] == 0xFF:
            at += 1
            continue
        scanned = scanned or head[1] == _SCAN
        at += 2 + (0 if head[1] == 0x01 else int.from_bytes(head[2:], "big"))


def _next_marker(file: BinaryIO, at: int) -> int:
    """Where the first marker is that ends compressed data; the end of the file without one."""
    while block := file.read(BLOCK):
        if found := _MARKER.search(block):
            return at + found.start()
        if len(block) == 1:
            return at + 1
        at += len(block) - 1
        file.seek(at)
        if len(block) < BLOCK:
            return at + 1
    return at


def refuse_damaged_png(file: BinaryIO) -> None:
    """Refuse a PNG of which a part does not match its checksum.

    Raises:
        ImageError: one does not.
    """
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        checksum, left = zlib.crc32(kind), length
        while left and (block := file.read(min(left, BLOCK))):
            checksum, left = zlib.crc32(block, checksum), left - len(block)
        if left or file.read(4) != struct.pack(">I", checksum):
            raise ImageError(CUT.format("a part does not match its checksum"))
        if kind == b"IEND":
            return
