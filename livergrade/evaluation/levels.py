"""Aggregate view predictions to image level and patient level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from livergrade.evaluation.arrays import Floats, Ints
from livergrade.evaluation.predictions import class_names, grade_indices, probability_columns

LevelName = Literal["view", "image", "patient"]
LEVELS: tuple[LevelName, ...] = ("view", "image", "patient")
ReportedLevel = Literal["image", "patient"]
REPORTED_LEVELS: tuple[ReportedLevel, ...] = ("image", "patient")
"""Levels of figures, prediction sets and paired comparisons: all but the views, which repeat an image."""


@dataclass(frozen=True)
class Level:
    """Predictions aggregated at one level.

    Attributes:
        names: Image path (view and image level) or patient of each row, length N.
        truth: True grade index, int64 [N].
        scores: Probability of each grade, float64 [N, K].
        patient: Index into the sorted patients, int64 [N].
        fold: Fold in which each patient was tested, int64 [P], contiguous from 0; None: one network graded
            all of them.
    """

    names: list[str]
    truth: Ints
    scores: Floats
    patient: Ints
    fold: Ints | None = None

    @property
    def folds(self) -> list[tuple[Ints, Level]]:
        """Of each fold its patients, indices into those of the level, and the level of these alone."""
        if self.fold is None:
            return [(np.arange(self.patient.max() + 1), self)]
        parts = []
        for fold in range(self.fold.max() + 1):
            patients = np.flatnonzero(self.fold == fold)
            rows = np.flatnonzero(self.fold[self.patient] == fold)
            names = [self.names[row] for row in rows]
            of_fold = np.searchsorted(patients, self.patient[rows])
            parts.append((patients, Level(names, self.truth[rows], self.scores[rows], of_fold)))
        return parts

    @property
    def predicted(self) -> Ints:
        """Most probable grade of each row, int64 [N]; a tie goes to the worse grade."""
        return np.asarray(self.scores.argmax(1), np.int64)


def patient_grades(patient: Ints, grade: Ints, classes: int) -> Ints:
    """Grade of each patient: the most frequent grade of the images, a tie goes to the worse grade.

    Args:
        patient: Patient index of each image, int64 [N], contiguous from 0.
        grade: Grade index of each image, worst to best, int64 [N].
        classes: Number of grades K.

    Returns:
        Grade index of each patient, int64 [P].
    """
    counts = np.zeros((patient.max() + 1, classes), np.int64)
    np.add.at(counts, (patient, grade), 1)
    return np.asarray(counts.argmax(1), np.int64)


def aggregate(views: pd.DataFrame) -> dict[str, Level]:
    """Aggregate views to images and images to patients by the mean of the probabilities.

    A patient's probability is the mean of the image means, so each image has the same weight whatever its
    number of views.

    Args:
        views: Rows of one split of a checked table of predictions; with a column ``fold`` those of several
            networks, of which each graded the patients of its fold.

    Returns:
        ``{"view": ..., "image": ..., "patient": ...}``; rows of the last two are sorted by name.
    """
    classes = class_names(views)
    image, images = pd.factorize(views["image"], sort=True)
    patient, patients = pd.factorize(views["patient"], sort=True)
    truth = grade_indices(views["grade"], classes)
    scores = views[probability_columns(views)].to_numpy(np.float64)

    fold: Ints | None = None
    if "fold" in views:
        fold = np.zeros(len(patients), np.int64)
        fold[patient] = pd.factorize(views["fold"], sort=True)[0]
    image_truth, image_patient = np.empty((2, len(images)), np.int64)
    image_truth[image], image_patient[image] = truth, patient
    image_scores = _mean_by(image, scores)
    return {
        "view": Level(views["image"].tolist(), truth, scores, patient.astype(np.int64), fold),
        "image": Level(list(images), image_truth, image_scores, image_patient, fold),
        "patient": Level(
            list(patients),
            patient_grades(image_patient, image_truth, len(classes)),
            _mean_by(image_patient, image_scores),
            np.arange(len(patients)),
            fold,
        ),
    }


def _mean_by(group: npt.NDArray[np.integer[Any]], rows: Floats) -> Floats:
    sums = np.zeros((group.max() + 1, rows.shape[1]))
    np.add.at(sums, group, rows)
    return sums / np.bincount(group)[:, None]
