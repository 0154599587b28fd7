"""Which file of a folder holds the regions of a slide."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from livergrade.errors import UserError
from livergrade.io.file_names import file_name
from livergrade.io.inside import Inside, OutsideError, same_on_disk
from livergrade.io.slide_reader import SlideError
from livergrade.io.visible import one_line
from livergrade.slides.foreign_annotations import CONVERT, SUFFIXES, foreign_bytes

ENDINGS = (".geojson", ".json", ".geojson.gz", ".json.gz")
"""Of files with regions, in upper or lower case."""


def region_file(folder: Path, slide: Path, *, outside: bool) -> Path:
    """Find the one file of a slide's regions: ``<slide>.geojson``, or with another of :data:`ENDINGS`.

    The slide's name may have its suffix, as in ``a.svs.geojson``, and accents in either form of Unicode.

    Args:
        folder: the option ``regions``.
        slide: the slide.
        outside: whether a link in the folder may lead out of it.

    Raises:
        SlideError: there is none.
        UserError: there are several, or none can be read.
    """
    try:
        there = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise SlideError(f"has no regions (regions={folder}: {error.strerror})") from None
    bases = {_composed(name) for name in (slide.stem, slide.name, file_name(slide.stem))}
    found = [name for name in there if _base(name, ENDINGS) in bases]
    if len(found) > 1:
        listed = ", ".join(map(one_line, found))
        raise UserError(f"{slide.name}: has several files of regions in {folder}: {listed}; leave one there")
    if not found:
        raise SlideError(_missing(folder, there, slide, bases))
    try:
        return Inside(folder, outside=outside).path(found[0])
    except OutsideError as error:
        raise SlideError(f"has no regions: {one_line(found[0])} {error}") from None


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _base(name: str, endings: tuple[str, ...]) -> str | None:
    """The name without its ending; None if it has none of these."""
    lower = name.lower()
    ending = next((ending for ending in endings[::-1] if lower.endswith(ending)), None)
    return ending and _composed(name[: -len(ending)])


def _missing(folder: Path, there: list[str], slide: Path, bases: set[str]) -> str:
    """Say that a slide has no file of regions; and what is there in its place."""
    for name in there:
        if _base(name, SUFFIXES) in bases:
            what = _foreign(folder / name) or f"is not GeoJSON; {CONVERT}"
            return f"has no regions: {one_line(folder / name)} {what}"
    alike = {same_on_disk(base) for base in bases}
    near = [name for name in there if (base := _base(name, ENDINGS)) and same_on_disk(base) in alike]
    hint = f"; is it {one_line(near[0])}? Upper and lower case must be the slide's" if near else ""
    return f"has no regions ({folder / slide.stem}.geojson is missing{hint})"


def _foreign(path: Path) -> str | None:
    try:
        if not path.is_file() or path.is_symlink():
            return None
        with path.open("rb") as file:
            return foreign_bytes(file.read(20_000))
    except OSError:
        return None
