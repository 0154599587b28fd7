"""Read a manifest or a folder of images into one table, and report all its problems together."""

from __future__ import annotations

import hashlib
import logging
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from livergrade.config.validation import LONGEST_PATTERN
from livergrade.data.patient_alias import CohortError, PatientAlias, PatientNames
from livergrade.data.validation import (
    REQUIRED,
    broken_files,
    conflicting_duplicates,
    mixed_patients,
    names_outside,
    reserved_columns,
    row_problems,
)
from livergrade.errors import UserError
from livergrade.evaluation.grade_counts import mixed_grades
from livergrade.io.bounded import TimeLimitError, run_bounded
from livergrade.io.cells import cell_problem
from livergrade.io.fingerprints import Fingerprints
from livergrade.io.images import SUFFIXES
from livergrade.io.inside import Inside, OutsideError
from livergrade.io.patterns import SECONDS, search_group
from livergrade.io.pixel_reading import AS_FILED, PixelReading
from livergrade.io.pixel_size import mpp_problems
from livergrade.io.tables import formulas, read_text_table, rows_where
from livergrade.io.visible import one_line, shown

log = logging.getLogger(__name__)

ASK = PatientNames()


@dataclass(frozen=True)
class Cohort:
    """Images with their patients and grades.

    Attributes:
        table: one row per image, sorted by ``image``: ``image`` (path in ``root``), ``patient``, ``grade``,
            the manifest's other columns, and ``sha256`` of the file.
        classes: the grades, worst to best.
        root: root folder of the ``image`` paths.
        alias: names that were taken for one patient, the table ``data.patient_alias``; None: none.
        reading: how the images are read.
    """

    table: pd.DataFrame
    classes: list[str]
    root: Path
    alias: PatientAlias | None = None
    reading: PixelReading = AS_FILED

    @property
    def paths(self) -> list[Path]:
        """Paths of the image files, in the order of the table."""
        return [self.root / image for image in self.table["image"]]

    def keep_names(self, run: Path) -> None:
        """Write into a run's folder which names were taken for one patient, if any were."""
        if self.alias:
            self.alias.keep(run)


def from_manifest(
    path: Path,
    classes: list[str],
    root: Path | None = None,
    memory: Path | None = None,
    *,
    mixed: bool = False,
    outside: bool = False,
    names: PatientNames = ASK,
    reading: PixelReading = AS_FILED,
) -> Cohort:
    """Read a CSV with the columns ``image,patient,grade``; image paths start at ``root`` or its folder.

    Images unchanged since they were last checked are not read again; ``memory`` is the folder that stores
    their fingerprints. A column ``sha256`` must match the files. ``mixed`` and ``outside`` are
    ``data.mixed_grades`` and ``data.outside``; ``names`` tells which names are one patient, ``reading`` how
    the images are read.
    """
    if not path.exists():
        raise UserError(f"{path}: there is no such manifest; give data.manifest=<file.csv>")
    table = read_text_table(path)
    if missing := [name for name in REQUIRED if name not in table.columns]:
        raise UserError(
            f"{path}: no column {', '.join(missing)}; it needs image, patient and grade and has "
            f"{', '.join(table.columns)}"
        )

    def where(row: int) -> str:
        return f"row {row + 2}"  # row 1 is the header, as in a spreadsheet

    return checked_cohort(
        table.apply(lambda column: column.str.strip()),
        classes,
        root or path.parent,
        str(path),
        where,
        "correct those rows",
        formulas(table, where),  # before blanks are cut: a tab is one that a spreadsheet heeds
        memory=memory,
        mixed=mixed,
        outside=outside,
        names=names,
        reading=reading,
    )


