"""What a study takes, and what so many patients show."""

import pytest

from livergrade.evaluation.expected_width import ExpectedCohort
from livergrade.evaluation.power import Design
from livergrade.evaluation.study_plan import (
    Parts,
    comparison_plan,
    count_plan,
    designs,
    shown_comparison,
    shown_widths,
    width_plan,
)
from livergrade.evaluation.two_models import TwoModels

COHORT = ExpectedCohort(0.8, 6, 0.25, (0.3, 0.4, 0.3))
COHORTS = {"image": COHORT, "patient": COHORT}
PARTS = Parts(0.2, 0.125, 5)
pytestmark = pytest.mark.usefixtures("few_cohorts")
MODELS = TwoModels.of(0.8, 0.1, 0.038)


@pytest.fixture
def few_cohorts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Widths by image as of few cohorts, for what does not depend on them."""
    monkeypatch.setattr("livergrade.evaluation.expected_width.COHORTS", 20)


def test_patients_in_all_follow_from_those_that_are_tested() -> None:
    assert PARTS.in_all(15) == 75
    assert PARTS.in_all(None) is None
    assert (PARTS.tested(74), PARTS.validating(74)) == (15, 7)
    assert Parts.of(74, 15, 7, 5).validating(74) == 7
    image, patient = width_plan(COHORTS, 0.15, PARTS)
    assert (image["level"], patient["level"]) == ("image", "patient")
    assert image["test_patients"]
    assert patient["test_patients"]
    assert image["test_patients"] < patient["test_patients"]
    assert patient["patients"] == 5 * patient["test_patients"]


def test_grades_and_sets_take_so_many() -> None:
    each, means, sets = count_plan(COHORT, PARTS)
    assert (each["least"], each["patients"], each["patients_folds"]) == (12, 200, 40)
    assert (means["least"], means["patients"]) == (4, 67)
    assert (sets["least"], sets["patients"]) == (9, 90)
    assert count_plan(COHORT, Parts(0.2, 0, 5))[2]["patients"] is None


def test_of_folds_the_next_one_validates() -> None:
    found = {folds: count_plan(COHORT, Parts(0.2, 0.2, folds))[2]["patients_folds"] for folds in (2, 5, 10)}
    assert found == {2: 90, 5: 45, 10: 90}
    assert count_plan(COHORT, Parts(0.2, 0, 5))[2]["patients_folds"] is None


def test_half_of_a_width_takes_some_four_times_as_many() -> None:
    image, patient = shown_widths(COHORTS, 15, 0)
    for width in (image, patient):
        assert width["half_width"]
        assert 45 <= (width["test_patients_for_half"] or 0) <= 75
    assert [width["half_width"] for width in shown_widths(COHORTS, 11, 0)] == [None, None]


def test_a_comparison_with_folds_tests_all_patients() -> None:
    assert designs(PARTS) == [(3, 0), (5, 0), (10, 0), (1, 5), (3, 5), (5, 5)]
    obvious = TwoModels.of(0.7, 0.4, 0.01)
    crossed, held_out = (comparison_plan(5, folds, obvious, PARTS, 10) for folds in (5, 0))
    assert crossed["patients"] == crossed["test_patients"]
    assert held_out["patients"] == 5 * (held_out["test_patients"] or 0)


def test_too_few_test_patients_show_nothing_of_two_models() -> None:
    none = shown_comparison(Design(11, 5), MODELS, 0.05, 10)
    assert (none["power"], none["detectable"], none["equivalent"]) == (0.0, None, 0.0)
    some = shown_comparison(Design(74, 5), MODELS, 0.05, 30)
    assert some["power"] > 0.4
    assert 0.05 < (some["detectable"] or 0) < 0.2
