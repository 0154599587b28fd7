"""Read the table of a cohort, by whatever names its columns, files and grades have there."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from livergrade.data.patient_pattern import check_pattern, patients_of
from livergrade.data.validation import REQUIRED
from livergrade.errors import UserError
from livergrade.io.grade_map import NO_MAP, GradeMap
from livergrade.io.images import SUFFIXES
from livergrade.io.named_files import as_named
from livergrade.io.pixel_size import read_mpp
from livergrade.io.row_messages import row_messages
from livergrade.io.user_tables import UserTable, Wanted, read_user_table

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TableOptions:
    """What was said of a table.

    Attributes:
        columns: ``data.columns``.
        grades: ``data.grades``.
        suffix: ``data.suffix``.
        pattern: ``data.patient_pattern``, by which images have patients; None: a column has them.
    """

    columns: Mapping[str, str | None] = field(default_factory=dict)
    grades: GradeMap = NO_MAP
    suffix: str | None = None
    pattern: str | None = None


AS_IT_IS = TableOptions()


def read_manifest(path: Path, root: Path, options: TableOptions) -> UserTable:
    """Read a table of images, less the rows whose grades are to be left out.

    Args:
        path: the table.
        root: where the image paths start.
        options: what was said of it.

    Returns:
        The table without blanks around its cells: ``image`` as the file is named, ``patient``, ``grade``, and
        the table's other columns.

    Raises:
        UserError: it can't be read, or lacks a column.
    """
    if options.pattern:
        check_pattern(options.pattern)
    wanted = Wanted(
        (*REQUIRED, "mpp", "sha256"),
        REQUIRED,
        options.columns,
        "data.columns",
        {"mpp": read_mpp},
        ("patient",) if options.pattern else (),
    )
    try:
        table = read_user_table(path, wanted)
    except UserError as error:
        if options.pattern or "no column" not in str(error) or "data.columns.patient=" not in str(error):
            raise
        raise UserError(
            f"{error}; or data.patient_pattern, if the images' names contain the patient"
        ) from None
    cells = table.cells.apply(lambda column: column.str.strip())
    words = Counter(cells["grade"])
    meant = cells["grade"].map(options.grades.of)
    kept = meant.notna()
    if left_out := options.grades.left_out(words):
        log.warning("%s: %s, as %s says", path, left_out, options.grades.option)
    if unused := options.grades.unused(words):
        log.warning("%s: %s: no row has %s", path, options.grades.option, ", ".join(map(repr, unused)))
    cells = cells.assign(grade=meant)[kept].reset_index(drop=True)
    cells["image"] = [as_named(name, root, options.suffix, SUFFIXES) for name in cells["image"]]
    table = replace(table, cells=cells, rows=[table.rows[at] for at in range(len(kept)) if kept.iloc[at]])
    return _with_patients(table, options.pattern) if options.pattern else table


def _with_patients(table: UserTable, pattern: str) -> UserTable:
    """The table with the patients that a pattern finds in the names of its images.

    Raises:
        UserError: it has a column of patients, too.
    """
    if "patient" in table.cells:
        raise UserError(
            f"{table.path}: has a column of patients; leave out data.patient_pattern, or remove the column"
        )
    names = patients_of(table.cells["image"].tolist(), pattern)
    found = [
        (row, f"data.patient_pattern={pattern} names no patient in its image")
        for row, name in enumerate(names)
        if not name
    ]
    problems = [*table.problems, *row_messages(found, table.where)]
    return replace(table, cells=table.cells.assign(patient=names), problems=problems)
