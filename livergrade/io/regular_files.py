"""Read regular files alone, and no more of them than a bound: no folder, pipe or device, no link out."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from livergrade.errors import UserError
from livergrade.io.visible import shown

MEGABYTE = 2**20

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def no_file(path: Path) -> str | None:
    """Return why a path is no file that can be read, in words that follow its name; None if it is one.

    It is not opened: a named pipe would block for ever.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - Path.stat refuses a name with a zero byte differently
    except FileNotFoundError:
        return "does not exist"
    except (OSError, ValueError) as error:
        return f"can't be opened: {getattr(error, 'strerror', None) or error}"
    return (
        None if stat.S_ISREG(mode) else f"is {_KINDS.get(stat.S_IFMT(mode), 'no regular file')}, not a file"
    )


def is_regular(path: Path) -> bool:
    """Whether a regular file is there; false, too, for what can't be a file's name or can't be looked up."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether a folder is there, in the same way."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def is_there(path: Path) -> bool:
    """Whether anything is there, links followed, in the same way."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def open_regular(path: Path, limit: int, *, fix: str, called: str = "", links: bool = False) -> BinaryIO:
    """Open a file for reading, once it is known to be a regular one. Nothing else is ever opened.

    Args:
        path: the file.
        limit: bytes that it may have.
        fix: what to do if it can't be read, for the message.
        called: what the file is, for the message: ``a split``.
        links: whether the path may be a link that leads out of the file's folder. A folder from somebody
            else must not choose which of the reader's files are read.

    Raises:
        UserError: it is missing, is no regular file, leads elsewhere, or is too large.
    """
    name = shown(path)
    try:
        if path.exists() and (problem := no_file(path)):
            raise UserError(f"{name}: {problem}; {fix}")
        if not links and not path.resolve().is_relative_to(path.parent.resolve()):
            raise UserError(f"{name}: is a link that leads out of its folder; {fix}")
        # Without blocking, in case that the file was replaced by a pipe in the meantime.
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: a circle of links
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UserError(f"{name}: can't be read{called and f' as {called}'} ({reason}); {fix}") from None
    file = os.fdopen(opened, "rb")
    state = os.fstat(opened)
    if not stat.S_ISREG(state.st_mode) or state.st_size > limit:
        file.close()
        raise UserError(f"{name}: {_too_large(state.st_size, limit)}; {fix}")
    return file


def read_regular(path: Path, limit: int, *, fix: str, called: str = "", links: bool = False) -> bytes:
    """Content of a regular file; the arguments are those of :func:`open_regular`.

    Raises:
        UserError: it is missing, is no regular file, leads elsewhere, or is too large.
    """
    try:
        with open_regular(path, limit, fix=fix, called=called, links=links) as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise UserError(f"{shown(path)}: can't be read ({error.strerror}); {fix}") from None
    if len(content) > limit:  # a file of a system, such as /proc, states no size
        raise UserError(f"{shown(path)}: {_too_large(len(content), limit)}; {fix}")
    return content


def read_regular_text(path: Path, limit: int, *, fix: str, links: bool = False) -> str:
    """The same as text in UTF-8, with or without a byte-order mark.

    Raises:
        UserError: it can't be read, or is not text in UTF-8.
    """
    content = read_regular(path, limit, fix=fix, links=links)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{shown(path)}: is not text in UTF-8 (byte {error.start}); {fix}") from None


def _too_large(size: int, limit: int) -> str:
    return f"is larger than such a file may be ({size:,} bytes, at most {limit:,})"
