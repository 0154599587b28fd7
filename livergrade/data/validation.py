"""Checks of the rows of a cohort and of their image files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pandas as pd

from livergrade.evaluation.grade_counts import mixed_grades
from livergrade.io.bars import bar as progress_bar
from livergrade.io.grade_map import NO_MAP, GradeMap, unknown_grades
from livergrade.io.images import ImageError, read_header, read_rgb
from livergrade.io.inside import Inside, OutsideError, same_on_disk
from livergrade.io.memory import reading_threads
from livergrade.io.patient_names import patient_key
from livergrade.io.pixel_reading import PixelReading
from livergrade.io.row_messages import row_messages
from livergrade.io.visible import one_line

REQUIRED = ("image", "patient", "grade")
RESERVED = ("split", "fold", "angle", "predicted")  # columns that output files of a run add


def reserved_columns(names: Iterable[str]) -> list[str]:
    """Those of a manifest's columns that a run writes itself, in any case, ``p_<grade>`` among them."""
    return [name for name in names if (lower := name.casefold()) in RESERVED or lower.startswith("p_")]


def row_problems(
    table: pd.DataFrame, classes: list[str], where: Callable[[int], str], grades: GradeMap = NO_MAP
) -> list[str]:
    """Blank cells, unknown grades, and images that are listed twice, one line each; equal lines are one.

    Args:
        table: one row per image: ``image``, ``patient``, ``grade``.
        classes: the grades.
        where: name of a row in messages, by its number from 0.
        grades: what was made of other words for grades.
    """
    words = table["grade"].tolist()
    found, advice = unknown_grades(words, classes, "data.classes", grades)
    if "" in words:
        advice = grades.advice([*dict.fromkeys(word for word in words if word not in classes)], classes)
    seen: dict[str, int] = {}
    for row, (image, patient, grade) in enumerate(
        zip(table["image"], table["patient"], table["grade"], strict=True)
    ):
        shown = (image, patient_key(patient), grade)  # a patient's name without any visible letter is none
        blank = [name for name, value in zip(REQUIRED, shown, strict=True) if not value]
        if blank:
            found.append((row, f"{', '.join(blank)} is blank"))
        key = os.path.normpath(image)
        if image and (first := seen.setdefault(same_on_disk(key), row)) != row:
            same = os.path.normpath(table["image"].iloc[first]) == key
            reason = "is listed already" if same else "has, to some disks, the name of another; rename one"
            found.append((row, f"image {one_line(image)} {reason} ({where(first)})"))
    lines = row_messages(found, where)
    if advice:
        lines[-1] += f"\n  {advice}"
    return lines


def mixed_patients(table: pd.DataFrame) -> list[str]:
    """Patients with images of several grades: often two patients with the same name, or a wrong grade."""
    return [
        f"patient {one_line(patient)}: images of {', '.join(grades)}; give each patient one grade, or set "
        "data.mixed_grades=true"
        for patient, grades in mixed_grades(table).items()
    ]


def names_outside(images: Sequence[str], root: Inside) -> dict[int, str]:
    """Row → reason for every name that leads out of the folder, links and ``..`` resolved."""
    reasons = {}
    for row, image in enumerate(images):
        try:
            root.path(image)
        except OutsideError as error:
            reasons[row] = f"{root.root / image} {error}"
    return reasons


def broken_files(paths: dict[int, Path], *, opened_only: bool, reading: PixelReading) -> dict[int, str]:
    """Row → reason for every unreadable file; with ``opened_only`` only the file header is checked."""

    def reason(path: Path) -> str | None:
        try:
            if opened_only:
                read_header(path)
            else:
                read_rgb(path, reading=reading)
        except ImageError as error:
            return str(error)
        return None

    with reading_threads() as pool:
        results = pool.map(reason, paths.values())
        reasons = list(
            progress_bar(results, "checking images", len(paths), leave=False, hidden=len(paths) < 500)
        )
    return {row: reason for row, reason in zip(paths, reasons, strict=True) if reason}


def conflicting_duplicates(table: pd.DataFrame, where: Callable[[int], str]) -> list[str]:
    """Identical files with different patients or grades: leakage or a wrong label."""
    messages = []
    duplicates = table[table.duplicated("sha256", keep=False)]
    for _, group in duplicates.groupby("sha256"):
        if group[["patient", "grade"]].drop_duplicates().shape[0] > 1:
            listed = "; ".join(
                f"{where(row)}: {one_line(image)} ({one_line(patient)}, {grade})"
                for row, image, patient, grade in zip(
                    group.index, group["image"], group["patient"], group["grade"], strict=True
                )
            )
            messages.append(f"the same picture under different patients or grades: {listed}")
    return messages
