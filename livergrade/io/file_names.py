"""Names of files that we write, made from names that others gave."""

from __future__ import annotations

import hashlib
import re

LONGEST = 160
"""Bytes of a name at most: a number, an ending and the mark of an unfinished file follow, 255 in all."""

_UNSAFE = re.compile(
    r'[\x00-\x1f\x7f-\x9f\\/:*?"<>|\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]'
)
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?$", re.IGNORECASE)


def file_name(name: str) -> str:
    """A safe part of a file name; an ordinary name is returned as it is.

    Characters that some disk does not take are replaced, a leading dot, dash or ``~`` and an over-long rest
    are cut; a hash of the whole name is then added, so that distinct names stay distinct.
    """
    safe = _UNSAFE.sub("_", name).lstrip(".-~ ").rstrip(". ")
    if _RESERVED.match(safe) or not safe:
        safe = f"_{safe}"
    if len(safe.encode()) > LONGEST:
        safe = safe.encode()[: LONGEST - 9].decode("utf-8", "ignore")
    if safe == name:
        return name
    return f"{safe}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
