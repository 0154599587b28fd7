"""Read a manifest or a folder of images into one table, and report all its problems together."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from livergrade.data.manifest import AS_IT_IS, TableOptions, read_manifest
from livergrade.data.patient_alias import CohortError, PatientAlias, PatientNames
from livergrade.data.patient_pattern import check_pattern, patients_in
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
from livergrade.io.cells import cell_problem
from livergrade.io.fingerprints import Fingerprints
from livergrade.io.grade_map import NO_MAP, GradeMap
from livergrade.io.images import SUFFIXES
from livergrade.io.inside import Inside, OutsideError
from livergrade.io.named_files import suffix_advice
from livergrade.io.tables import formulas, rows_where
from livergrade.io.user_tables import path_hint
from livergrade.io.visible import one_line

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
    """

    table: pd.DataFrame
    classes: list[str]
    root: Path
    alias: PatientAlias | None = None

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
    table: TableOptions = AS_IT_IS,
) -> Cohort:
    """Read a table with the columns ``image,patient,grade``; image paths start at ``root`` or its folder.

    Images unchanged since they were last checked are not read again; ``memory`` is the folder that stores
    their fingerprints. A column ``sha256`` must match the files. ``mixed`` and ``outside`` are
    ``data.mixed_grades`` and ``data.outside``; ``names`` tells which names are one patient; ``table`` tells
    its columns and words.
    """
    if not path.exists():
        hint = path_hint(str(path))
        raise UserError(f"{path}: there is no such manifest{hint}; give data.manifest=<file.csv>")
    if root and not root.is_dir():
        raise UserError(f"data.root={root}: there is no such folder{path_hint(str(root))}")
    folder = root or path.parent
    manifest = read_manifest(path, folder, table)
    return checked_cohort(
        manifest.cells,
        classes,
        folder,
        str(path),
        manifest.where,
        "correct those rows",
        manifest.problems,
        memory=memory,
        mixed=mixed,
        outside=outside,
        names=names,
        grades=table.grades,
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
    grades: GradeMap = NO_MAP,
) -> Cohort:
    """Read ``root/<grade>/**/<image file>``; the patient is the group ``patient`` of the pattern.

    The pattern is searched in the path relative to ``root`` with forward slashes. Hidden files are ignored.
    ``grades`` tells which folders have other words for grades.
    """
    check_pattern(patient_pattern)
    if not root.is_dir():
        raise UserError(f"data.root={root}: there is no such folder{path_hint(str(root))}")
    folders = sorted(
        entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )
    grade_of = {name: grade for name in folders if (grade := grades.of(name)) in classes}
    if missing := [grade for grade in classes if grade not in grade_of.values()]:
        raise UserError(
            f"{root}: no folder named {', '.join(missing)}; its folders are {', '.join(folders) or 'none'}. "
            f"Give those that are grades, worst to best, as in 'data.classes=[{','.join(folders)}]', or the "
            f"grades that they are, as in 'data.grades={{{folders[0] if folders else 'G1'}: {missing[0]}}}'"
        )
    by_lowercase = {grade.casefold(): grade for grade in classes}
    if duplicates := [name for name in folders if name not in grade_of and name.casefold() in by_lowercase]:
        pairs = ", ".join(f"{name} and {by_lowercase[name.casefold()]}" for name in duplicates)
        raise UserError(f"{root}: folders {pairs} differ only in upper and lower case; merge them")
    if ignored := [name for name in folders if name not in grade_of]:
        log.warning("%s: ignored folders, which are no grades: %s", root, ", ".join(map(one_line, ignored)))
    found, problems = _graded_files(root, grade_of, outside=outside)
    patients = patients_in([image for image, _ in found], patient_pattern)
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
    )


def _graded_files(
    root: Path, grade_of: Mapping[str, str], *, outside: bool
) -> tuple[list[tuple[str, str]], list[str]]:
    """Images below ``root`` with the grade whose folder they are in, and problems with their names."""
    found: list[tuple[str, str]] = []
    problems: list[str] = []
    below = Inside(root, outside=outside)
    for folder, grade in grade_of.items():
        for path in _files(below, folder, problems):
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
    grades: GradeMap = NO_MAP,
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
        grades: what was made of words for grades, for the message about others.

    Raises:
        CohortError: with all problems, one per line.
    """
    table, of_names = names.applied(table)
    messages = [*problems, *row_problems(table, classes, where, grades), *of_names]
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
    damaged = broken_files(unchecked, opened_only=not messages)
    if damaged and not messages:  # the run fails anyway: decode all, to report all bad files together
        damaged = broken_files(unchecked, opened_only=False)
    messages += [
        f"{where(row)}: image {one_line(paths[row])} {reason}"
        + suffix_advice(table["image"].iloc[row], root, SUFFIXES)
        for row, reason in damaged.items()
    ]
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
    return Cohort(table, classes, root, names.alias)


def _path_hash(folder: Path) -> str:
    """Short hash of a folder's absolute path."""
    return hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:16]
