"""The test patients of one or several trainings, and the weightings under which metrics are computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from livergrade.evaluation.arrays import Floats, Ints
from livergrade.evaluation.intervals import GradeMix, Jackknife, too_few_of_a_grade
from livergrade.evaluation.levels import Level, patient_grades
from livergrade.evaluation.metric_catalog import weighted_metrics
from livergrade.evaluation.predictions import class_names


@dataclass(frozen=True)
class Sample:
    """Test patients.

    Attributes:
        patients: names of the P patients, sorted.
        jackknife: the patients with their grades.
        fold: fold of each patient, int64 [P], contiguous from 0; empty if there are no folds.
        same: whether every training tested the same images.
        classes: the grades, worst to best.
    """

    patients: pd.Index[str]
    jackknife: Jackknife
    fold: Ints
    same: bool
    classes: list[str]

    @classmethod
    def of(
        cls, tables: Sequence[pd.DataFrame], folds: pd.Series | None = None, mix: GradeMix = "fixed"
    ) -> Sample:
        """Gather the patients of all tables.

        Args:
            tables: checked predictions of each training, the folds of a seed joined.
            folds: fold in which a patient is tested, by patient, if that is one for all tables.
            mix: see `livergrade.evaluation.intervals.Jackknife`.
        """
        images = pd.concat([table[["image", "patient", "grade"]] for table in tables])
        images = images.drop_duplicates("image")
        classes = class_names(tables[0])
        patients = pd.Index(sorted(images["patient"].unique()))
        grades = patient_grades(
            np.asarray(patients.get_indexer(pd.Index(images["patient"])), np.int64),
            np.asarray(pd.Index(classes).get_indexer(pd.Index(images["grade"])), np.int64),
            len(classes),
        )
        same = len({frozenset(table["image"]) for table in tables}) == 1
        fold = np.zeros(0, np.int64)
        if folds is not None and same:
            fold = np.asarray(pd.factorize(folds.loc[patients])[0], np.int64)
        return cls(patients, Jackknife(grades, mix), fold, same, classes)

    @property
    def folds(self) -> int:
        """Number F of folds, 0 if there are none."""
        return len(np.unique(self.fold))

    @property
    def ci_unavailable(self) -> str:
        """Reason why metrics that are no shares of rows have no interval; empty if they have one."""
        return too_few_of_a_grade(self.jackknife.grades, self.classes)

    @cached_property
    def multiplicities(self) -> Floats:
        """Weights of the patients, float64 [1 + P + F, P]: all, all but one, all but one fold."""
        without_fold = self.fold[None] != np.arange(self.folds)[:, None]
        if not self.folds:
            return self.jackknife.multiplicities
        return np.vstack([self.jackknife.multiplicities, without_fold.astype(float)])

    def metrics(self, level: Level, names: Sequence[str]) -> dict[str, Floats]:
        """Each metric of a training under each weighting, float64 [1 + P + F], or [1 + P + F, K] by grade.

        Args:
            level: its predictions at one level.
            names: the patients that it tested, in the order of ``level.patient``.
        """
        return weighted_metrics(level, self.multiplicities[:, self.patients.get_indexer(pd.Index(names))])

    def accuracy(self, level: Level, names: Sequence[str]) -> Floats:
        """The accuracy of a training under each weighting, float64 [1 + P + F]; arguments as of `metrics`.

        Where no row is left it is that of all.
        """
        weights = self.multiplicities[:, self.patients.get_indexer(pd.Index(names))]
        correct = np.bincount(level.patient, level.predicted == level.truth, len(names))
        rows = weights @ np.bincount(level.patient, minlength=len(names))
        whole = float(correct.sum()) / len(level.truth)
        return np.where(rows > 0, weights @ correct / np.maximum(rows, 1), whole)
