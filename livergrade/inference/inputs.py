"""Find the images and slides to grade: files, folders, patterns or CSV tables."""

from __future__ import annotations

import functools
import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from livergrade.errors import UserError
from livergrade.io.cells import cell_problem
from livergrade.io.images import SUFFIXES as IMAGE_SUFFIXES
from livergrade.io.inside import Inside, OutsideError, same_on_disk
from livergrade.io.patient_names import WRITE_ONE_NAME, family_problems
from livergrade.io.pixel_size import read_mpp
from livergrade.io.slide_reader import SUFFIXES as SLIDE_SUFFIXES
from livergrade.io.slide_reader import is_slide
from livergrade.io.tables import formulas, read_text_table
from livergrade.io.visible import one_line


@dataclass(frozen=True)
class Input:
    """One file to grade.

    Attributes:
        path: the file.
        patient: the patient, empty if unknown.
        slide: whether the file is a whole slide, not an image.
        mpp: µm per pixel of the file, if a table gives it.
    """

    path: Path
    patient: str
    slide: bool
    mpp: float | None = None


def find_inputs(given: Sequence[str], *, outside: bool = False, exact: bool = False) -> list[Input]:
    """Return all inputs that match the given names, each file once, with its patient if any table names one.

    Args:
        given: names, patterns, folders or tables as typed.
        outside: whether what is in a table or in a folder may lie outside of it.
        exact: whether patients whose names differ only in spelling are different people.

    Raises:
        UserError: names that match nothing, tables that can't be read, or files of which tables say
            different things; all are listed.
    """
    inputs: dict[Path, Input] = {}
    errors: list[str] = []
    real_folder = functools.cache(Path.resolve)  # many files share a folder
    for name in given:
        for candidate in _candidates(name, errors, outside=outside):
            if problem := cell_problem(str(candidate.path)):
                reason = problem.partition(";")[0]
                typed = one_line(candidate.path)
                errors.append(f"  {typed}: {reason}; rename it, or type ./{typed}")
            place = real_folder(candidate.path.parent) / candidate.path.name
            inputs[place] = _merged(inputs.get(place, candidate), candidate, errors)
    slides = pd.Series([item.path.stem for item in inputs.values() if item.slide], dtype=str)
    duplicated = sorted(set(slides[slides.map(same_on_disk).duplicated()]))
    errors += [
        f"  {one_line(stem)}: more than one slide has this name; grade them into separate folders"
        for stem in duplicated
    ]
    if not exact and (alike := family_problems(item.patient for item in inputs.values())):
        errors += [f"  {line}" for line in (*alike, WRITE_ONE_NAME)]
    if errors or not inputs:
        raise UserError("these can't be graded:\n" + "\n".join(errors or ["  no input was given"]))
    return list(inputs.values())


def refuse_same_maps(inputs: Sequence[Input]) -> None:
    """Refuse slides of which one has the name of another's attribution map, as ``a_why`` beside ``a``.

    Raises:
        UserError: there are such slides.
    """
    stems = {same_on_disk(item.path.stem): item.path for item in inputs if item.slide}
    if both := sorted(set(stems) & {f"{stem}_why" for stem in stems}):
        lines = "\n".join(f"  {one_line(stems[stem])}" for stem in both)
        raise UserError(
            f"why: maps of other slides have these names; grade them into another folder:\n{lines}"
        )


def _candidates(name: str, errors: list[str], *, outside: bool) -> Iterator[Input]:
    """All inputs of one name as typed: a file, a folder, a table or a pattern."""
    for path in _matches(name):
        kind = _kind(path)
        if kind == "folder":
            yield from _from_folder(path, errors, outside=outside)
        elif path.suffix.lower() == ".csv" and kind:
            yield from _from_table(path, errors, outside=outside)
        elif kind == "file":
            yield Input(path, "", is_slide(path))  # typed, wherever it is
        else:
            errors.append(f"  {one_line(name)}: there is no such file or folder")