def from_folder(
    root: Path,
    patient_pattern: str,
    classes: list[str],
    memory: Path | None = None,
    *,
    mixed: bool = False,
    outside: bool = False,
    names: PatientNames = ASK,
    reading: PixelReading = AS_FILED,
) -> Cohort:
    """Read ``root/<grade>/**/<image file>``; the patient is the group ``patient`` of the pattern.

    The pattern is searched in the path relative to ``root`` with forward slashes. Hidden files are ignored.
    """
    _check_pattern(patient_pattern)
    if not root.is_dir():
        raise UserError(f"data.root={root}: there is no such folder")
    folders = sorted(
        entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )
    if missing := [grade for grade in classes if grade not in folders]:
        raise UserError(
            f"{root}: no folder named {', '.join(missing)}; its folders are {', '.join(folders) or 'none'}. "
            f"Give those that are grades, worst to best, as in 'data.classes=[{','.join(folders)}]'"
        )
    by_lowercase = {grade.casefold(): grade for grade in classes}
    if duplicates := [name for name in folders if name not in classes and name.casefold() in by_lowercase]:
        pairs = ", ".join(f"{name} and {by_lowercase[name.casefold()]}" for name in duplicates)
        raise UserError(f"{root}: folders {pairs} differ only in upper and lower case; merge them")
    if ignored := [name for name in folders if name not in classes]:
        log.warning("%s: ignored folders, not in data.classes: %s", root, ", ".join(map(one_line, ignored)))
    found, problems = _graded_files(root, classes, outside=outside)
    patients = _patients([image for image, _ in found], patient_pattern)
    rows = [(image, name, grade) for (image, grade), name in zip(found, patients, strict=True) if name]
    problems += [
        f"{one_line(image)}: data.patient_pattern={patient_pattern} names no patient"
        for (image, _), name in zip(found, patients, strict=True)
        if not name
    ]
    table = pd.DataFrame(rows, columns=list(REQUIRED), dtype=str)
    where = table["image"].map(one_line).tolist()
    problems += formulas(table, lambda row: where[row])
    return checked_cohort(
        table,
        classes,
        root,
        str(root),
        lambda row: where[row],
        "correct those files",
        problems,
        memory=memory,
        mixed=mixed,
        outside=outside,
        names=names,
        reading=reading,
    )


def _graded_files(
    root: Path, classes: list[str], *, outside: bool
) -> tuple[list[tuple[str, str]], list[str]]:
    """Images below ``root`` with the grade whose folder they are in, and problems with their names."""
    found: list[tuple[str, str]] = []
    problems: list[str] = []
    below = Inside(root, outside=outside)
    for grade in classes:
        for path in _files(below, grade, problems):
            image = path.relative_to(root).as_posix()
            hidden = any(part.startswith(".") for part in image.split("/"))
            if hidden or path.suffix.lower() not in SUFFIXES or path.is_dir():
                continue
            if problem := cell_problem(image):
                problems.append(f"{one_line(image)} {problem}")
            else:
                found.append((image, grade))
    return found, problems


def _files(below: Inside, grade: str, problems: list[str]) -> list[Path]:
    """All files below a grade's folder, sorted; none if the folder is a link that leads out."""
    try:
        return sorted(below.path(grade).rglob("*"))
    except OutsideError as error:
        problems.append(f"folder {one_line(grade)} {error}")
        return []


def _check_pattern(pattern: str) -> None:
    """Refuse a pattern that is no regular expression, is too long, or has no group ``patient``.

    Raises:
        UserError: it is one of these.
    """
    option = f"data.patient_pattern={shown(pattern)}"
    if len(pattern) > LONGEST_PATTERN:
        raise UserError(f"{option}: is longer than {LONGEST_PATTERN} characters")
    try:
        groups = re.compile(pattern).groupindex
    except (re.error, OverflowError, RecursionError, ValueError) as error:
        raise UserError(f"{option}: not a regular expression: {shown(error)}") from None
    if "patient" not in groups:
        raise UserError(
            f"{option}: has no group named patient; write the part that names the patient as "
            r"(?P<patient>...), for example (?P<patient>P\d+)"
        )


