"""Which slide a file is a part of: some formats keep one slide in several files."""

from __future__ import annotations

import functools
import hashlib
import logging
import re
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any

from livergrade.io.dicom import read_instance
from livergrade.io.kept import file_sha256, identity
from livergrade.io.mirax import INDEX
from livergrade.io.regular_files import is_folder, is_regular
from livergrade.io.slide_reader import SUFFIXES
from livergrade.io.visible import one_line, shown

log = logging.getLogger(__name__)

_INDEX_BYTES = 2**20
"""Of a file that lists the files of a Hamamatsu slide; real ones have some thousand."""
_LISTED = re.compile(
    r"^\s*(?:ImageFile|MapFile|OptimisationFile|MacroImage|Image\d+)[^=]*=\s*(.+?)\s*$", re.I
)


class SlideFiles:
    """Recognises which files belong together; a folder is listed once."""

    def __init__(self) -> None:
        self._parts = functools.cache(_parts)
        self._real = functools.cache(Path.resolve)

    def opened_by(self, path: Path) -> Path:
        """The file by which the slide is opened that a file or a folder is a part of; else the path itself.

        The files of a DICOM series are equal: each opens the slide, see :meth:`key`.
        """
        if mirax := mirax_of(path if is_folder(path) else path.parent):
            return mirax
        name = self._parts(path.parent).get(path.name.casefold())
        return path.parent / name if name else path

    def key(self, path: Path) -> Hashable:
        """The same for all names of one file, links among them, and for all files of one slide.

        It is the series and its folder, or the file by which the slide is opened, links followed.
        """
        path = self.opened_by(path)
        instance = read_instance(path) if may_be_dicom(path) else None
        if instance and instance.series:
            return self._real(path.parent), instance.series
        real: Path = self._real(path) if path.is_symlink() else self._real(path.parent) / path.name
        return real


def own_name(first: Path, second: Path) -> Path:
    """Of two names of one file the one that is no link; the first if both or neither are."""
    return second if first.is_symlink() and not second.is_symlink() else first


def log_links(found: Mapping[Path, Path]) -> None:
    """Tell in one line which links are not read since their file is read under another name.

    Args:
        found: the name by which each linked file is read.
    """
    again = [f"{one_line(link)} is {one_line(path)}" for link, path in found.items() if link != path]
    if again:
        log.warning("linked files that are not read again: %s", "; ".join(again))


def mirax_of(folder: Path) -> Path | None:
    """The MIRAX slide whose data a folder holds: it lies beside the folder, and has its name."""
    slide = (
        folder.absolute().with_name(f"{folder.absolute().name}.mrxs") if folder.absolute().name else folder
    )
    if not is_regular(folder / INDEX) or not is_regular(slide):
        return None
    return folder.parent / slide.name if folder.name else slide


def may_be_dicom(path: Path) -> bool:
    """Whether a name is one that files of DICOM have: ``.dcm``, no suffix, or a number in its place."""
    suffix = path.suffix.lower()
    return suffix == ".dcm" or not suffix or suffix[1:].isdigit()


def is_slide_part(path: Path) -> bool:
    """Whether a file of a folder is of a slide by its name, or by its content where DICOM has no suffix.

    DICOM files that are of no slide, as radiology and annotations, are not.
    """
    if may_be_dicom(path):
        instance = read_instance(path)
        return instance.slide if instance else path.suffix.lower() == ".dcm"
    return path.suffix.lower() in SUFFIXES


def image_sets(files: list[Path]) -> list[str]:
    """One line for each Hamamatsu image set (``.ndpis``) of several images: they show one slide."""
    return [
        f"{one_line(index)}: is a set of {len(names)} images of one slide, as fluorescence has them "
        f"({shown(', '.join(names))}); name the file that is meant"
        for index in files
        if index.suffix.lower() == ".ndpis" and len(names := _listed(index)) > 1
    ]


def files_of(path: Path) -> dict[Path, str]:
    """The files of a slide: that by which it is opened, and those that its format keeps beside it.

    Args:
        path: the file by which it is opened.

    Returns:
        File → what names it within the slide, the same in any folder and for a copy under another name; blank
        for the opening file, and for the files of a DICOM series, which may have any names.
    """
    found = {path: ""}
    try:
        if path.suffix.lower() == ".mrxs":  # the pixels are in a folder of the same name
            folder = path.with_suffix("")
            beside = sorted(file for file in folder.rglob("*") if is_regular(file))
            names = {file: file.relative_to(folder).as_posix() for file in beside}
            found |= {file: name for file, name in names.items() if not file.name.startswith(".")}
        elif path.suffix.lower() in (".vms", ".vmu"):
            beside = [path.with_name(name) for name in sorted(set(_listed(path)))]
            found |= {file: file.name for file in beside if is_regular(file)}
        elif may_be_dicom(path) and (instance := read_instance(path)) and instance.series:
            beside = sorted(file for file in path.parent.iterdir() if may_be_dicom(file) and file != path)
            found |= {file: "" for file in beside if _series(file) == instance.series}
    except OSError:
        pass  # a folder that can't be listed: opening the slide says so
    return found


def slide_identity(path: Path) -> list[dict[str, Any]]:
    """What identifies a slide: the `identity` of each of its files."""
    return [identity(file) for file in files_of(path)]


def slide_sha256(path: Path, sha256_of: Callable[[Path], str] = file_sha256) -> str:
    """SHA-256 of a slide, hexadecimal: of its file, or of a list of its files, each with SHA-256 and name.

    Args:
        path: the file by which it is opened.
        sha256_of: SHA-256 of a file.

    Raises:
        OSError: a file can't be read.
    """
    files = files_of(path)
    if len(files) == 1:
        return sha256_of(path)
    lines = sorted(f"{sha256_of(file)}  {name}\n" for file, name in files.items())
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _series(path: Path) -> str:
    instance = read_instance(path)
    return instance.series if instance else ""


def _parts(folder: Path) -> dict[str, str]:
    """Name of each file that an index in the folder lists, without case → name of the index."""
    try:
        names = sorted(file.name for file in folder.iterdir())
    except OSError:
        return {}
    return {
        part.casefold(): name
        for name in names
        if name.lower().endswith((".vms", ".vmu")) and not name.startswith(".")
        for part in _listed(folder / name)
    }


def _listed(index: Path) -> list[str]:
    """Names of files in the same folder that an index of Hamamatsu lists."""
    if not is_regular(index):
        return []
    try:
        with index.open("rb") as file:
            text = file.read(_INDEX_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    found = [match[1] for line in text.splitlines() if (match := _LISTED.match(line))]
    return [name for name in found if "/" not in name and "\\" not in name and name != index.name]
