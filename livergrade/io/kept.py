"""What an earlier start left: taken over only if it was made from the same bytes by the same options.

A file is known by its absolute path and its state, never by a name alone: another folder may hold another
file of that name, and a file may be replaced under it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import msgspec

from livergrade.errors import UserError
from livergrade.io.files import atomic_write
from livergrade.io.inside import Inside
from livergrade.io.json_files import read_json
from livergrade.io.regular_files import MEGABYTE, is_regular
from livergrade.io.visible import one_line, shown

log = logging.getLogger(__name__)

FileState = list[int]  # changes when the file changes: size, modification and change time in ns, inode
_LARGEST = 512 * MEGABYTE
_FIX = "what it lists is made again"


def file_state(path: Path) -> FileState | None:
    """Size, modification time, change time and inode of a file, links followed; None if it is not there.

    The change time can't be set back: a file that was overwritten and given its old date has another state.
    """
    try:
        stat = path.stat()
    except (OSError, ValueError):
        return None
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises:
        OSError: it can't be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def identity(path: Path) -> dict[str, Any]:
    """What identifies a file: its absolute ``path`` and its ``state``, None if it is not there.

    Take it before the file is read: a write during reading is then noticed by the next start.
    """
    return {"path": one_line(path.absolute()), "state": file_state(path)}


def digest(values: object) -> str:
    """SHA-256 of values as JSON has them, hexadecimal: one text for many options."""
    return hashlib.sha256(msgspec.json.encode(values, order="deterministic")).hexdigest()


class _Entry(TypedDict):
    """One kept thing: what it was made from, the values that it consists of, and its files."""

    made_from: dict[str, Any]
    values: dict[str, Any]
    files: dict[str, tuple[FileState, str]]  # relative path → state and SHA-256 as they were written


class _Record(TypedDict):
    """Content of the file: ``sha256`` is that of the entries, so that a number changed by hand is noticed."""

    sha256: str
    entries: dict[str, _Entry]


class Kept:
    """Record of what the things in an output folder were made from, saved as a JSON file in that folder.

    A kept thing is a set of values within the record, files in the folder, or both. A record that is damaged,
    or was changed since it was saved, lists nothing, and a warning says so.

    Args:
        record: the JSON file; need not exist.
        options: what shapes all things alike, as JSON has it: each is made from it, too.
    """

    def __init__(self, record: Path, options: Mapping[str, Any] | None = None) -> None:
        self.record = record
        self._options = {"options": digest(options)} if options else {}
        self._inside = Inside(record.parent)
        self._entries: dict[str, _Entry] = {}
        if os.path.lexists(record):
            try:
                self._entries = _read(record)
            except UserError as error:
                log.warning("%s", error)

    @property
    def names(self) -> list[str]:
        """Names of all kept things."""
        return list(self._entries)

    def made_from(self, name: str) -> dict[str, Any] | None:
        """What a kept thing was made from, to name what differs; None if there is no such thing."""
        entry = self._entries.get(one_line(name))
        return entry and entry["made_from"]

    def find(self, name: str, made_from: dict[str, Any]) -> dict[str, Any] | None:
        """Return the values of a thing that was made from exactly this, and whose files are as written.

        Args:
            name: name of the thing, as it was given to :meth:`add`.
            made_from: identities of all inputs, and all options that shape it, as JSON has them.

        Returns:
            Its values, an empty dict if it consists of files alone; None if it must be made again.
        """
        entry = self._entries.get(one_line(name))
        if not entry or entry["made_from"] != _as_json(made_from | self._options):
            return None
        same = all(self._is_as_written(file, *written) for file, written in entry["files"].items())
        return entry["values"] if same else None

    def add(
        self,
        name: str,
        made_from: dict[str, Any],
        *,
        values: Mapping[str, Any] | None = None,
        files: Sequence[Path] = (),
    ) -> None:
        """Note what a thing was made from, in place of an earlier one of this name; see :meth:`save`.

        Args:
            name: name of the thing.
            made_from: as :meth:`find` takes it; identities are those from before the inputs were read.
            values: what it consists of, as JSON has it; no NaN.
            files: its files, as they were just written, below the folder of the record.
        """
        self._entries[one_line(name)] = {
            "made_from": _as_json(made_from | self._options),
            "values": _as_json(values or {}),
            "files": {
                file.relative_to(self.record.parent).as_posix(): (file_state(file) or [], file_sha256(file))
                for file in files
            },
        }

    def remove(self, name: str) -> None:
        """Forget a thing; its files stay."""
        self._entries.pop(one_line(name), None)

    def values(self) -> list[dict[str, Any]]:
        """Values of all things, whatever they were made from."""
        return [entry["values"] for entry in self._entries.values()]

    def save(self) -> None:
        """Write the record; call it after the files of all things were written."""
        self.record.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.record) as part:
            record = {"sha256": digest(self._entries), "entries": self._entries}
            part.write_bytes(msgspec.json.encode(record))

    def _is_as_written(self, name: str, state: FileState, sha256: str) -> bool:
        """Whether a file was not touched since it was written, or has the same bytes nevertheless."""
        path = self.record.parent / name
        if not self._inside.holds(name) or not is_regular(path):
            return False
        try:
            return file_state(path) == state or file_sha256(path) == sha256
        except OSError:
            return False


def _read(record: Path) -> dict[str, _Entry]:
    content = read_json(record, _Record, limit=_LARGEST, fix=_FIX)
    if digest(content["entries"]) != content["sha256"]:
        raise UserError(f"{shown(record)}: was changed since it was written; {_FIX}")
    return content["entries"]


def _as_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as they are read back: lists for tuples, text for names of keys."""
    plain: dict[str, Any] = json.loads(json.dumps(values, allow_nan=False))
    return plain
