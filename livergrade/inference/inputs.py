"""Find the images and slides to grade: files, folders, patterns or CSV tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

import pandas as pd

from livergrade.errors import UserError
from livergrade.io.cells import cell_problem
from livergrade.io.images import SUFFIXES as IMAGE_SUFFIXES
from livergrade.io.inside import Inside, OutsideError, same_on_disk
from livergrade.io.patient_names import WRITE_ONE_NAME, family_problems
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
        mpp: µm per pixel of a slide, if a table gives it.
    """

    path: Path
    patient: str
    slide: bool
    mpp: float | None = None


def find_inputs(given: Sequence[str], *, outside: bool = False, exact: bool = False) -> list[Input]:
    """Return all inputs that match the given names, each file once.

    Args:
        given: names, patterns, folders or tables as typed.
        outside: whether what is in a table or in a folder may lie outside of it.
        exact: whether patients whose names differ only in spelling are different people.

    Raises:
        UserError: names that match nothing, or tables that can't be read; all are listed.
    """
    inputs: dict[Path, Input] = {}
    errors: list[str] = []
    candidates: Iterator[Input]
    for name in given:
        paths = [Path(match) for match in sorted(glob(name, recursive=True))] or [Path(name)]  # noqa: PTH207
        for path in paths:
            kind = _kind(path)
            if kind == "folder":
                candidates = _from_folder(path, errors, outside=outside)
            elif path.suffix.lower() == ".csv" and kind:
                candidates = _from_table(path, errors, outside=outside)
            elif kind == "file":
                candidates = iter([Input(path, "", is_slide(path))])  # typed, wherever it is
            else:
                errors.append(f"  {one_line(name)}: there is no such file or folder")
                continue
            for candidate in candidates:
                if problem := cell_problem(str(candidate.path)):
                    name = one_line(candidate.path)
                    reason = problem.partition(";")[0]
                    errors.append(f"  {name}: {reason}; rename it, or type ./{name}")
                inputs.setdefault(candidate.path.absolute(), candidate)
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


def _kind(path: Path) -> str:
    """Return ``file``, ``folder``, or an empty string if neither exists or the name is not possible."""
    try:
        return "folder" if path.is_dir() else "file" if path.is_file() else ""
    except (OSError, ValueError):  # too long for the disk, or with a NUL
        return ""


def _gradable(path: Path) -> bool:
    known_suffix = path.suffix.lower() in (*IMAGE_SUFFIXES, *SLIDE_SUFFIXES)
    return known_suffix and path.is_file() and not path.name.startswith(".")


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
        mpp = str(record.get("mpp", "")).strip() if slide else ""
        try:
            yield Input(file, str(record.get("patient", "")).strip(), slide, float(mpp) if mpp else None)
        except ValueError:
            errors.append(f"  {path}, row {row}: mpp {mpp!r} is not a number")
