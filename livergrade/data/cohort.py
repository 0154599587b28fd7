"""Read a manifest or a folder of images into one table, and tell everything that is wrong with it at once."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from livergrade.config.schema import DataConfig
from livergrade.data.validation import (
    REQUIRED,
    RESERVED,
    broken_files,
    leading_out,
    mixed_patients,
    row_problems,
    twins,
)
from livergrade.errors import UserError
from livergrade.evaluation.levels import patient_grades
from livergrade.io.fingerprints import Fingerprints
from livergrade.io.images import SUFFIXES
from livergrade.io.tables import read_text_table, rows_where

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cohort:
    """Images with their patients and grades.

    Attributes:
        table: one row an image, sorted by ``image``: ``image`` (path below ``root``), ``patient``, ``grade``,
            the manifest's other columns, and ``sha256`` of the file.
        classes: the grades, worst to best.
        root: the folder that ``image`` starts from.
    """

    table: pd.DataFrame
    classes: list[str]
    root: Path

    @property
    def paths(self) -> list[Path]:
        """The image files, in the table's order."""
        return [self.root / image for image in self.table["image"]]


def cache_root(options: DataConfig) -> Path:
    """Where generated and decoded images are kept between runs."""
    chosen = options.cache_dir or os.environ.get("LIVERGRADE_CACHE") or "~/.cache/livergrade"
    return Path(chosen).expanduser().absolute()


def from_manifest(
    path: Path,
    classes: list[str],
    root: Path | None = None,
    memory: Path | None = None,
    *,
    mixed: bool = False,
    outside: bool = False,
) -> Cohort:
    """Read a CSV with the columns ``image,patient,grade``; image paths start at ``root``, else beside it.

    Images that did not change since they were last read are not read again; ``memory`` is the folder in which
    that is remembered. With a column ``sha256`` the files must be those. ``mixed`` and ``outside`` are
    ``data.mixed_grades`` and ``data.outside``.
    """
    if not path.exists():
        raise UserError(f"{path}: there is no such manifest; give data.manifest=<file.csv>")
    table = read_text_table(path)
    if missing := [name for name in REQUIRED if name not in table.columns]:
        raise UserError(
            f"{path}: no column {', '.join(missing)}; it needs image, patient and grade and has "
            f"{', '.join(table.columns)}"
        )
    table = table.apply(lambda column: column.str.strip())
    # Row 1 is the header, as a spreadsheet shows it.
    return checked_cohort(
        table,
        classes,
        root or path.parent,
        str(path),
        lambda row: f"row {row + 2}",
        "correct those rows",
        memory=memory,
        mixed=mixed,
        outside=outside,
    )


def from_folder(
    root: Path,
    patient_pattern: str,
    classes: list[str],
    memory: Path | None = None,
    *,
    mixed: bool = False,
    outside: bool = False,
) -> Cohort:
    """Read ``root/<grade>/**/<image file>``; the patient is the pattern's group ``patient`` in the path.

    The pattern is searched in the path below ``root`` with forward slashes. Hidden files are passed over.
    """
    pattern = _patient_regex(patient_pattern)
    if not root.is_dir():
        raise UserError(f"data.root={root}: there is no such folder")
    found = sorted(
        entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")
    )
    if missing := [grade for grade in classes if grade not in found]:
        raise UserError(
            f"{root}: no folder named {', '.join(missing)}; its folders are {', '.join(found) or 'none'}. "
            f"Give those that are grades, worst to best, as in 'data.classes=[{','.join(found)}]'"
        )
    folded = {grade.casefold(): grade for grade in classes}
    if doubled := [name for name in found if name not in classes and name.casefold() in folded]:
        told = ", ".join(f"{name} and {folded[name.casefold()]}" for name in doubled)
        raise UserError(f"{root}: folders {told} differ in case alone; make one of them")
    if others := [name for name in found if name not in classes]:
        log.warning("%s: passed over, not in data.classes: %s", root, ", ".join(others))
    rows, unnamed = [], []
    for grade in classes:
        for path in sorted((root / grade).rglob("*")):
            image = path.relative_to(root).as_posix()
            hidden = any(part.startswith(".") for part in image.split("/"))
            if hidden or path.suffix.lower() not in SUFFIXES or path.is_dir():
                continue
            match = pattern.search(image)
            if match and match["patient"]:
                rows.append((image, match["patient"], grade))
            else:
                unnamed.append(f"{image}: data.patient_pattern={patient_pattern} names no patient")
    table = pd.DataFrame(rows, columns=list(REQUIRED), dtype=str)
    where = table["image"].tolist()
    return checked_cohort(
        table,
        classes,
        root,
        str(root),
        lambda row: where[row],
        "correct those files",
        unnamed,
        memory=memory,
        mixed=mixed,
        outside=outside,
    )


