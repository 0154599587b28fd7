"""Where a command may write: below the folders that were named, and never through a link."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from livergrade.errors import UserError
from livergrade.io.home import expanded

IN_PLACE = re.compile(r".*\.(log|yaml|db|db-journal|db-wal|db-shm)")
"""Files that are written in place, not renamed: a second hard link to one would be written as well."""
LAUNCHER = ".submitit"
"""Folder of the SLURM launcher in a sweep's folder; it links its submission files to each other."""


@dataclass
class _Named:
    """What the current command may use: folders to write below, and the cache folder, if any."""

    folders: list[Path]
    cache: Path | None


_current: list[_Named] = []


@contextmanager
def write_only_below(folder: Path, *, cache: str | None = None) -> Iterator[None]:
    """Refuse writes elsewhere than below ``folder`` and the cache folder while the context is active.

    Contexts may be nested; only the innermost counts.

    Args:
        folder: the command's output folder.
        cache: the cache folder that the user named; None: none was named.
    """
    _current.append(_Named(_both_names(folder), _absolute(expanded(cache)) if cache else None))
    try:
        yield
    finally:
        _current.pop()


def also_below(folder: Path) -> None:
    """Allow the current command to write below ``folder``, too."""
    if _current:
        _current[-1].folders += _both_names(folder)


def is_named_cache(folder: str) -> bool:
    """Return whether the user named this cache folder; outside of commands every caller did."""
    return not _current or _absolute(expanded(folder)) == _current[-1].cache


def require_writable(path: Path) -> None:
    """Refuse to write a file that is a link or a folder, lies behind a link, or outside of what was named.

    The folders that were named may lie behind links themselves.

    Raises:
        UserError: the file may not be written.
    """
    path = _absolute(path)
    if path.is_symlink():
        raise UserError(_link(path))
    if path.is_dir():
        raise UserError(f"{path}: is a folder, where a file is to be written; name another output folder")
    if not _current:
        return
    for root in _current[-1].folders:
        if path.is_relative_to(root):
            refuse_links_between(root, path.parent)
            return
    raise UserError(
        f"{path}: is not written, since it lies outside of {_current[-1].folders[0]}; name an output folder "
        "that contains it"
    )


def refuse_links_between(named: Path, folder: Path) -> None:
    """Refuse a folder if it, or a folder between it and ``named``, is a symbolic link.

    Raises:
        UserError: one is a link.
    """
    while folder != named and folder.is_relative_to(named):
        if folder.is_symlink():
            raise UserError(_link(folder))
        folder = folder.parent


def refuse_links(folder: Path) -> None:
    """Refuse an output folder that holds anything through which a write would get elsewhere.

    That is: a symbolic link, a pipe, a socket or a device, and a further hard link to a file that is written
    in place. The folder itself may be a link, and need not exist.

    Raises:
        UserError: names the first such entry.
    """
    for entry in _entries(folder):
        path = Path(entry.path)
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:  # a temporary file of another process
            continue
        if stat.S_ISLNK(found.st_mode):
            if not _is_launchers(folder, path):
                raise UserError(_link(path))
        elif not stat.S_ISDIR(found.st_mode) and not stat.S_ISREG(found.st_mode):
            raise UserError(
                f"{path}: is a pipe, a socket or a device; livergrade writes into no folder that holds one: "
                "remove it, or name another folder"
            )
        elif stat.S_ISREG(found.st_mode) and found.st_nlink > 1 and IN_PLACE.fullmatch(path.name):
            raise UserError(
                f"{path}: has {found.st_nlink} hard links, and writing it would change the file elsewhere: "
                "copy it, or name another folder"
            )


def is_plain_file(path: Path) -> bool:
    """Return whether there is a regular file at the path, and no link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    pending = [str(folder)]
    while pending:
        try:
            entries = list(os.scandir(pending.pop()))
        except OSError:  # not there yet, or nothing that this user could write into
            continue
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)


def _is_launchers(folder: Path, link: Path) -> bool:
    """Whether a link is one of the SLURM launcher, from a file in its folder to another one there."""
    own = folder / LAUNCHER
    return link.is_relative_to(own) and link != own and link.resolve().is_relative_to(own.resolve())


def _link(path: Path) -> str:
    return (
        f"{path}: is a link; livergrade writes into no folder that holds links: "
        "remove it, or name another folder"
    )


def _absolute(folder: str | Path) -> Path:
    return Path(os.path.abspath(folder))  # noqa: PTH100 - resolve() would follow links


def _both_names(folder: Path) -> list[Path]:
    """A folder as it was named and as it is reached, since libraries resolve the links above it."""
    return [_absolute(folder), folder.resolve()]
