"""Look at the headers of TIFF and JPEG files for what would take a decoder hours or gigabytes."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from livergrade.io.image_error import ImageError

MOST_VALUES = 2_000_000
"""Of one tag of a TIFF; one value for each strip or tile is the longest list that a file needs."""
MOST_TILE_PIXELS = 2**26
"""Of a tile of a TIFF, which is decoded as a whole."""
MOST_TEXT = 2**26
"""Bytes of a tag that is read as a whole."""
MOST_SEGMENTS = 10_000
"""Of a JPEG before its first scan."""
MOST_SCAN_PIXELS = 2_000_000_000
"""Pixels of a JPEG times its scans, of which each goes over all of them; an image needs about ten."""

_PLACES = (273, 279, 324, 325)  # where strips and tiles are, and their lengths
_TEXT = (1, 2, 6, 7)  # kinds of values that are read as bytes
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_READ_WHOLE = (270, 305, 347, 700, 34675)
"""Tags of text that are read as a whole: description, software, JPEG tables, XMP and colour profile."""
_NEW_SUBFILE, _OLD_SUBFILE = 254, 255
_SCAN, _ALONE = 0xDA, (0x01, *range(0xD0, 0xD9))
_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF, 0xF7)


def refuse_tiff(file: BinaryIO, most_pages: int | None = None) -> int:
    """Refuse a TIFF whose directories hold lists or tiles of an absurd size.

    Args:
        file: any file; one that is no TIFF passes.
        most_pages: look at all directories and refuse more than so many; None looks at the first alone.

    Returns:
        The number of directories that were seen and are images: not a smaller copy of one, nor a mask.

    Raises:
        ValueError: says what is absurd.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    start = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(start[:2])
    if order is None or len(start) < 8:
        return 0  # not a TIFF
    large = struct.unpack_from(order + "H", start, 2)[0] == 43
    place = (order + "Q", 8) if large else (order + "I", 4)
    if len(start) < place[1] + struct.calcsize(place[0]):
        return 0
    following = struct.unpack_from(place[0], start, place[1])[0]
    seen: set[int] = set()
    images = 0
    while following and following not in seen:
        if most_pages and len(seen) == most_pages:
            raise ValueError(f"holds more than {most_pages} pages")
        seen.add(following)
        file.seek(min(following, size))  # beyond it, the file is cut short
        images += _refuse_directory(file, order, large)
        end = file.read(struct.calcsize(place[0]))
        if most_pages is None or len(end) < struct.calcsize(place[0]):
            return images
        following = struct.unpack(place[0], end)[0]
    if following:
        raise ValueError("holds pages that follow each other in a circle")
    return images


def _refuse_directory(file: BinaryIO, order: str, large: bool) -> bool:
    """Look at the directory that begins where the file is, and read to its end; whether it is an image."""
    count_code, entry, length = ("Q", "HHQ", 20) if large else ("H", "HHI", 12)
    head = file.read(struct.calcsize(count_code))
    if len(head) < struct.calcsize(count_code):
        return False
    count = struct.unpack(order + count_code, head)[0]
    if count > 65_535:
        raise ValueError(f"says that it has {count} tags")
    directory = file.read(count * length)
    small = {_TILE_WIDTH: 1, _TILE_HEIGHT: 1, _NEW_SUBFILE: 0, _OLD_SUBFILE: 0}
    for place in range(0, len(directory) - length + 1, length):
        tag, kind, values = struct.unpack_from(order + entry, directory, place)
        if values > MOST_VALUES and (kind not in _TEXT or tag in _PLACES):
            raise ValueError(f"says that its tag {tag} has {values} values")
        if values > MOST_TEXT and tag in _READ_WHOLE:
            raise ValueError(f"says that its tag {tag} has {values} bytes")
        if tag in small and kind in (3, 4):
            code = "H" if kind == 3 else "I"
            small[tag] = struct.unpack_from(order + code, directory, place + struct.calcsize("=" + entry))[0]
    if small[_TILE_WIDTH] * small[_TILE_HEIGHT] > MOST_TILE_PIXELS:
        raise ValueError(f"says that its tiles are {small[_TILE_WIDTH]} × {small[_TILE_HEIGHT]} px")
    return not small[_NEW_SUBFILE] & 5 and small[_OLD_SUBFILE] != 2  # bits: a smaller copy, a mask


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


def refuse_jpeg_kind(file: BinaryIO) -> None:
    """Refuse a JPEG whose samples have not 8 bits, or not as many channels as a picture.

    Raises:
        ImageError: says what it is.
    """
    file.seek(0)
    start = file.read(2)
    if start != b"\xff\xd8":
        return
    for _ in range(MOST_SEGMENTS):
        head = file.read(4)
        if len(head) < 4 or head[0] != 0xFF or head[1] == _SCAN:
            return
        if head[1] == 0xFF or head[1] in _ALONE:
            file.seek(-3 if head[1] == 0xFF else -2, os.SEEK_CUR)
            continue
        length = int.from_bytes(head[2:], "big")
        if head[1] == 0xF7 or (0xC0 <= head[1] <= 0xCF and head[1] not in (0xC4, 0xC8, 0xCC)):
            frame = file.read(6)
            if len(frame) == 6 and (frame[0] != 8 or frame[5] not in (1, 3, 4) or head[1] in _LOSSLESS):
                kind = "lossless " if head[1] in _LOSSLESS else ""
                raise ImageError(
                    f"is a {kind}JPEG of {frame[0]} bits, channels: {frame[5]}; save it as RGB of 8 bits"
                )
            return
        file.seek(length - 2, os.SEEK_CUR)


def refuse_larger(data: bytes, width: int, height: int) -> None:
    """Refuse a tile in JPEG, JPEG 2000 or WebP that says it is much larger than its file says.

    Raises:
        ValueError: says how large.
    """
    stated = (0, 0)
    if data.startswith(b"\xff\xd8"):
        at = 2
        while at + 9 <= len(data) and data[at] == 0xFF and data[at + 1] != _SCAN:
            if 0xC0 <= data[at + 1] <= 0xCF and data[at + 1] not in (0xC4, 0xC8, 0xCC):
                tall, wide = struct.unpack_from(">HH", data, at + 5)
                stated = (wide, tall)
                break
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    elif (at := data.find(b"\xff\x4f\xff\x51", 0, 1024)) >= 0 and len(data) >= at + 24:
        right, low, left, top = struct.unpack_from(">IIII", data, at + 8)
        stated = (right - left, low - top)
    elif data[:4] == b"RIFF" and data[8:12] == b"WEBP" and len(data) >= 30:
        stated = _webp_size(data)
    if stated[0] > 2 * width or stated[1] > 2 * height:
        raise ValueError(f"a tile says that it is {stated[0]} × {stated[1]} px")


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height that the first chunk of a WebP says."""
    if data[12:16] == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if data[12:16] == b"VP8L":
        packed = int.from_bytes(data[21:25], "little")
        return 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)
    return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