def _patients(images: list[str], pattern: str) -> list[str]:
    """The patient that the pattern names in each path; empty where it names none.

    Both are compared with letters and their accents in one piece, since to a pattern an accent that stands
    alone, as in names from a Mac, is no letter. The name comes in pieces again where the path has it so.

    Raises:
        UserError: the search takes too long.
    """
    if not images:
        return []
    try:
        composed = [unicodedata.normalize("NFC", image) for image in images]
        form = unicodedata.normalize("NFC", pattern)
        names = run_bounded(search_group, form, "patient", composed, seconds=SECONDS)
    except TimeLimitError as error:
        raise UserError(
            f"data.patient_pattern={shown(pattern)}: {error}, to search {len(images)} paths; write it "
            "without a repeat within a repeat, as (a+)+ is"
        ) from None
    return [
        name if name in image else unicodedata.normalize("NFD", name)
        for name, image in zip(names, images, strict=True)
    ]


def checked_cohort(
    table: pd.DataFrame,
    classes: list[str],
    root: Path,
    source: str,
    where: Callable[[int], str],
    fix: str,
    problems: Iterable[str] = (),
    *,
    memory: Path | None,
    mixed: bool,
    outside: bool,
    names: PatientNames,
    reading: PixelReading,
) -> Cohort:
    """Check the table and its files; return a cohort only if there is no problem.

    Args:
        table: one row per image, all text: ``image``, ``patient``, ``grade``, and optional further columns.
        classes: the grades, worst to best.
        root: root folder of the ``image`` paths.
        source: name of the manifest or folder in messages.
        where: name of a row in messages, by its number from 0.
        fix: remedy named in the message.
        problems: problems found before.
        memory: folder that stores file fingerprints; None: not stored.
        mixed: ``data.mixed_grades``.
        outside: ``data.outside``.
        names: which names are one patient.
        reading: how the images are read.

    Raises:
        CohortError: with all problems, one per line.
    """
    table, of_names = names.applied(table)
    messages = [*problems, *row_problems(table, classes, where), *of_names]
    messages += mpp_problems(table.get("mpp", ()), where)
    if reserved := reserved_columns(table.columns):
        messages.append(f"columns {', '.join(reserved)}: a run writes columns of that name; rename them")
    if table.empty and not messages:
        messages.append(f"no images ({', '.join(SUFFIXES)})")
    paths = [root / image for image in table["image"]]
    led_out: dict[int, str] = {}
    if not outside:
        led_out = names_outside(table["image"].tolist(), Inside(root))
        messages += [f"{where(row)}: image {one_line(reason)}" for row, reason in led_out.items()]
    files = Fingerprints(memory / f"{_path_hash(root)}.json" if memory else None)
    unchecked = {
        row: path
        for row, (path, image) in enumerate(zip(paths, table["image"], strict=True))
        if image and row not in led_out and not files.recalls(path)
    }
    damaged = broken_files(unchecked, opened_only=not messages, reading=reading)
    if damaged and not messages:  # the run fails anyway: decode all, to report all bad files together
        damaged = broken_files(unchecked, opened_only=False, reading=reading)
    messages += [f"{where(row)}: image {one_line(paths[row])} {reason}" for row, reason in damaged.items()]
    if not messages:
        expected = table.get("sha256")
        table = table.assign(sha256=files.of(paths))
        if expected is not None:
            messages += [
                f"{where(row)}: image {one_line(paths[row])} does not match the sha256 in the manifest"
                for row in rows_where((expected.str.lower() != table["sha256"]) & (expected != ""))
            ]
        messages += conflicting_duplicates(table, where)
        messages += [] if mixed else mixed_patients(table)
    if messages:
        listed = "\n".join(f"  {line}" for line in messages)
        raise CohortError(
            f"{source}: {len(messages)} problem{'s' * (len(messages) > 1)}; {fix}:\n{listed}",
            names.suggested(table["patient"]) if of_names else table[:0],
        )
    table = table.sort_values("image", ignore_index=True)
    if mixed_names := mixed_grades(table):
        log.warning(
            "%d of %d patients have images of more than one grade; each stays on one side of the split, "
            "stratified by its most frequent grade (ties: the worse)",
            len(mixed_names),
            table["patient"].nunique(),
        )
    return Cohort(table, classes, root, names.alias, reading)


def _path_hash(folder: Path) -> str:
    """Short hash of a folder's absolute path."""
    return hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:16]
