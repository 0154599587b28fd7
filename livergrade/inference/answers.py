"""Prediction sets and selective prediction: a set of adjacent grades, and one grade or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from livergrade.evaluation.answer import add_answer
from livergrade.evaluation.conformal import Thresholds, least_patients, make_thresholds, sets
from livergrade.evaluation.uncertainty import Calibration


def conformal_thresholds(
    calibration: Calibration,
    classes: Sequence[str],
    coverage: float,
    *,
    calibrated: bool,
    views: int,
    by_grade: bool = False,
) -> tuple[Thresholds, str]:
    """Return the conformal thresholds, and the reason if there are none or if they exclude no grade.

    Args:
        calibration: content of the run's ``calibration.json``.
        classes: the grades, worst to best.
        coverage: share of new patients whose prediction set should contain the true grade.
        calibrated: whether the probabilities are calibrated with the run's temperature.
        views: number of views per image.
        by_grade: whether each grade should have a threshold of its own.

    Returns:
        Thresholds for `livergrade.evaluation.conformal.sets`, infinite if there are too few validation
        patients; of no level if the probabilities are not comparable with the conformity scores. And the
        reason, empty if prediction sets are available.
    """
    if calibration["scores"] is None:
        return Thresholds({}), str(calibration["reason"])
    if calibration["temperature"] and not calibrated:
        return Thresholds({}), "the run's conformity scores are based on calibrated probabilities"
    if views != calibration["views"]:
        return (
            Thresholds({}),
            f"the run's conformity scores are based on {calibration['views']} views, not {views}",
        )
    thresholds = make_thresholds(
        calibration["scores"],
        calibration.get("scores_by_grade"),
        classes,
        coverage,
        ask_by_grade=by_grade,
    )
    if np.isinf(thresholds.limits["patient"]).all():
        return thresholds, (
            f"a coverage of {coverage:.0%} needs {least_patients(coverage)} validation patients, and there "
            "are "
            f"{calibration['patients']}: each set contains all grades"
        )
    return thresholds, ""


def add_answers(
    table: pd.DataFrame, classes: Sequence[str], limit: npt.ArrayLike | None, abstain: float | None
) -> pd.DataFrame:
    """Add the prediction set and the answer to a table of predictions.

    Args:
        table: one row per image, slide or patient, with the columns that `add_answer` needs.
        classes: the grades, worst to best.
        limit: threshold of the prediction sets, or that of each grade, [K]; None if there are no sets.
        abstain: probability of the predicted grade below which the answer is ``unsure``; None: never.

    Returns:
        The table with ``set``, the grades joined by ``|``, empty without a limit, and ``answer``.
    """
    probabilities = table[[f"p_{grade}" for grade in classes]].to_numpy(np.float64)
    set_texts = [""] * len(table)
    if limit is not None:
        members = sets(probabilities, limit)
        set_texts = [
            "|".join(grade for grade, member in zip(classes, row, strict=True) if member) for row in members
        ]
    return add_answer(table.assign(set=set_texts), classes, abstain)


class Answers:
    """Turn predicted probabilities into prediction sets and answers, using the run's calibration.

    Args:
        calibration: calibration of the run.
        classes: the grades, worst to best.
        views: number of views per image.
        calibrated: whether the probabilities are calibrated with the run's temperature.
        coverage: share of new patients whose prediction set should contain the true grade.
        by_grade: whether each grade should have a threshold of its own for its prediction sets.
        abstain: probability of the predicted grade below which the answer is ``unsure``; None: never.

    Attributes:
        thresholds: thresholds of the prediction sets.
        no_sets_reason: why there are no prediction sets, or why they exclude no grade; else empty.
    """

    def __init__(
        self,
        calibration: Calibration,
        classes: Sequence[str],
        *,
        views: int,
        calibrated: bool,
        coverage: float,
        by_grade: bool,
        abstain: float | None,
    ) -> None:
        self.classes, self.coverage, self.abstain = classes, coverage, abstain
        self.thresholds, self.no_sets_reason = conformal_thresholds(
            calibration, classes, coverage, calibrated=calibrated, views=views, by_grade=by_grade
        )

    def warnings(self) -> list[str]:
        """Return warnings about the prediction sets, one per line."""
        reasons = (self.no_sets_reason, self.thresholds.fallback)
        return [f"prediction sets: {reason}" for reason in reasons if reason]

    def __call__(self, table: pd.DataFrame, level: Literal["image", "patient", "slide"]) -> pd.DataFrame:
        """Return the table with the columns ``set`` and ``answer``; slides have no prediction sets."""
        limit = None if level == "slide" else self.thresholds.limits.get(level)
        return add_answers(table, self.classes, limit, self.abstain)

    def of_tiles(self, tiles: pd.DataFrame) -> pd.DataFrame:
        """Return the table of a slide's tiles with the column ``answer``."""
        return add_answer(tiles, self.classes, self.abstain)


def by_patient(images: pd.DataFrame, slides: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Grade each named patient by the mean probability: over slides, weighted by area, or over images."""
    columns = [*(f"p_{grade}" for grade in classes), "unlike"]
    rows = []
    for kind, table in (("slides", slides), ("images", images)):
        if not len(table):
            continue
        for patient, items in table[table["patient"] != ""].groupby("patient"):
            weight = items["tiles"] if kind == "slides" else pd.Series(1.0, items.index)
            mean = items[columns].mul(weight, axis=0).sum(min_count=1) / weight.sum()  # of nothing: blank
            predicted = classes[int(mean.to_numpy()[: len(classes)].argmax())]
            rows.append(
                {"patient": patient, "of": kind, "number": len(items), "predicted": predicted}
                | mean.to_dict()
            )
    return pd.DataFrame(rows)
