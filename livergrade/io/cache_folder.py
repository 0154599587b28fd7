"""The folder of caches: marked as livergrade's, since files are removed from it to make room."""

from __future__ import annotations

import logging
import os
import re
from contextlib import suppress
from pathlib import Path

from livergrade.errors import UserError
from livergrade.io.files import PART
from livergrade.io.home import expanded
from livergrade.io.write_below import also_below, is_named_cache, is_plain_file

log = logging.getLogger(__name__)

MARKER = ".livergrade_cache"
ARRAY = re.compile(r"[0-9a-f]{16}_\d+x\d+px\.npy")
"""Name of an array of decoded images, as `livergrade.data.cache` writes it."""
_OWN_FILE = re.compile(
    rf"{ARRAY.pattern}|\.[0-9a-f]{{16}}_\d+x\d+px\.lock|[0-9a-f]{{16}}\.(json|tgz)|\..+\.\d+\.part"
)
_OWN_FOLDER = re.compile(r"\.?synthetic-liver-\d+-patients-[0-9a-f]{12}(\..+)?")
_SUBFOLDERS = ("images", "fingerprints", "npm")


def cache_folder(named: str | None) -> Path:
    """Return the folder of caches: the named one, ``$LIVERGRADE_CACHE`` or ``~/.cache/livergrade``.

    A folder that holds other files is not used itself, but a subfolder ``livergrade`` of it. A folder that
    only the options of a stored run name is used if it is a cache of this user already, else the default is.

    Args:
        named: ``data.cache_dir``.
    """
    default = expanded(os.environ.get("LIVERGRADE_CACHE") or "~/.cache/livergrade")
    folder = expanded(named) if named else default
    if named and not is_named_cache(named) and not _is_own_cache(folder):
        log.warning(
            "%s: is not used for caches, since only the run's own options name it; caches lie in %s",
            folder,
            default,
        )
        folder = default
    folder = claim(folder)
    also_below(folder)
    return folder


def claim(folder: Path) -> Path:
    """Mark a folder as one of caches; return its subfolder ``livergrade`` if it holds other files.

    A folder that can't be written is left as it is: who writes there reports it.

    Raises:
        UserError: the folder, which lies in a marked one, is a link.
    """
    if (folder.parent / MARKER).is_file():
        return _no_link(folder)
    with suppress(OSError):
        folder.mkdir(parents=True)
    if _holds_others(folder):
        folder = _no_link(folder / "livergrade")
        with suppress(OSError):
            folder.mkdir()
    with suppress(OSError):  # it is there, or the folder can't be written
        os.close(os.open(folder / MARKER, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY, 0o666))
    return folder


def _holds_others(folder: Path) -> bool:
    """Whether a folder without a marker holds anything but caches."""
    try:
        found = list(folder.iterdir())  # before the marker is looked for: another process may just make it
        return not is_plain_file(folder / MARKER) and not all(_is_own(path) for path in found)
    except OSError:
        return False


def _is_own(path: Path) -> bool:
    if path.is_symlink():
        return False
    if path.is_dir():
        inside = path.name in _SUBFOLDERS and all(
            is_plain_file(file) and _is_own(file) for file in path.iterdir()
        )
        return inside or bool(_OWN_FOLDER.fullmatch(path.name))
    return bool(_OWN_FILE.fullmatch(path.name) or PART.fullmatch(path.name) or path.name == MARKER)


def _is_own_cache(folder: Path) -> bool:
    """Whether this user's livergrade has used the folder, or its subfolder, before."""
    markers = [one / MARKER for one in (folder, folder / "livergrade")]
    return any(is_plain_file(marker) and marker.lstat().st_uid == os.getuid() for marker in markers)


def _no_link(folder: Path) -> Path:
    if folder.is_symlink():
        raise UserError(
            f"{folder}: is a link in a folder of caches; remove it, or set data.cache_dir=<folder>"
        )
    return folder
