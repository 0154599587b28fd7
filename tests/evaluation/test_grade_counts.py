"""Patients and images by grade, counted in one place."""

import pandas as pd

from livergrade.evaluation.grade_counts import (
    grade_counts,
    majority_grades,
    mixed_grades,
    without_patients,
)

CLASSES = ["poor", "moderate", "well"]
ROWS = [("a", "well"), ("a", "well"), ("a", "poor"), ("b", "well"), ("b", "moderate"), ("c", "poor")]
IMAGES = pd.DataFrame(ROWS, columns=["patient", "grade"]).assign(image=list("123456"))


def test_the_grade_of_a_mixed_patient_is_the_most_frequent_then_the_worse() -> None:
    assert majority_grades(IMAGES, CLASSES).to_dict() == {"a": "well", "b": "moderate", "c": "poor"}
    assert majority_grades(IMAGES[:0], CLASSES).to_dict() == {}


def test_a_patient_counts_once_and_a_view_is_no_image() -> None:
    views = pd.concat([IMAGES.assign(angle=angle) for angle in (0.0, 90.0)])
    assert grade_counts(views, CLASSES) == [(1, 2), (1, 1), (1, 3), (3, 6)]
    assert mixed_grades(views) == {"a": ["poor", "well"], "b": ["moderate", "well"]}


def test_a_grade_of_images_may_be_no_patients() -> None:
    assert list(without_patients(IMAGES, CLASSES)) == []
    assert list(without_patients(IMAGES[:3], CLASSES)) == [("poor", 1)]


def test_a_file_of_two_cohorts_by_one_name_counts_twice() -> None:
    rows = pd.DataFrame(
        {"image": ["1.png", "1.png"], "patient": ["P1 (of training)", "P1"], "grade": ["a", "b"]}
    )
    assert grade_counts(rows, ["a", "b"]) == [(1, 1), (1, 1), (2, 2)]
