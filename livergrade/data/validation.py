"""What can be wrong with the rows of a cohort and the files that they name."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from livergrade.io.images import ImageError, open_image, read_rgb
from livergrade.io.tables import formulas

REQUIRED = ("image", "patient", "grade")
RESERVED = ("split", "fold", "angle", "predicted")  # columns that later files of a run add


def row_problems(table: pd.DataFrame, classes: list[str], where: Callable[[int], str]) -> list[str]:
    """Blank cells, unknown grades, images that come twice, and formulas; a line each."""
    found = []
    seen: dict[str, int] = {}
    for row, (image, patient, grade) in enumerate(
        zip(table["image"], table["patient"], table["grade"], strict=True)
    ):
        blank = [name for name, value in zip(REQUIRED, (image, patient, grade), strict=True) if not value]
        if blank:
            found.append(f"{where(row)}: {', '.join(blank)} is blank")
        if grade and grade not in classes:
            found.append(f"{where(row)}: grade {grade!r} is not in data.classes ({', '.join(classes)})")
        if image and (first := seen.setdefault(os.path.normpath(image), row)) != row:
            found.append(f"{where(row)}: image {image} is listed already ({where(first)})")
    return found + formulas(table, where)


def mixed_patients(table: pd.DataFrame) -> list[str]:
    """Patients with images of several grades: often a patient's name that two share, or a wrong grade."""
    return [
        f"patient {patient}: images of {', '.join(sorted(grades))}; one grade a patient, or set "
        "data.mixed_grades=true"
        for patient, grades in table.groupby("patient")["grade"].unique().items()
        if len(grades) > 1
    ]


def leading_out(paths: Sequence[Path], root: Path) -> list[int]:
    """The files that do not lie below ``root`` once links and ``..`` are followed."""
    home, resolved = root.resolve(), functools.cache(Path.resolve)
    found = []
    for row, path in enumerate(paths):
        try:
            real = resolved(path.parent) / path.name
            if path.name == ".." or real.is_symlink():
                real = real.resolve()
        except (OSError, ValueError, RuntimeError):  # no such name can be, or links in a ring
            continue
        if not real.is_relative_to(home):
            found.append(row)
    return found


def broken_files(paths: dict[int, Path], *, opened_only: bool) -> dict[int, str]:
    """Row → reason for every file that can't be read; ``opened_only`` trusts the file's header."""

    def reason(path: Path) -> str | None:
        try:
            if opened_only:
                open_image(path).close()
            else:
                read_rgb(path)
        except ImageError as error:
            return str(error)
        return None

    with ThreadPoolExecutor() as pool:
        told = pool.map(reason, paths.values())
        reasons = list(tqdm(told, "checking images", len(paths), leave=False, disable=len(paths) < 500))
    return {row: reason for row, reason in zip(paths, reasons, strict=True) if reason}


def twins(table: pd.DataFrame, where: Callable[[int], str]) -> list[str]:
    """The same file under two patients or two grades: a leak or a wrong label, never right."""
    found = []
    twins = table[table.duplicated("sha256", keep=False)]
    for _, same in twins.groupby("sha256"):
        if same[["patient", "grade"]].drop_duplicates().shape[0] > 1:
            listed = "; ".join(
                f"{where(row)}: {image} ({patient}, {grade})"
                for row, image, patient, grade in zip(
                    same.index, same["image"], same["patient"], same["grade"], strict=True
                )
            )
            found.append(f"the same picture under different patients or grades: {listed}")
    return found
