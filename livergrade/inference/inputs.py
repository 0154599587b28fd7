"""Find the images and slides to grade: files, folders, patterns or CSV tables."""

from __future__ import annotations

import glob
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from livergrade.errors import UserError
from livergrade.inference.input_tables import (
    AS_IT_IS,
    TABLES,
    Named,
    NamedFile,
    files_of_table,
)
from livergrade.io.cells import cell_problem
from livergrade.io.file_kind import ASK_WHICH, EITHER, SLIDE, file_kind
from livergrade.io.folder_walk import log_passed_over, walk
from livergrade.io.images import SUFFIXES as IMAGE_SUFFIXES
from livergrade.io.inside import Inside, OutsideError, same_on_disk
from livergrade.io.named_files import FILE_SUFFIXES, suffix_problem
from livergrade.io.patient_names import WRITE_ONE_NAME, family_problems
from livergrade.io.slide_files import SlideFiles, image_sets, is_slide_part, log_links, mirax_of, own_name
from livergrade.io.user_tables import path_hint
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


def find_inputs(
    given: Sequence[str], *, outside: bool = False, exact: bool = False, named: Named = AS_IT_IS
) -> list[Input]:
    """Return all inputs that match the given names, each file once, with its patient if any table names one.

    The files of one slide are one input, by whichever of them it is named. What a table has in its column
    ``image`` is an image, in ``slide`` a slide; the kind of any other file is recognised by its content.

    Args:
        given: names, patterns, folders or tables as typed.
        outside: whether what is in a table or in a folder may lie outside of it.
        exact: whether patients whose names differ only in spelling are different people.
        named: what was said of the tables.

    Raises:
        UserError: names that match nothing, tables that can't be read, files of which tables say different
            things, or that may be an image or a slide; all are listed.
    """
    files: dict[Hashable, NamedFile] = {}
    links: dict[Path, Hashable] = {}
    errors = [f"  {line}" for line in suffix_problem(named.suffix, FILE_SUFFIXES)]
    slide_files = SlideFiles()
    for name in given:
        for candidate in _candidates(name, errors, slide_files, named, outside=outside):
            if cell_problem(str(candidate.path)):  # to a spreadsheet, as -a.png; /folder/-a.png is none
                candidate = replace(candidate, path=candidate.path.absolute())
            if problem := cell_problem(str(candidate.path)):
                errors.append(
                    f"  {one_line(candidate.path)}: {problem.replace('write it otherwise', 'rename it')}"
                )
            key = slide_files.key(candidate.path)
            files[key] = _merged(files.get(key, candidate), candidate, errors)
            if candidate.path.is_symlink():
                links[candidate.path] = key
    log_links({link: files[key].path for link, key in links.items()})
    inputs = [_input(item, errors) for item in files.values()]
    slides = pd.Series([item.path.stem for item in inputs if item.slide], dtype=str)
    duplicated = sorted(set(slides[slides.map(same_on_disk).duplicated()]))
    errors += [
        f"  {one_line(stem)}: more than one slide has this name; grade them into separate folders"
        for stem in duplicated
    ]
    if not exact and (alike := family_problems(item.patient for item in inputs)):
        errors += [f"  {line}" for line in (*alike, WRITE_ONE_NAME)]
    if errors or not inputs:
        raise UserError("these can't be graded:\n" + "\n".join(errors or ["  no input was given"]))
    return inputs


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


def _candidates(
    name: str, errors: list[str], slide_files: SlideFiles, named: Named, *, outside: bool
) -> Iterator[NamedFile]:
    """All inputs of one name as typed: a file, a folder, a table or a pattern."""
    if not name:
        errors.append("  '': is an empty name; leave it out")
        return
    for path in _matches(name):
        kind = _kind(path)
        if kind == "folder" and (slide := mirax_of(path)):
            yield NamedFile(slide)
        elif kind == "folder":
            yield from _from_folder(path, errors, slide_files, outside=outside)
        elif path.suffix.lower() in TABLES and kind:
            for item in files_of_table(path, named, errors, outside=outside):
                yield replace(item, path=slide_files.opened_by(item.path))
        elif kind == "file":
            yield NamedFile(slide_files.opened_by(path))  # typed, wherever it is
        else:
            errors.append(f"  {one_line(name)}: there is no such file or folder{path_hint(name)}")


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


def _merged(first: NamedFile, second: NamedFile, errors: list[str]) -> NamedFile:
    """One of two names of the same file, with what either table says of it."""
    values: dict[str, Any] = {}
    for key in ("patient", "kind", "mpp"):
        one, other = getattr(first, key), getattr(second, key)
        if one and other and one != other:
            errors.append(f"  {one_line(first.path)}: {key} {one!r} and {other!r}; correct one of them")
        values[key] = one or other
    return replace(first, path=own_name(first.path, second.path), **values)


def _input(item: NamedFile, errors: list[str]) -> Input:
    """The file with its kind, by its content if no table says it."""
    kind = item.kind or file_kind(item.path)
    if kind == EITHER:
        errors.append(f"  {one_line(item.path)}: {ASK_WHICH}")
    return Input(item.path, item.patient, kind == SLIDE, item.mpp)


def _kind(path: Path) -> str:
    """Return ``file``, ``folder``, or an empty string if neither exists or the name is not possible."""
    try:
        return "folder" if path.is_dir() else "file" if path.is_file() else ""
    except (OSError, ValueError):  # too long for the disk, or with a NUL
        return ""


def _gradable(path: Path) -> bool:
    return (path.suffix.lower() in IMAGE_SUFFIXES or is_slide_part(path)) and path.is_file()


def _is_map(path: Path) -> bool:
    """Whether a picture is the map of a slide, which an earlier start left beside the slide's tiles."""
    folder, stems = path.absolute().parent, (path.stem, path.stem.removesuffix("_why"))
    tiles = folder.parent / "tiles"
    return folder.name == "maps" and any((tiles / f"{stem}.csv").is_file() for stem in stems)


def _from_folder(
    path: Path, errors: list[str], slide_files: SlideFiles, *, outside: bool
) -> Iterator[NamedFile]:
    """The images and slides in a folder; what is not read is reported."""
    below = Inside(path, outside=outside)
    found = walk([path], below)
    errors += [f"  {line}" for line in (*found.problems, *image_sets(found.files))]
    passed, empty = list[Path](), True
    for file in found.files:
        main = slide_files.opened_by(file)
        if main != file or _is_map(file):
            continue  # the slide is in the list itself
        if not _gradable(file):
            passed.append(file)
            continue
        empty = False
        try:
            below.path(str(file.relative_to(path)))
        except OutsideError as error:
            errors.append(f"  {one_line(file)}: {error}")
            continue
        yield NamedFile(file)
    log_passed_over(path, passed, found)
    if empty and not found.problems:
        errors.append(f"  {one_line(path)}: contains no image and no slide")
