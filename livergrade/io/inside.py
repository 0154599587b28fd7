"""Names that a table or a folder gives to files, resolved below one folder or refused."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

ELSEWHERE = re.compile(r"[\\/]{2}|[A-Za-z]:[\\/]|[A-Za-z][A-Za-z0-9+.-]+:[\\/]{2}|file:", re.IGNORECASE)
"""Another machine, a drive or an address: recognised by its text, since only to look there would connect."""


class OutsideError(Exception):
    """The name leads out of its folder, or is no file name; the message gives the reason and the fix."""


class Inside:
    """Resolves names below one folder. Links are followed before the answer is given.

    Args:
        root: the folder.
        outside: whether names may lead out of it. Only what is typed with the command allows that, never a
            file: see ``data.outside``.
    """

    def __init__(self, root: Path, *, outside: bool = False) -> None:
        self.root, self.outside = root, outside
        self._resolved: Callable[[Path], Path] = functools.cache(Path.resolve)  # many files share a folder

    def path(self, name: str) -> Path:
        """Return ``root / name``.

        Raises:
            OutsideError: it lies outside ``root``, or can't be the name of a file.
        """
        path = self.root / name
        if self.outside:
            return path
        try:
            if "\0" in name:  # some functions of pathlib take it for a file that is missing
                raise ValueError(name)
            if ELSEWHERE.match(name) or not self._is_inside(path):
                raise OutsideError(f"lies outside {self.root}; set data.outside=true to allow this")
        except (OSError, ValueError, RuntimeError):
            raise OutsideError("can't be the name of a file") from None
        return path

    def holds(self, name: str) -> bool:
        """Whether the name is one of a file that :meth:`path` returns."""
        try:
            self.path(name)
        except OutsideError:
            return False
        return True

    def _is_inside(self, path: Path) -> bool:
        real = self._resolved(path.parent) / path.name
        if path.name == ".." or real.is_symlink():
            real = real.resolve()
        return real.is_relative_to(self._resolved(self.root))


def same_on_disk(name: str) -> str:
    """Key of a name: equal for names that some disks take for one, by Unicode form or by case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
