"""Count patients and images by grade: everything that tells such counts takes them from here.

A patient counts once, under the most frequent grade of the images that are counted; a tie goes to the worse.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from livergrade.evaluation.levels import patient_grades


def majority_grades(images: pd.DataFrame, classes: list[str]) -> pd.Series[str]:
    """Most frequent grade of each patient, ties to the worse grade; indexed and sorted by patient."""
    patient, patients = pd.factorize(images["patient"], sort=True)
    grade = pd.Index(classes).get_indexer(pd.Index(images["grade"]))
    names: list[str] = []
    if len(images):
        codes = patient_grades(np.asarray(patient, np.int64), np.asarray(grade, np.int64), len(classes))
        names = [classes[code] for code in codes]
    return pd.Series(names, index=pd.Index(patients, name="patient"), dtype=object)


def grade_counts(rows: pd.DataFrame, classes: list[str]) -> list[tuple[int, int]]:
    """Number of patients and of images of each grade, and last of all grades together.

    Args:
        rows: ``image``, ``patient`` and ``grade`` of one part of a split, one row per image or per view.
        classes: the grades, worst to best.
    """
    images = rows.drop_duplicates(["image", "patient"])  # another cohort may have a file of the same name
    patients = majority_grades(images, classes)
    counts = [(int((patients == grade).sum()), int((images["grade"] == grade).sum())) for grade in classes]
    return [*counts, (len(patients), len(images))]


def mixed_grades(rows: pd.DataFrame) -> dict[str, list[str]]:
    """Patients with images of more than one grade, and their grades, both sorted."""
    grades = rows.groupby("patient")["grade"].unique()
    return {str(patient): sorted(found) for patient, found in grades.items() if len(found) > 1}


def without_patients(rows: pd.DataFrame, classes: list[str]) -> Iterator[tuple[str, int]]:
    """Grades that have images but are no patient's most frequent grade, with the number of their images."""
    for grade, (patients, images) in zip(classes, grade_counts(rows, classes), strict=False):
        if images and not patients:
            yield grade, images
