"""The grades that readers gave on their own, as a matrix of images and readers; repeats stand beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd

from livergrade.errors import UserError
from livergrade.evaluation.arrays import Floats, Ints
from livergrade.evaluation.intervals import Bools
from livergrade.io.visible import shown

MOST = 50
"""Readers at most: of a table with more, another column is probably meant."""
NONE = -1
"""Stands for a grade that was not given."""


@dataclass(frozen=True)
class Ratings:
    """Grades of several readers.

    Attributes:
        classes: the grades, worst to best, K.
        readers: names, sorted, R.
        images: names, sorted, N.
        patients: names, sorted, P.
        patient: index into the patients of each image, int64 [N].
        grades: first grade that a reader gave on their own, index into the classes, int64 [N, R]; `NONE`.
        repeats: image, reader, first and later grade of each repeated reading, int64 [M, 4].
        adjudicated: grade of the last adjudication, int64 [N]; `NONE`.
        left_out: readings that do not count, by why.
    """

    classes: list[str]
    readers: list[str]
    images: list[str]
    patients: list[str]
    patient: Ints
    grades: Ints
    repeats: Ints
    adjudicated: Ints
    left_out: dict[str, int]

    def among(self, counted: Bools) -> Ratings:
        """The ratings of some of the images, bool [N], with the patients that these have."""
        patients, patient = np.unique(self.patient[counted], return_inverse=True)
        place = np.cumsum(counted) - 1
        repeats = self.repeats[counted[self.repeats[:, 0]]]
        repeats = np.column_stack([place[repeats[:, 0]], repeats[:, 1:]])
        return replace(
            self,
            images=[name for name, kept in zip(self.images, counted, strict=True) if kept],
            patients=[self.patients[number] for number in patients],
            patient=patient.astype(np.int64),
            grades=self.grades[counted],
            repeats=repeats,
            adjudicated=self.adjudicated[counted],
        )

    def by_patient(self, rows: Floats, image: Ints | None = None) -> Floats:
        """Sums over the rows of each patient, [P, …].

        Args:
            rows: a value for each image, float64 [N, …], or for each of the images in ``image``.
            image: index of the image of each row, int64; None: the rows are the images.
        """
        sums = np.zeros((len(self.patients), *rows.shape[1:]))
        np.add.at(sums, self.patient if image is None else self.patient[image], rows)
        return sums


def ratings_of(readings: pd.DataFrame, classes: Sequence[str]) -> Ratings:
    """Sort readings into first grades, repeats and adjudications.

    Of a reader and an image the first reading in mode ``read`` is the grade and each later one is a repeat,
    compared with the first. Which is first follows from ``time`` where all readings of the reader have one,
    else by ``order`` where all have one, else by the order of the rows. What was taken back (``undone``) or
    excluded does not count, nor does a reading beside a network's answer (``audit``, ``confirm``).

    Args:
        readings: as `livergrade.reading.readings.read_readings` returns them, each with a patient.
        classes: the grades, worst to best.

    Raises:
        UserError: no reading is left, or there are more than `MOST` readers.
    """
    counts = (readings["excluded"] == "") & ~readings["undone"]
    alone = counts & (readings["mode"] == "read")
    settled = counts & (readings["mode"] == "adjudicate")
    if not alone.any():
        raise UserError("no reading is left: none is in mode read, neither taken back nor excluded")
    used = readings[alone | settled]
    own = readings[alone]
    readers, images = sorted(set(own["reader"])), sorted(set(own["image"]))
    owner = dict(zip(used["image"], used["patient"], strict=True))
    patient, patients = pd.factorize(pd.Series([owner[image] for image in images]), sort=True)
    if len(readers) > MOST:
        raise UserError(
            f"{len(readers)} readers ({shown(', '.join(readers[:3]), 100)}, …): at most {MOST}; name the "
            "column of the readers, as columns.reader=<column>"
        )
    place = {name: number for number, name in enumerate(images)}
    grades, repeats = np.full((len(images), len(readers)), NONE, np.int64), []
    for number, reader in enumerate(readers):
        for image, grade in _graded(own[own["reader"] == reader], classes):
            at = place[image]
            if grades[at, number] == NONE:
                grades[at, number] = grade
            else:
                repeats.append((at, number, grades[at, number], grade))
    adjudicated = np.full(len(images), NONE, np.int64)
    for image, grade in _graded(readings[settled], classes):
        if image in place:
            adjudicated[place[image]] = grade  # the last one holds
    return Ratings(
        list(classes),
        readers,
        images,
        list(patients),
        patient.astype(np.int64),
        grades,
        np.array(repeats, np.int64).reshape(-1, 4),
        adjudicated,
        _left_out(readings, counts),
    )


def _left_out(readings: pd.DataFrame, counts: pd.Series[bool]) -> dict[str, int]:
    """How many readings do not count, by why."""
    reasons = {
        "taken back": readings["undone"],
        "excluded by the reader": (readings["excluded"] != "") & ~readings["undone"],
        "beside a network's answer (audit, confirm)": counts & readings["mode"].isin(["audit", "confirm"]),
    }
    return {why: int(rows.sum()) for why, rows in reasons.items() if rows.any()}


def in_time(readings: pd.DataFrame) -> pd.DataFrame:
    """The readings of one reader, or of an adjudication, in the order in which they were made."""
    if (readings["time"] != "").all():
        keys = [datetime.fromisoformat(text).timestamp() for text in readings["time"]]
        at = np.lexsort((readings["order"].fillna(0).to_numpy(float), np.array(keys)))
    elif readings["order"].notna().all():
        at = np.argsort(readings["order"].to_numpy(), kind="stable")
    else:
        at = np.arange(len(readings))
    return readings.iloc[at]


def _graded(readings: pd.DataFrame, classes: Sequence[str]) -> list[tuple[str, int]]:
    """Image and grade index of each reading, in the order in which they were made."""
    ordered = in_time(readings)
    return [
        (image, classes.index(grade)) for image, grade in zip(ordered["image"], ordered["grade"], strict=True)
    ]
