"""Read which series a DICOM file belongs to, and whether it is of a slide, from its first elements alone."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from livergrade.io.kept import file_state
from livergrade.io.regular_files import no_file

SLIDE_CLASS = "1.2.840.10008.5.1.4.1.1.77.1.6"
"""SOP class of VL Whole Slide Microscopy Image Storage."""

_HEAD_BYTES = 2**20
"""Of a file that are looked at; the elements that are needed come before the large ones."""
_PREAMBLE = 128
_LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = (0xFFFE, 0xE000), (0xFFFE, 0xE00D), (0xFFFE, 0xE0DD)
_SYNTAX, _CLASS, _SERIES = (0x0002, 0x0010), (0x0008, 0x0016), (0x0020, 0x000E)
_IMPLICIT, _BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"


@dataclass(frozen=True)
class Instance:
    """What one DICOM file is part of.

    Attributes:
        series: its Series Instance UID, empty if it is not found.
        slide: whether it is an image of a whole slide; label and overview are, too.
    """

    series: str
    slide: bool


def is_dicom(path: Path) -> bool:
    """Whether the content of a file begins as DICOM does."""
    return _head(path, _PREAMBLE + 4)[_PREAMBLE:] == b"DICM"


def read_instance(path: Path) -> Instance | None:
    """What a DICOM file is part of; None if it is no DICOM file."""
    state = file_state(path)
    if state is None:
        return None
    key: tuple[object, ...] = (path.absolute(), *state)  # each is asked for several times
    if key not in _known:
        _known[key] = _instance(_head(path, _HEAD_BYTES))
    return _known[key]


_known: dict[tuple[object, ...], Instance | None] = {}


def _instance(head: bytes) -> Instance | None:
    if head[_PREAMBLE : _PREAMBLE + 4] != b"DICM":
        return None
    at, found = _values(head, _PREAMBLE + 4, "<", (_SYNTAX,), group=0x0002)
    syntax = found.get(_SYNTAX, "")
    order = ">" if syntax == _BIG_ENDIAN else "<"
    _, found = _values(head, at, order, (_CLASS, _SERIES), explicit=syntax != _IMPLICIT)
    return Instance(found.get(_SERIES, ""), found.get(_CLASS, "") == SLIDE_CLASS)


def _head(path: Path, length: int) -> bytes:
    if no_file(path):
        return b""
    try:
        with path.open("rb") as file:
            return file.read(length)
    except OSError:
        return b""


def _values(
    data: bytes,
    at: int,
    order: str,
    wanted: tuple[tuple[int, int], ...],
    *,
    explicit: bool = True,
    group: int | None = None,
) -> tuple[int, dict[tuple[int, int], str]]:
    """Texts of the wanted elements that are in no sequence, and where the reading stopped.

    Args:
        data: the beginning of a file.
        at: where the first element begins.
        order: ``<`` or ``>``.
        wanted: tags; the elements come in the order of their tags, so after the last of them it stops.
        explicit: whether elements state the kind of their value.
        group: stop before the first element of another group.
    """
    found: dict[tuple[int, int], str] = {}
    depth = 0
    while at + 8 <= len(data):
        tag = struct.unpack_from(order + "HH", data, at)
        if depth == 0 and ((group is not None and tag[0] != group) or tag > max(wanted)):
            break
        kind = data[at + 4 : at + 6]
        if tag in (_ITEM, _ITEM_END, _SEQUENCE_END) or not explicit:
            length, value = struct.unpack_from(order + "I", data, at + 4)[0], at + 8
        elif kind in _LONG:
            if at + 12 > len(data):
                break
            length, value = struct.unpack_from(order + "I", data, at + 8)[0], at + 12
        else:
            length, value = struct.unpack_from(order + "H", data, at + 6)[0], at + 8
        if tag in (_ITEM_END, _SEQUENCE_END):
            depth = max(0, depth - 1)
        elif length == _UNDEFINED:
            depth, length = depth + 1, 0
        elif depth == 0 and tag in wanted:
            found[tag] = data[value : value + length].decode("ascii", "replace").strip("\0 ")
        at = value + (0 if length == _UNDEFINED else length)
    return at, found
