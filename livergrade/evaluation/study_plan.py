"""A plan: what a study takes for an interval and for a comparison, and what so many patients can show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypedDict

from livergrade.evaluation.conformal import least_patients
from livergrade.evaluation.estimate import Estimate
from livergrade.evaluation.expected_width import ExpectedCohort, half_width, patients_for
from livergrade.evaluation.intervals import LEAST, LEAST_OF_GRADE
from livergrade.evaluation.levels import REPORTED_LEVELS, ReportedLevel
from livergrade.evaluation.power import (
    Design,
    detectable_difference,
    patients_at,
    power_curve,
    shown,
)
from livergrade.evaluation.set_estimates import COVERAGE
from livergrade.evaluation.two_models import TwoModels

WIDTH_SIZES = (12, 15, 20, 30, 50, 74, 100, 150, 200, 300, 500)
"""Numbers of test patients at which the figure shows widths."""
HELD_OUT, CROSSED = (3, 5, 10), (1, 3, 5)
"""Seeds of the designs that are looked at: with held-out test patients, and with folds."""


@dataclass(frozen=True)
class Parts:
    """How the patients of a study are divided.

    Attributes:
        test: share of the patients that is tested.
        val: share of the rest that validates.
        folds: folds of a cross-validation.
    """

    test: float
    val: float
    folds: int

    def in_all(self, tested: int | None) -> int | None:
        """Patients in all of whom so many are tested."""
        return None if tested is None else math.ceil(tested / self.test - 1e-9)

    def tested(self, patients: int) -> int:
        """How many of so many patients are tested."""
        return round(patients * self.test)

    def validating(self, patients: int) -> int:
        """How many of so many patients validate."""
        return round((patients - self.tested(patients)) * self.val)

    def validating_fold(self) -> float:
        """Share of all patients that validates one training of a cross-validation.

        That is the next fold; with two folds, where the other one is trained on, too, a share of that one.
        """
        share = 1 / self.folds
        return share if self.val and self.folds > 2 else (1 - share) * self.val

    @classmethod
    def of(cls, patients: int, tested: int, validating: int, folds: int) -> Parts:
        """The division that a study of so many patients had."""
        return cls(tested / patients, validating / max(patients - tested, 1), folds)


class WidthPlan(TypedDict):
    """Patients for an interval of the accuracy.

    Attributes:
        level: whether images or patients are rows.
        half_width: half of its width that is wanted, a share.
        test_patients: test patients that it takes, with folds in all; null: more than 5,000.
        patients: patients in all, with held-out test patients.
        curve: pairs of a number of test patients and the expected half of the width.
    """

    level: ReportedLevel
    half_width: float
    test_patients: int | None
    patients: int | None
    curve: list[tuple[int, float]]


class ComparisonPlan(TypedDict):
    """Patients for a comparison of two models.

    Attributes:
        seeds: trainings of each model, or of each of its folds.
        folds: folds of a cross-validation; 0: held-out test patients.
        test_patients: test patients for a power of 80 %; null: 400 are too few.
        patients: patients in all.
        curve: pairs of a number of test patients and the power.
    """

    seeds: int
    folds: int
    test_patients: int | None
    patients: int | None
    curve: list[tuple[int, float]]


class CountPlan(TypedDict):
    """Patients that something takes.

    Attributes:
        what: what they are for.
        of: of whom ``least`` are needed.
        least: how many of these.
        patients: patients in all, with held-out test patients; null: none do.
        patients_folds: patients in all, with folds; null: none do.
    """

    what: str
    of: str
    least: int
    patients: int | None
    patients_folds: int | None


class ShownWidth(TypedDict):
    """The interval that so many test patients give.

    Attributes:
        level: whether images or patients are rows.
        folds: folds of a cross-validation; 0: held-out test patients.
        test_patients: how many are tested.
        half_width: expected half of the width of the accuracy's interval, a share; null: none is printed.
        test_patients_for_half: test patients for half of that width; null: more than 5,000, or no width.
    """

    level: ReportedLevel
    folds: int
    test_patients: int
    half_width: float | None
    test_patients_for_half: int | None


class ShownComparison(TypedDict):
    """What so many test patients show of two models.

    Attributes:
        seeds: trainings of each model, or of each of its folds.
        folds: folds of a cross-validation; 0: held-out test patients.
        test_patients: how many are tested.
        power: chance to find the difference that is asked for.
        detectable: difference that is found with a power of 80 %, a share; null: none.
        equivalent: chance that equally good models are called equivalent.
    """

    seeds: int
    folds: int
    test_patients: int
    power: float
    detectable: float | None
    equivalent: float


class Known(TypedDict):
    """What a known number of patients can show.

    Attributes:
        patients: patients in all.
        test_patients: how many of them are tested without folds.
        validation_patients: how many of them validate.
        widths: the intervals of an accuracy.
        comparisons: comparisons of two models.
    """

    patients: int
    test_patients: int
    validation_patients: int
    widths: list[ShownWidth]
    comparisons: list[ShownComparison]


class Studied(TypedDict):
    """What a finished run or sweep has.

    Attributes:
        folder: its name.
        kind: unit of its split.
        trainings: number of its runs.
        seeds: seeds of each model, the least number.
        folds: folds of a cross-validation; 0: none.
        grades: test patients of each grade.
        accuracy: model → level → the accuracy with its interval.
        images: mean number of images of a test patient.
        correlation: intra-class correlation of correct and wrong images; null: not defined.
        discordance: mean share of test patients of whom one training is right and one of another model is
            not; null: one model.
        seed_discordance: the same of two trainings of one model; null: one training of each.
        detectable: difference that its comparison of models finds with a power of 80 %, a share, the smallest
            of its pairs; null: none.
        set_sizes: folder of each run → mean number of grades in the 90 % sets of its patients; null: no sets.
    """

    folder: str
    kind: str
    trainings: int
    seeds: int
    folds: int
    grades: dict[str, int]
    accuracy: dict[str, dict[ReportedLevel, Estimate]]
    images: float
    correlation: float | None
    discordance: float | None
    seed_discordance: float | None
    detectable: float | None
    set_sizes: dict[str, float | None]


class Plan(TypedDict):
    """Content of ``plan.json``, less the record of its making.

    Attributes:
        expected: what was expected: options by name, or what the run has in their place.
        widths: patients for the interval that is wanted.
        comparisons: patients for the comparison.
        counts: patients that intervals of grades and prediction sets take.
        known: what the known number of patients shows; null: it is not known.
        run: what the run has; null: none was given.
    """

    expected: dict[str, float]
    widths: list[WidthPlan]
    comparisons: list[ComparisonPlan]
    counts: list[CountPlan]
    known: Known | None
    run: Studied | None


Cohorts = Mapping[ReportedLevel, ExpectedCohort]
"""What is expected at each level: the accuracies by image and by patient may be others."""


def width_plan(cohorts: Cohorts, half: float, parts: Parts) -> list[WidthPlan]:
    """Patients for an interval of ± ``half``, a share, at each level."""
    plans: list[WidthPlan] = []
    for level in REPORTED_LEVELS:
        cohort = cohorts[level]
        tested = patients_for(cohort, half, level)
        curve = [(size, half_width(cohort, size, level) or 0.0) for size in WIDTH_SIZES]
        plans.append(
            {
                "level": level,
                "half_width": half,
                "test_patients": tested,
                "patients": parts.in_all(tested),
                "curve": curve,
            }
        )
    return plans


def designs(parts: Parts) -> list[tuple[int, int]]:
    """Seeds and folds of the designs that are looked at."""
    return [*((seeds, 0) for seeds in HELD_OUT), *((seeds, parts.folds) for seeds in CROSSED)]


def comparison_plan(seeds: int, folds: int, models: TwoModels, parts: Parts, studies: int) -> ComparisonPlan:
    """Patients for a comparison with so many seeds and folds (0: held-out test patients)."""
    curve = power_curve(Design(0, seeds, folds), models, studies=studies)
    tested = patients_at(curve)
    return {
        "seeds": seeds,
        "folds": folds,
        "test_patients": tested,
        "patients": tested if folds else parts.in_all(tested),
        "curve": curve,
    }


def count_plan(cohort: ExpectedCohort, parts: Parts) -> list[CountPlan]:
    """Patients that intervals of each grade, of means over grades, and prediction sets take."""
    rarest = min(cohort.shares)
    sets = least_patients(COVERAGE)

    def row(what: str, of: str, least: int, share: float, share_folds: float) -> CountPlan:
        return {
            "what": what,
            "of": of,
            "least": least,
            "patients": math.ceil(least / share - 1e-9) if share else None,
            "patients_folds": math.ceil(least / share_folds - 1e-9) if share_folds else None,
        }

    tested = "test patients of the rarest grade"
    validating = (1 - parts.test) * parts.val, parts.validating_fold()
    return [
        row("an interval of recall or F1 of each grade", tested, LEAST, rarest * parts.test, rarest),
        row("an interval of means over grades", tested, LEAST_OF_GRADE, rarest * parts.test, rarest),
        row(
            f"{100 * COVERAGE:g} % prediction sets smaller than all grades",
            "validation patients",
            sets,
            *validating,
        ),
    ]


def shown_widths(cohorts: Cohorts, tested: int, folds: int) -> list[ShownWidth]:
    """The intervals that so many test patients give."""
    widths: list[ShownWidth] = []
    for level in REPORTED_LEVELS:
        cohort = cohorts[level]
        half = half_width(cohort, tested, level)
        widths.append(
            {
                "level": level,
                "folds": folds,
                "test_patients": tested,
                "half_width": half,
                "test_patients_for_half": patients_for(cohort, half / 2, level) if half else None,
            }
        )
    return widths


def shown_comparison(design: Design, models: TwoModels, margin: float, studies: int) -> ShownComparison:
    """What a design shows of two models."""
    if design.patients < LEAST:  # no difference has an interval, nor a test
        power, detectable, equivalent = 0.0, None, 0.0
    else:
        found = shown(design, models, margin, studies=studies)
        power, detectable = (
            found.power,
            detectable_difference(design, models, found.detectable, studies=studies),
        )
        equivalent = shown(design, replace(models, apart=0.0), margin, studies=studies).equivalent
    return {
        "seeds": design.seeds,
        "folds": design.folds,
        "test_patients": design.patients,
        "power": power,
        "detectable": detectable,
        "equivalent": equivalent,
    }
