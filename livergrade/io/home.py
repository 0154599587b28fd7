"""The user's home folder: paths that begin with ``~``, and what is used if it can't be written."""

from __future__ import annotations

import logging
import os
import pwd
import stat
import tempfile
from pathlib import Path

from livergrade.errors import UserError
from livergrade.io.visible import shown

log = logging.getLogger(__name__)


def expanded(path: str | Path) -> Path:
    """Return the absolute path, with ``~`` or ``~name`` at its begin as that user's home folder.

    Raises:
        UserError: there is no such user, or the user has no home folder.
    """
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError:
        raise UserError(
            f"{shown(path)}: there is no such home folder on this machine; write the path without ~"
        ) from None


def provide_home() -> None:
    """Let caches lie in a private temporary folder if there is no home folder that can be written.

    A container may run under a user without an account, or with a home folder that is only readable.
    Libraries look for the home folder too, so the environment of this process tells them; processes that it
    starts inherit that, and do not say it again. Variables that are set stay as they are.
    """
    try:
        home = Path("~").expanduser()
    except RuntimeError:
        home = None
    if home is not None and _can_be_written(home / ".cache"):
        return
    private = _private_folder()
    if home is None:
        os.environ["HOME"] = str(private)
    if "MPLCONFIGDIR" not in os.environ:
        os.environ["MPLCONFIGDIR"] = str(private / "matplotlib")
    if not _has_account():
        os.environ.setdefault("USER", str(os.getuid()))  # for libraries that ask for the user's name
    if "LIVERGRADE_CACHE" not in os.environ:
        os.environ["LIVERGRADE_CACHE"] = str(private / "livergrade")
        reason = (
            "there is no home folder" if home is None else f"the home folder {shown(home)} can't be written"
        )
        log.warning("%s: caches lie in %s; set LIVERGRADE_CACHE=<folder> to keep them", reason, private)


def _can_be_written(folder: Path) -> bool:
    """Whether the folder can be written, or made."""
    existing = next(one for one in (folder, *folder.parents) if one.exists())
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def _private_folder() -> Path:
    """A folder in the temporary folder that no other user can write; the same at each start if possible."""
    folder = Path(tempfile.gettempdir(), f"livergrade-{os.getuid()}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return Path(tempfile.mkdtemp(prefix="livergrade-"))
    private = found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077
    if private and stat.S_ISDIR(found.st_mode):
        return folder
    return Path(tempfile.mkdtemp(prefix="livergrade-"))  # somebody else made the folder


def _has_account() -> bool:
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return False
    return True
