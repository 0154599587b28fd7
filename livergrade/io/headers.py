"""Look at the headers of TIFF and JPEG files for what would take a decoder hours or gigabytes."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

MOST_VALUES = 1_000_000
"""Of one tag of a TIFF; one value for each strip or tile is the longest list that a file needs."""
MOST_TILE_PIXELS = 2**26
"""Of a tile of a TIFF, which is decoded as a whole."""
MOST_SCAN_PIXELS = 2_000_000_000
"""Pixels of a JPEG times its scans, of which each goes over all of them; an image needs about ten."""

_BYTES_OF = {
    1: 1,
    2: 1,
    6: 1,
    7: 1,
    3: 2,
    8: 2,
    4: 4,
    9: 4,
    11: 4,
    13: 4,
    5: 8,
    10: 8,
    12: 8,
    16: 8,
    17: 8,
    18: 8,
}
_PLACES = (273, 279, 324, 325)  # where strips and tiles are, and their lengths
_TEXT = (1, 2, 6, 7)  # kinds of values that are read as bytes
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_SCAN, _ALONE = 0xDA, (0x01, *range(0xD0, 0xD9))


def refuse_tiff(file: BinaryIO) -> None:
    """Refuse a TIFF whose first directory holds lists or tiles of an absurd size.

    Raises:
        ValueError: says what is absurd.
    """
    file.seek(0)
    start = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(start[:2])
    if order is None or len(start) < 8:
        return  # not a TIFF
    large = struct.unpack_from(order + "H", start, 2)[0] == 43
    at, number, entry = (8, "Q", "HHQ") if large else (4, "I", "HHI")
    if len(start) < at + struct.calcsize(number):
        return
    file.seek(min(struct.unpack_from(order + number, start, at)[0], 2**62))
    head = file.read(8 if large else 2)
    if len(head) < (8 if large else 2):
        return
    count = struct.unpack(order + ("Q" if large else "H"), head)[0]
    if count > 65_535:
        raise ValueError(f"says that it has {count} tags")
    length = 20 if large else 12
    directory = file.read(count * length)
    tile = {_TILE_WIDTH: 1, _TILE_HEIGHT: 1}
    for place in range(0, len(directory) - length + 1, length):
        tag, kind, values = struct.unpack_from(order + entry, directory, place)
        if values > MOST_VALUES and (kind not in _TEXT or tag in _PLACES):
            raise ValueError(f"says that its tag {tag} has {values} values")
        if tag in tile and kind in (3, 4):
            code = "H" if kind == 3 else "I"
            tile[tag] = struct.unpack_from(order + code, directory, place + struct.calcsize("=" + entry))[0]
    if tile[_TILE_WIDTH] * tile[_TILE_HEIGHT] > MOST_TILE_PIXELS:
        raise ValueError(f"says that its tiles are {tile[_TILE_WIDTH]} × {tile[_TILE_HEIGHT]} px")


def refuse_jpeg(file: BinaryIO, pixels: int) -> None:
    """Refuse a JPEG with so many scans that to decode them takes minutes.

    Raises:
        ValueError: says how many they are.
    """
    size = file.seek(0, os.SEEK_END)
    at = 2
    while at + 4 <= size:  # the segments before the first scan; pictures among them are not counted
        file.seek(at)
        head = file.read(4)
        if head[0] != 0xFF or head[1] == _SCAN:
            break
        at += 1 if head[1] == 0xFF else 2 if head[1] in _ALONE else 2 + int.from_bytes(head[2:], "big")
    file.seek(at)
    most = MOST_SCAN_PIXELS // max(1, pixels)
    scans, last = 0, b""
    while block := file.read(2**20):
        scans += (last + block).count(b"\xff\xda")
        last = block[-1:]
        if scans > most:
            raise ValueError(f"has more than {most} scans; save it again")