def _patient_regex(patient_pattern: str) -> re.Pattern[str]:
    """The compiled pattern.

    Raises:
        UserError: it is no regular expression, or has no group ``patient``.
    """
    try:
        pattern = re.compile(patient_pattern)
    except re.error as error:
        raise UserError(
            f"data.patient_pattern={patient_pattern}: not a regular expression: {error}"
        ) from None
    if "patient" not in pattern.groupindex:
        raise UserError(
            f"data.patient_pattern={patient_pattern}: has no group named patient; write the part that names "
            r"the patient as (?P<patient>...), for example (?P<patient>P\d+)"
        )
    return pattern


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
) -> Cohort:
    """Collect every problem of the table and its files; a cohort comes back only when there is none.

    Args:
        table: one row an image, all text: ``image``, ``patient``, ``grade``, and what else is carried.
        classes: the grades, worst to best.
        root: the folder that ``image`` starts from.
        source: what to call the whole in a message.
        where: what to call a row in a message, by its number from 0.
        fix: what to do about a problem.
        problems: those that were found before.
        memory: folder in which it is remembered what files held; None: nowhere.
        mixed: ``data.mixed_grades``.
        outside: ``data.outside``.

    Raises:
        UserError: with every problem, one a line.
    """
    found = [*problems, *row_problems(table, classes, where)]
    if reserved := [name for name in table.columns if name in RESERVED or name.startswith("p_")]:
        found.append(f"columns {', '.join(reserved)}: a run writes columns of that name; rename them")
    if table.empty and not found:
        found.append(f"no images ({', '.join(SUFFIXES)})")
    paths = [root / image for image in table["image"]]
    if not outside:
        found += [
            f"{where(row)}: image {paths[row]} lies outside {root}; set data.root, or data.outside=true"
            for row in leading_out(paths, root)
        ]
    files = Fingerprints(memory / f"{_name(root)}.json" if memory else None)
    named = {
        row: path
        for row, (path, image) in enumerate(zip(paths, table["image"], strict=True))
        if image and not files.recalls(path)
    }
    broken = broken_files(named, opened_only=not found)
    if broken and not found:  # the run ends here anyway: decode all, so that every bad file is told at once
        broken = broken_files(named, opened_only=False)
    found += [f"{where(row)}: image {paths[row]} {reason}" for row, reason in broken.items()]
    if not found:
        stated = table.get("sha256")
        table = table.assign(sha256=files.of(paths))
        if stated is not None:
            found += [
                f"{where(row)}: image {paths[row]} is not the file that the manifest's sha256 tells of"
                for row in rows_where((stated.str.lower() != table["sha256"]) & (stated != ""))
            ]
        found += twins(table, where)
        several = mixed_patients(table)
        found += [] if mixed else several
    if found:
        listed = "\n".join(f"  {line}" for line in found)
        raise UserError(f"{source}: {len(found)} problem{'s' * (len(found) > 1)}; {fix}:\n{listed}")
    table = table.sort_values("image", ignore_index=True)
    if several:
        log.warning(
            "%d of %d patients have images of more than one grade; each stays on one side of the split, "
            "stratified by its most frequent grade (ties: the worse)",
            len(several),
            table["patient"].nunique(),
        )
    return Cohort(table, classes, root)


def _name(folder: Path) -> str:
    """A short name for a folder, wherever it lies."""
    return hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:16]


def majority_grades(table: pd.DataFrame, classes: list[str]) -> pd.Series[str]:
    """The grade of each patient: its most frequent one, ties to the worse; indexed and sorted by patient."""
    patient, patients = pd.factorize(table["patient"], sort=True)
    grade = pd.Index(classes).get_indexer(pd.Index(table["grade"]))
    codes = patient_grades(np.asarray(patient, np.int64), np.asarray(grade, np.int64), len(classes))
    return pd.Series([classes[code] for code in codes], index=pd.Index(patients, name="patient"))
