"""All files below folders, linked folders among them; what is not read is named, never left out silently."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from livergrade.io.inside import Inside, OutsideError
from livergrade.io.regular_files import is_folder, is_there
from livergrade.io.slide_reader import SUFFIXES as SLIDE_SUFFIXES
from livergrade.io.visible import one_line

log = logging.getLogger(__name__)

_PICTURES = {
    ".jfif": "is a JPEG: rename it to .jpg",
    ".jpe": "is a JPEG: rename it to .jpg",
    **dict.fromkeys((".jp2", ".j2k", ".jpx", ".gif", ".heic", ".heif", ".avif", ".jxl"), "save it as PNG"),
}
"""Suffixes of pictures that no command takes from a folder, and what to do."""
_SLIDES = dict.fromkeys(SLIDE_SUFFIXES, "is a slide: cut images from it with livergrade.prepare")


@dataclass
class Walk:
    """What was found.

    Attributes:
        files: all files, sorted; also pipes and devices. No hidden ones.
        hidden: number of hidden files and folders: their names begin with a dot.
        problems: one line for each folder or link that can't be read, or leads out.
        repeated: each linked folder that is not entered, and the name by which it is read, or which it is in.
    """

    files: list[Path] = field(default_factory=list)
    hidden: int = 0
    problems: list[str] = field(default_factory=list)
    repeated: list[tuple[Path, Path]] = field(default_factory=list)


def walk(tops: Sequence[Path], below: Inside) -> Walk:
    """Find all files in folders, at any depth.

    Each folder is entered once, however many links lead to it, so that a ring of links ends: by its own name
    if it has one here, else by the first link. A folder is known by its device and number on it. A link to a
    folder that holds the first ones is not entered.

    Args:
        tops: folders to begin with, within ``below.root``.
        below: where linked folders may lead.
    """
    found = Walk()
    seen = {_number(folder): folder for top in tops for folder in top.resolve().parents}
    folders: list[Path] = []
    links: list[Path] = []
    for top in tops:
        (links if top.is_symlink() else folders).append(top)
    while folders or links:
        if folders:
            _enter(folders.pop(), found, seen, folders, links)
            continue
        links.sort(reverse=True)
        link = links.pop()
        try:
            _enter(below.path(str(link.relative_to(below.root))), found, seen, folders, links)
        except OutsideError as error:
            found.problems.append(f"folder {one_line(link)} {error}")
    found.files.sort()
    return found


def _number(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _enter(
    folder: Path, found: Walk, seen: dict[tuple[int, int], Path], folders: list[Path], links: list[Path]
) -> None:
    """Sort what is in a folder into files, folders and links to folders."""
    try:
        if first := seen.get(number := _number(folder)):
            found.repeated.append((folder, first))
            return
        seen[number] = folder
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        found.problems.append(f"folder {one_line(folder)} can't be read: {error.strerror or error}")
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith("."):
            found.hidden += 1
        elif is_folder(path):
            (links if entry.is_symlink() else folders).append(path)
        elif entry.is_symlink() and not is_there(path):
            target = one_line(path.readlink())
            found.problems.append(f"{one_line(path)} is a link to {target}, which does not exist; remove it")
        else:
            found.files.append(path)


def log_passed_over(
    root: Path, files: Iterable[Path], found: Walk, slides: Mapping[str, str] = _SLIDES
) -> None:
    """Tell in one line how many files of which suffix are not read, and each linked folder that is not.

    It is a warning if pictures or folders may be missed.

    Args:
        root: the folder, as it was typed.
        files: those that are not read.
        found: what was found in it.
        slides: what to do with files of a slide's suffix, suffix → advice.
    """
    counts = Counter(path.suffix.lower() or "without a suffix" for path in files)
    parts = [f"{number} {suffix}" for suffix, number in sorted(counts.items(), key=lambda item: -item[1])]
    parts += [f"{found.hidden} hidden"] if found.hidden else []
    known = {**slides, **_PICTURES}
    advice = [f"{suffix} {known[suffix]}" for suffix in counts if suffix in known]
    if parts:
        level = logging.WARNING if advice else logging.INFO
        log.log(
            level,
            "%s: passed over %s%s",
            root,
            ", ".join(map(one_line, parts)),
            "".join(f"; {x}" for x in advice),
        )
    if found.repeated:
        lines = [f"{one_line(link)} is {one_line(first)}" for link, first in found.repeated]
        log.warning("%s: linked folders that are not read again: %s", root, "; ".join(lines))