def _matches(name: str) -> list[Path]:
    """The file or folder of this name; what the pattern matches only if there is none.

    Folders that a pattern begins with are themselves, too: ``batch[1]/*.png`` is not of ``batch1``.
    """
    path = Path(name)
    literal, *rest = path.parts or (name,)
    if not _kind(Path(literal)):
        literal, rest = "", [literal, *rest]
    while rest and _kind(Path(literal, rest[0])):
        literal, rest = str(Path(literal, rest[0])), rest[1:]
    if not rest:
        return [path]
    found = glob.glob(str(Path(glob.escape(literal), *rest)), recursive=True)  # noqa: PTH207
    return [Path(match) for match in sorted(found)] or [path]


def _merged(first: Input, second: Input, errors: list[str]) -> Input:
    """One input of two that are the same file, with what either table says of it."""
    for key in ("patient", "mpp"):
        one, other = getattr(first, key), getattr(second, key)
        if one and other and one != other:
            errors.append(f"  {one_line(first.path)}: {key} {one!r} and {other!r}; which is it?")
    return replace(
        first,
        patient=first.patient or second.patient,
        slide=first.slide or second.slide,
        mpp=first.mpp or second.mpp,
    )


def _kind(path: Path) -> str:
    """Return ``file``, ``folder``, or an empty string if neither exists or the name is not possible."""
    try:
        return "folder" if path.is_dir() else "file" if path.is_file() else ""
    except (OSError, ValueError):  # too long for the disk, or with a NUL
        return ""


def _gradable(path: Path) -> bool:
    known_suffix = path.suffix.lower() in (*IMAGE_SUFFIXES, *SLIDE_SUFFIXES)
    return known_suffix and path.is_file() and not path.name.startswith(".") and not _is_map(path)


def _is_map(path: Path) -> bool:
    """Whether a picture is the map of a slide, which an earlier start left beside the slide's tiles."""
    tiles = path.parent.with_name("tiles")
    stems = (path.stem, path.stem.removesuffix("_why"))
    return path.parent.name == "maps" and any((tiles / f"{stem}.csv").is_file() for stem in stems)


def _from_folder(path: Path, errors: list[str], *, outside: bool) -> Iterator[Input]:
    below = Inside(path, outside=outside)
    found = False
    for file in sorted(path.rglob("*")):
        if not _gradable(file):
            continue
        found = True
        try:
            below.path(str(file.relative_to(path)))
        except OutsideError as error:
            errors.append(f"  {one_line(file)}: {error}")
            continue
        yield Input(file, "", is_slide(file))
    if not found:
        errors.append(f"  {path}: contains no image and no slide")


def _from_table(path: Path, errors: list[str], *, outside: bool) -> Iterator[Input]:
    try:
        table = read_text_table(path)
    except UserError as error:
        errors.append(f"  {error}")
        return
    errors += [f"  {path}, {line}" for line in formulas(table, lambda row: f"row {row + 2}")]
    columns = [name for name in ("image", "slide") if name in table.columns]
    if not columns:
        errors.append(f"  {path}: has no column image or slide")
        return
    below = Inside(path.parent, outside=outside)
    for row, record in enumerate(table.to_dict("records"), 2):
        name = str(record[columns[0]]).strip()
        try:
            file = below.path(name)
        except OutsideError as error:
            errors.append(f"  {path}, row {row}: {one_line(name)} {error}")
            continue
        if _kind(file) != "file":
            errors.append(f"  {path}, row {row}: {one_line(file)} does not exist")
            continue
        slide = columns[0] == "slide" or is_slide(file)
        try:
            mpp = read_mpp(str(record.get("mpp", "")))
        except ValueError as error:
            errors.append(f"  {path}, row {row}: {error}")
            continue
        yield Input(file, str(record.get("patient", "")).strip(), slide, mpp)
