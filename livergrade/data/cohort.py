"""Read a manifest or a folder of images into one table, and report all its problems together."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from livergrade.data.grade_folders import grade_folders, graded_files
from livergrade.data.manifest import AS_IT_IS, TableOptions, read_manifest
from livergrade.data.patient_alias import CohortError, PatientAlias, PatientNames
from livergrade.data.patient_pattern import check_pattern, patients_of
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
from livergrade.io.fingerprints import Fingerprints
from livergrade.io.grade_map import NO_MAP, GradeMap
from livergrade.io.images import SUFFIXES
from livergrade.io.inside import Inside
from livergrade.io.named_files import suffix_advice
from livergrade.io.on_disk import OnDisk, SpellingError
from livergrade.io.pixel_reading import AS_FILED, PixelReading
from livergrade.io.regular_files import is_regular
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

    @property
    def frame(self) -> pd.DataFrame:
        """A copy of the table, to be changed as one likes."""
        return self.table.copy()

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
    reading: PixelReading = AS_FILED,
) -> Cohort:
    """Read a table with the columns ``image,patient,grade``; image paths start at ``root`` or its folder.

    Images unchanged since they were last checked are not read again; ``memory`` is the folder that stores
    their fingerprints. A column ``sha256`` must match the files. ``mixed`` and ``outside`` are
    ``data.mixed_grades`` and ``data.outside``; ``names`` tells which names are one patient; ``table`` tells
    its columns and words, and ``reading`` how the images are read.
    """
    if not path.exists():
        hint = path_hint(str(path))
        raise UserError(f"{path}: there is no such manifest{hint}; give data.manifest=<file.csv>")
    if root and not root.is_dir():
        raise UserError(f"data.root={root}: there is no such folder{path_hint(str(root))}")
    folder = root or path.parent
    manifest = read_manifest(path, folder, table)
    cells, ambiguous = _spelled_as_on_disk(manifest.cells, Inside(folder, outside=outside), manifest.where)
    fix = "correct those rows"
    if len(cells) and not any(name and is_regular(folder / name) for name in cells["image"]):
        fix += f"; no image is there: names start in {folder}, or in data.root=<folder>, if that is given"
    return checked_cohort(
        cells,
        classes,
        folder,
        str(path),
        manifest.where,
        fix,
        [*manifest.problems, *ambiguous],
        memory=memory,
        mixed=mixed,
        outside=outside,
        names=names,
        grades=table.grades,
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
    grades: GradeMap = NO_MAP,
    reading: PixelReading = AS_FILED,
) -> Cohort:
    """Read ``root/<grade>/**/<image file>``; the patient is the group ``patient`` of the pattern.

    The pattern is searched in the path relative to ``root`` with forward slashes. Linked folders
    are entered, each once. Hidden files and files of other kinds are passed over, and counted in the log. A
    grade without a folder has no image, if every folder is a grade's. ``grades`` tells which folders have
    other words for grades.
    """
    check_pattern(patient_pattern)
    if not root.is_dir():
        raise UserError(f"data.root={root}: there is no such folder{path_hint(str(root))}")
    found, problems = graded_files(root, grade_folders(root, classes, grades), outside=outside)
    patients = patients_of([image for image, _ in found], patient_pattern)
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
        grades: what was made of words for grades, for the message about others.
        reading: how the images are read.

    Raises:
        CohortError: with all problems, one per line.
    """
    table, of_names = names.applied(table)
    messages = [*problems, *row_problems(table, classes, where, grades), *of_names]
    if reserved := reserved_columns(table.columns):
        messages.append(f"columns {', '.join(reserved)}: a run writes columns of that name; rename them")
    if table.empty and not messages:
        messages.append(f"no images ({', '.join(SUFFIXES)})")
    led_out: dict[int, str] = {}
    if not outside:
        led_out = names_outside(table["image"].tolist(), Inside(root))
        messages += [f"{where(row)}: image {one_line(reason)}" for row, reason in led_out.items()]
    paths = [root / image for image in table["image"]]
    files = Fingerprints(memory / f"{_short_hash(root.absolute(), reading.key())}.json" if memory else None)
    unchecked = {
        row: path
        for row, (path, image) in enumerate(zip(paths, table["image"], strict=True))
        if image and row not in led_out and not files.recalls(path)
    }
    damaged = broken_files(unchecked, opened_only=not messages, reading=reading)
    if damaged and not messages:  # the run fails anyway: decode all, to report all bad files together
        damaged = broken_files(unchecked, opened_only=False, reading=reading)
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
    return Cohort(table, classes, root, names.alias, reading)


def _spelled_as_on_disk(
    table: pd.DataFrame, below: Inside, where: Callable[[int], str]
) -> tuple[pd.DataFrame, list[str]]:
    """The table with images named as the disk has them, whose accents may be in pieces, and ambiguous names.

    Args:
        table: one row per image.
        below: where the names start; those that lead out are left as they are.
        where: name of a row in messages.
    """
    on_disk, images, messages = OnDisk(below.root), list[str](), list[str]()
    for row, image in enumerate(table["image"]):
        images.append(image)
        try:
            if not image.isascii() and below.holds(image):
                images[-1] = on_disk.name(image)
        except SpellingError as error:
            messages.append(f"{where(row)}: image {one_line(image)} {error}")
    return table.assign(image=images), messages


def _short_hash(*known_by: object) -> str:
    """First 16 hexadecimal digits of a hash of some values."""
    return hashlib.sha256("\n".join(map(str, known_by)).encode()).hexdigest()[:16]
