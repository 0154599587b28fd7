"""Read the directory of a zip file, in which ``torch.save`` writes, and refuse what it never writes."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import BinaryIO

MOST_RECORDS = 100_000
MOST_DIRECTORY_BYTES = 32 * 2**20

_END, _END64_PLACE, _END64, _RECORD = b"PK\5\6", b"PK\6\7", b"PK\6\6", b"PK\1\2"
_END_BYTES, _RECORD_BYTES, _LOCAL_BYTES = 22, 46, 30


@dataclass(frozen=True)
class Record:
    """One file in the zip file.

    Attributes:
        name: its path in the zip file.
        size: bytes; it is stored as it is.
        header: position of its local header, bytes.
    """

    name: str
    size: int
    header: int


def zip_records(file: BinaryIO) -> list[Record]:
    """Return the records of a zip file whose sizes are what the file really holds.

    Raises:
        ValueError: it is no zip file; a record is compressed or encrypted, twice there or has a path that
            leads elsewhere; or they are too many, or say that they are larger than the file.
    """
    size = file.seek(0, os.SEEK_END)
    count, length, start = zip_end(file, size)
    if count > MOST_RECORDS or length > MOST_DIRECTORY_BYTES or start + length > size:
        raise ValueError(f"it says that it holds {count} records")
    file.seek(start)
    directory, at = file.read(length), 0
    records = []
    while at < length:
        record, at = _record(directory, at)
        records.append(record)
    names = [record.name for record in records]
    if len(names) != count or len({*names}) != count:
        raise ValueError("its directory is not one that torch.save writes")
    if any(name.startswith(("/", "\\")) or ".." in name.split("/") or "\0" in name for name in names):
        raise ValueError("its records have paths that lead elsewhere")
    if sum(record.size for record in records) > size:
        raise ValueError("its records say that they are larger than the file")
    return records


def record_bytes(file: BinaryIO, record: Record) -> bytes:
    """Return what a record holds."""
    file.seek(record.header)
    header = file.read(_LOCAL_BYTES)
    name, extra = struct.unpack_from("<HH", header, 26)
    file.seek(name + extra, os.SEEK_CUR)
    return file.read(record.size)


def zip_end(file: BinaryIO, size: int) -> tuple[int, int, int]:
    """What the end of a zip file says: number of records, and length and position of the directory, bytes.

    Raises:
        ValueError: there is no such end, or it is damaged.
    """
    file.seek(max(0, size - _END_BYTES - 0xFFFF))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or at + _END_BYTES > len(tail):
        raise ValueError("its end is missing")
    count, length, start = struct.unpack_from("<HII", tail, at + 10)
    if at >= 20 and tail.startswith(_END64_PLACE, at - 20):  # beyond 65,535 records or 4 GB
        file.seek(min(size, struct.unpack_from("<Q", tail, at - 12)[0]))
        end = file.read(56)
        if len(end) < 56 or not end.startswith(_END64):
            raise ValueError("its end is damaged")
        count, length, start = struct.unpack_from("<QQQ", end, 32)
    return count, length, start


def _record(directory: bytes, at: int) -> tuple[Record, int]:
    """The record at a position of the directory, and the position of the next."""
    if len(directory) < at + _RECORD_BYTES or not directory.startswith(_RECORD, at):
        raise ValueError("its directory is damaged")
    flags, method = struct.unpack_from("<HH", directory, at + 8)
    stored, size, name_length, extra_length, comment_length = struct.unpack_from("<IIHHH", directory, at + 20)
    header = struct.unpack_from("<I", directory, at + 42)[0]
    name_at = at + _RECORD_BYTES
    extra_at = name_at + name_length
    after = extra_at + extra_length + comment_length
    numbers = _large_numbers(directory[extra_at : extra_at + extra_length])
    size, stored, header = (
        numbers.pop(0) if value == 0xFFFFFFFF and numbers else value for value in (size, stored, header)
    )
    if method or flags & 1 or stored != size:
        raise ValueError("its records are compressed, which torch.save does not do")
    return Record(directory[name_at:extra_at].decode("utf-8"), size, header), after


def _large_numbers(extra: bytes) -> list[int]:
    """The 64-bit numbers of a record's extra fields, which replace those that are too large for 32 bits."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == 1:
            return [
                struct.unpack_from("<Q", extra, place)[0]
                for place in range(at + 4, min(at + 4 + length, len(extra)) - 7, 8)
            ]
        at += 4 + length
    return []
