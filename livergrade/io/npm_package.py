"""Files of a pinned npm package, for pages that need a library of JavaScript."""

from __future__ import annotations

import base64
import hashlib
import logging
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import TypedDict

from livergrade.errors import UserError
from livergrade.io.cache_folder import cache_folder
from livergrade.io.files import atomic_write
from livergrade.io.json_files import read_json
from livergrade.io.regular_files import MEGABYTE, read_regular
from livergrade.io.visible import one_line, shown

log = logging.getLogger(__name__)

FETCH_SECONDS = 600
"""After which npm is ended."""
MOST_BYTES = 256 * MEGABYTE
"""Of one file in a folder that the user gives."""


@dataclass(frozen=True)
class NpmPackage:
    """A published package, of which one content is accepted.

    Attributes:
        name: its name, ``openseadragon`` or ``@scope/name``.
        version: exact, ``5.0.1``.
        integrity: of its .tgz as npm states it, ``sha512-`` and the hash in base64.
    """

    name: str
    version: str
    integrity: str

    @property
    def title(self) -> str:
        """What npm calls it."""
        return f"{self.name}@{self.version}"


def package_files(
    package: NpmPackage, names: Sequence[str], *, option: str, given: str | Path | None = None
) -> dict[str, bytes]:
    """Return files of a package: from the cache, or once by ``npm pack``, or from what the user gives.

    A .tgz is checked against the package's integrity each time that it is read, and nothing of it is unpacked
    onto the disk or run. npm is run in an empty folder, without the package's scripts.

    Args:
        package: which one.
        names: of the files, relative to the package, ``build/openseadragon/openseadragon.min.js``.
        option: by which the user can give the package, for messages.
        given: its .tgz, or the folder of the unpacked package, whose name and version are checked alone.

    Returns:
        Name → content, for each of ``names``.

    Raises:
        UserError: npm is missing or reaches no registry, the .tgz is another one, or a file is not in it.
    """
    if given is None:
        return _of_archive(_cached(package, option), package, names, option)
    path = Path(given)
    if path.is_dir():
        return _of_folder(path, package, names, option)
    if not path.is_file():
        raise UserError(f"{option}: {one_line(path)} is no file and no folder; {_fix(package, option)}")
    return _of_archive(path, package, names, option)


def _fix(package: NpmPackage, option: str) -> str:
    """How to give the package by hand."""
    return f"{option}=<path> takes the file that `npm pack {package.title}` writes, or that package's folder"


def _cached(package: NpmPackage, option: str) -> Path:
    """The package's .tgz in the cache; fetched if it isn't there, or is damaged."""
    name = hashlib.sha256(package.integrity.encode()).hexdigest()[:16] + ".tgz"
    path = cache_folder(None) / "npm" / name
    if path.is_file():
        with path.open("rb") as file:
            if _integrity(file) == package.integrity:
                return path
    path.parent.mkdir(parents=True, exist_ok=True)
    log.info("fetching %s by npm, once", package.title)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        fetched = _packed(package, Path(folder), option)
        with fetched.open("rb") as file:
            _require_integrity(file, package, f"{package.title}: what npm fetched", option)
        with atomic_write(path) as part:
            shutil.copyfile(fetched, part)
    return path


def _packed(package: NpmPackage, folder: Path, option: str) -> Path:
    """Run ``npm pack``; return the .tgz that it wrote below ``folder``."""
    npm = shutil.which("npm")
    fix = _fix(package, option)
    if npm is None:
        raise UserError(f"{package.title} is needed, and npm is not installed: install Node.js; {fix}")
    words = ["pack", package.title, "--ignore-scripts", "--pack-destination", str(folder)]
    own = ["--cache", str(folder / "cache"), "--no-update-notifier", "--no-audit", "--no-fund"]
    try:
        done = subprocess.run(  # noqa: S603 - npm with our own words, in a folder without a .npmrc
            [npm, *words, *own], cwd=folder, capture_output=True, timeout=FETCH_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"{package.title}: npm took more than {FETCH_SECONDS} s; try again; {fix}") from None
    except OSError as error:
        raise UserError(f"{package.title}: npm can't be run ({error.strerror}); mend it; {fix}") from None
    found = sorted(folder.glob("*.tgz"))
    if done.returncode or not found:
        raise UserError(
            f"{package.title}: npm could not fetch it ({_npm_reason(done.stderr)}); is its registry "
            f"reached from here? {fix}"
        )
    return found[0]


def _npm_reason(told: bytes) -> str:
    """What npm says of an error, in a few words."""
    lines = [line.removeprefix("npm ") for line in told.decode("utf-8", "replace").splitlines()]
    errors = [line.split(" ", 1)[1] for line in lines if line.startswith(("error ", "ERR! "))]
    return one_line("; ".join(errors[:2]))[:300] or "it says no reason"


def _integrity(file: BufferedReader) -> str:
    """A file's hash as npm writes it; afterwards the file is at its start."""
    file.seek(0)
    digest = hashlib.file_digest(file, "sha512").digest()
    file.seek(0)
    return "sha512-" + base64.b64encode(digest).decode()


def _require_integrity(file: BufferedReader, package: NpmPackage, what: str, option: str) -> None:
    if (found := _integrity(file)) != package.integrity:
        raise UserError(
            f"{what} is not the {package.title} that this version of livergrade knows (its integrity is "
            f"{found[:20]}…, not {package.integrity[:20]}…); {_fix(package, option)}"
        )


def _of_archive(path: Path, package: NpmPackage, names: Sequence[str], option: str) -> dict[str, bytes]:
    """Files of a .tgz, in memory. It is checked before anything of it is unpacked."""
    found = {}
    with path.open("rb") as file:
        _require_integrity(file, package, one_line(path), option)
        with tarfile.open(fileobj=file, mode="r:gz") as archive:
            for member in archive:
                name = member.name.partition("/")[2]  # the first folder is the package's, whatever its name
                if name in names and (content := archive.extractfile(member)):
                    found[name] = content.read()
    if missing := [name for name in names if name not in found]:
        raise UserError(f"{one_line(path)}: has no {', '.join(missing)}")
    return found


class _Stated(TypedDict):
    name: str
    version: str


def _of_folder(folder: Path, package: NpmPackage, names: Sequence[str], option: str) -> dict[str, bytes]:
    """Files of an unpacked package, of the right name and version."""
    fix = _fix(package, option)
    stated = read_json(folder / "package.json", _Stated, fix=fix)
    found = f"{stated.get('name')}@{stated.get('version')}"
    if found != package.title:
        raise UserError(f"{one_line(folder)}: is {shown(found)}; {fix}")
    return {name: read_regular(folder / name, MOST_BYTES, fix=fix) for name in names}
