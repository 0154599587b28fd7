"""Know a file by its content, and read it again only when it was touched."""

import hashlib
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from livergrade.io.files import atomic_write

log = logging.getLogger(__name__)

Touched = list[int]  # what changes with a file: size, modification and change time in ns, inode


class Fingerprints:
    """SHA-256 of files, remembered between runs.

    A file counts as the same while its size, its times of modification and of change and its inode are. The
    time of change can't be set back, so a file that was overwritten and given its old date is read again.

    Args:
        memory: JSON file to remember in; None remembers nothing.
    """

    def __init__(self, memory: Path | None) -> None:
        self.memory = memory
        self.known: dict[str, tuple[Touched, str]] = {}
        if memory and memory.is_file():
            try:
                self.known = {
                    name: (touched, digest)
                    for name, (touched, digest) in json.loads(memory.read_text()).items()
                }
            except (OSError, ValueError, TypeError, AttributeError) as error:
                log.warning("%s: %s; reading the images again", memory, error)

    def recalls(self, path: Path) -> bool:
        """Whether the file is as it was when it was last read."""
        name = str(path.absolute())
        return name in self.known and self.known[name][0] == _touched(path)

    def of(self, paths: list[Path]) -> list[str]:
        """SHA-256 of every file, hexadecimal; those not known are read, and all are remembered."""
        new = [path for path in paths if not self.recalls(path)]
        with ThreadPoolExecutor() as pool:
            digests = pool.map(_digest, new)
            for path, found in zip(
                new,
                tqdm(digests, "reading images", len(new), leave=False, disable=len(new) < 500),
                strict=True,
            ):
                self.known[str(path.absolute())] = found
        if new and self.memory:
            try:
                self.memory.parent.mkdir(parents=True, exist_ok=True)
                with atomic_write(self.memory) as part:
                    part.write_text(json.dumps(self.known))
            except OSError as error:
                log.warning("%s: %s; the next run reads the images again", self.memory, error)
        return [self.known[str(path.absolute())][1] for path in paths]


def _touched(path: Path) -> Touched | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _digest(path: Path) -> tuple[Touched, str]:
    touched = _touched(path)  # before it is read: what is written meanwhile is seen the next time
    assert touched is not None
    with path.open("rb") as file:
        return touched, hashlib.file_digest(file, "sha256").hexdigest()
