"""Names in tables and on disks: the same letters may be in one piece or in several (Unicode forms)."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path


class SpellingError(Exception):
    """Two files have a name of the same letters; the message names both, and what to do."""


class OnDisk:
    """Finds the spelling on the disk of names that lie below a folder; each folder is listed once.

    Args:
        root: where the names start.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._listed: dict[Path, list[str]] = {}

    def name(self, name: str) -> str:
        """Return the name as the disk has it; unchanged if there is no file of these letters.

        Raises:
            SpellingError: there is more than one.
        """
        if name.isascii() or "\0" in name:
            return name
        folder, parts = self.root, list[str]()
        for part in Path(name).parts:
            if not part.isascii():
                part = match_spelling(part, self._names(folder)) or part
            folder, parts = folder / part, [*parts, part]
        return os.path.join(*parts)  # noqa: PTH118 - text, as in a table

    def _names(self, folder: Path) -> list[str]:
        if folder not in self._listed:
            try:
                self._listed[folder] = [file.name for file in folder.iterdir() if not file.name.isascii()]
            except OSError:
                self._listed[folder] = []
        return self._listed[folder]


def match_spelling(name: str, others: Iterable[str]) -> str | None:
    """The one of other names that has the same letters, composed or not; None if none has.

    Raises:
        SpellingError: several have.
    """
    form = unicodedata.normalize("NFC", name)
    found = sorted({other for other in others if unicodedata.normalize("NFC", other) == form})
    if len(found) > 1:
        both = " and ".join(map(ascii, found))
        raise SpellingError(f"is written in {len(found)} ways: {both}; rename one, or remove it")
    return found[0] if found else None
