"""Checks of the rows of a cohort and of their image files."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from livergrade.io.images import ImageError, open_image, read_rgb
from livergrade.io.memory import reading_threads
from livergrade.io.tables import formulas

REQUIRED = ("image", "patient", "grade")
RESERVED = ("split", "fold", "angle", "predicted")  # columns that output files of a run add


def row_problems(table: pd.DataFrame, classes: list[str], where: Callable[[int], str]) -> list[str]:
    """Blank cells, unknown grades, duplicate images and spreadsheet formulas, one line each."""
    messages = []
    seen: dict[str, int] = {}
    for row, (image, patient, grade) in enumerate(
        zip(table["image"], table["patient"], table["grade"], strict=True)
    ):
        blank = [name for name, value in zip(REQUIRED, (image, patient, grade), strict=True) if not value]
        if blank:
            messages.append(f"{where(row)}: {', '.join(blank)} is blank")
        if grade and grade not in classes:
            messages.append(f"{where(row)}: grade {grade!r} is not in data.classes ({', '.join(classes)})")
        if image and (first := seen.setdefault(os.path.normpath(image), row)) != row:
            messages.append(f"{where(row)}: image {image} is listed already ({where(first)})")
    return messages + formulas(table, where)


def mixed_patients(table: pd.DataFrame) -> list[str]:
    """Patients with images of several grades: often two patients with the same name, or a wrong grade."""
    return [
        f"patient {patient}: images of {', '.join(sorted(grades))}; one grade a patient, or set "
        "data.mixed_grades=true"
        for patient, grades in table.groupby("patient")["grade"].unique().items()
        if len(grades) > 1
    ]


def paths_outside(paths: Sequence[Path], root: Path) -> list[int]:
    """Rows of files outside ``root`` after resolving links and ``..``."""
    resolved_root, resolved = root.resolve(), functools.cache(Path.resolve)
    rows = []
    for row, path in enumerate(paths):
        try:
            real = resolved(path.parent) / path.name
            if path.name == ".." or real.is_symlink():
                real = real.resolve()
        except (OSError, ValueError, RuntimeError):  # invalid path, or circular links
            continue
        if not real.is_relative_to(resolved_root):
            rows.append(row)
    return rows


def broken_files(paths: dict[int, Path], *, opened_only: bool) -> dict[int, str]:
    """Row → reason for every unreadable file; with ``opened_only`` only the file header is checked."""

    def reason(path: Path) -> str | None:
        try:
            if opened_only:
                open_image(path).close()
            else:
                read_rgb(path)
        except ImageError as error:
            return str(error)
        return None

    with reading_threads() as pool:
        results = pool.map(reason, paths.values())
        reasons = list(tqdm(results, "checking images", len(paths), leave=False, disable=len(paths) < 500))
    return {row: reason for row, reason in zip(paths, reasons, strict=True) if reason}


def conflicting_duplicates(table: pd.DataFrame, where: Callable[[int], str]) -> list[str]:
    """Identical files with different patients or grades: leakage or a wrong label."""
    messages = []
    duplicates = table[table.duplicated("sha256", keep=False)]
    for _, group in duplicates.groupby("sha256"):
        if group[["patient", "grade"]].drop_duplicates().shape[0] > 1:
            listed = "; ".join(
                f"{where(row)}: {image} ({patient}, {grade})"
                for row, image, patient, grade in zip(
                    group.index, group["image"], group["patient"], group["grade"], strict=True
                )
            )
            messages.append(f"the same picture under different patients or grades: {listed}")
    return messages
