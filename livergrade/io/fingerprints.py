"""Identify files by SHA-256, and hash a file again only if it was changed."""

import json
import logging
import os
from pathlib import Path

from livergrade.errors import UserError
from livergrade.io.bars import bar as progress_bar
from livergrade.io.files import atomic_write
from livergrade.io.json_files import read_json
from livergrade.io.kept import FileState, file_sha256, file_state
from livergrade.io.memory import reading_threads
from livergrade.io.regular_files import MEGABYTE

log = logging.getLogger(__name__)

_Known = tuple[FileState, str]
_LARGEST = 256 * MEGABYTE
_FIX = "the images are hashed again"


class Fingerprints:
    """SHA-256 of files, cached between runs.

    A file counts as unchanged if its size, modification time, change time and inode are the same. The change
    time can't be set back, so a file that was overwritten and given its old date is hashed again.

    Args:
        memory: JSON file used as the cache; None: no cache.
    """

    def __init__(self, memory: Path | None) -> None:
        self.memory = memory
        self.known: dict[str, _Known] = {}
        if memory and os.path.lexists(memory):
            try:
                self.known = read_json(memory, dict[str, _Known], limit=_LARGEST, fix=_FIX)
            except UserError as error:
                log.warning("%s", error)

    def recalls(self, path: Path) -> bool:
        """Whether the file is unchanged since it was last hashed."""
        name = str(path.absolute())
        return name in self.known and self.known[name][0] == file_state(path)

    def of(self, paths: list[Path]) -> list[str]:
        """SHA-256 of every file, hexadecimal; new or changed files are hashed, and all are cached."""
        new = [path for path in paths if not self.recalls(path)]
        with reading_threads() as pool:
            digests = pool.map(_digest, new)
            for path, state_and_digest in zip(
                new,
                progress_bar(digests, "reading images", len(new), leave=False, hidden=len(new) < 500),
                strict=True,
            ):
                self.known[str(path.absolute())] = state_and_digest
        if new and self.memory:
            try:
                self.memory.parent.mkdir(parents=True, exist_ok=True)
                with atomic_write(self.memory) as part:
                    part.write_text(json.dumps(self.known))
            except OSError as error:
                log.warning("%s: %s; the next run hashes the images again", self.memory, error)
        return [self.known[str(path.absolute())][1] for path in paths]


def _digest(path: Path) -> tuple[FileState, str]:
    state = file_state(path)  # taken before hashing: a write during hashing is then detected next time
    assert state is not None
    return state, file_sha256(path)
