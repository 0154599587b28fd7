"""What a prediction answers: a set of neighbouring grades, and one grade or why it gives none."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from livergrade.evaluation.conformal import least_patients, sets, threshold
from livergrade.evaluation.uncertainty import Calibration

UNSURE = "unsure"
UNLIKE = "unlike training"


def conformal_thresholds(
    calibration: Calibration, coverage: float, *, calibrated: bool, views: int
) -> tuple[dict[str, float], str]:
    """The scores that a grade must not exceed, and why there are none or why they bound nothing.

    Args:
        calibration: what the run's ``calibration.json`` holds.
        coverage: share of new patients whose set is to hold the true grade.
        calibrated: whether the probabilities are at the run's temperature.
        views: of an image.

    Returns:
        ``image`` and ``patient`` → the limit that `livergrade.evaluation.conformal.sets` takes, infinite
        where the validation patients are too few; empty where the probabilities are not such as the scores
        were made of. And the reason, empty where sets are given.
    """
    if calibration["scores"] is None:
        return {}, str(calibration["reason"])
    if calibration["temperature"] and not calibrated:
        return {}, "the scores that they are compared with are of calibrated probabilities"
    if views != calibration["views"]:
        return (
            {},
            f"the scores that they are compared with are over {calibration['views']} views, not {views}",
        )
    limits = {level: threshold(calibration["scores"][level], coverage) for level in ("image", "patient")}
    if math.isinf(limits["patient"]):
        return limits, (
            f"a promise of {coverage:.0%} takes {least_patients(coverage)} validation patients, the run had "
            f"{calibration['patients']}: each set holds all grades"
        )
    return limits, ""


def answered(
    table: pd.DataFrame, classes: Sequence[str], limit: float | None, abstain: float | None
) -> pd.DataFrame:
    """The table with what is answered.

    Args:
        table: one row an image, slide or patient, with ``predicted``, ``p_<grade>`` and ``unlike``, the share
            of its images or tiles that look unlike the training images.
        classes: the grades, worst to best.
        limit: of the sets; None where none can be given.
        abstain: probability of the predicted grade below which the answer is `UNSURE`; None: never.

    Returns:
        The table with ``set``, its grades joined by ``|`` and empty without a limit, and ``answer``: the
        predicted grade, or why none is answered; `UNLIKE` where more than half is.
    """
    probabilities = table[[f"p_{grade}" for grade in classes]].to_numpy(np.float64)
    held = [""] * len(table)
    if limit is not None:
        chosen = sets(probabilities, limit)
        held = [
            "|".join(grade for grade, inside in zip(classes, row, strict=True) if inside) for row in chosen
        ]
    unsure = probabilities.max(1, initial=0) < (abstain or 0)
    answer = table["predicted"].mask(unsure, UNSURE).mask(table["unlike"] > 0.5, UNLIKE)
    return table.assign(set=held, answer=answer)


class Answers:
    """What turns the probabilities of a run's network into answers, as the run's calibration allows.

    Args:
        calibration: of the run.
        classes: the grades, worst to best.
        views: of an image.
        calibrated: whether the probabilities are at the run's temperature.
        coverage: share of new patients whose set is to hold the true grade.
        abstain: probability of the predicted grade below which the answer is `UNSURE`; None: never.

    Attributes:
        lacking: why sets are not given, or bound nothing; empty where they are.
    """

    def __init__(
        self,
        calibration: Calibration,
        classes: Sequence[str],
        *,
        views: int,
        calibrated: bool,
        coverage: float,
        abstain: float | None,
    ) -> None:
        self.classes, self.abstain = classes, abstain
        self.limits, self.lacking = conformal_thresholds(
            calibration, coverage, calibrated=calibrated, views=views
        )

    def cautions(self) -> list[str]:
        """What a user must know of these answers; a line each."""
        return [f"sets of grades: {self.lacking}"] if self.lacking else []

    def __call__(self, table: pd.DataFrame, level: str) -> pd.DataFrame:
        """The table with the columns ``set`` and ``answer``; slides are given no sets."""
        return answered(table, self.classes, self.limits.get(level), self.abstain)


def by_patient(images: pd.DataFrame, slides: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """The grade of each patient that was named: of the mean over the slides, by their area, or the images."""
    columns = [*(f"p_{grade}" for grade in classes), "unlike"]
    rows = []
    for kind, table in (("slides", slides), ("images", images)):
        if not len(table):
            continue
        for patient, own in table[table["patient"] != ""].groupby("patient"):
            weight = own["tiles"] if kind == "slides" else pd.Series(1.0, own.index)
            mean = own[columns].mul(weight, axis=0).sum() / weight.sum()
            called = classes[int(mean.to_numpy()[: len(classes)].argmax())]
            rows.append(
                {"patient": patient, "of": kind, "number": len(own), "predicted": called} | mean.to_dict()
            )
    return pd.DataFrame(rows)
