"""Uncertainty of a run: calibration, prediction sets, selective prediction, test-time augmentation and OOD.

Parameters are fitted on the validation patients only and stored in ``calibration.json``, so that they also
apply to other cohorts and new images. All metrics are measured on the test patients.
"""

import itertools
import os
from pathlib import Path
from typing import NotRequired, TypedDict, cast

import pandas as pd

from livergrade.evaluation.calibration_effect import (
    FittedTemperature,
    MeasuredCalibration,
    calibration_effect,
    fitted_on,
    recalibration,
)
from livergrade.evaluation.conformal import ConformalScores, true_scores, true_scores_by_grade
from livergrade.evaluation.cross_fit import answered_by_other_folds
from livergrade.evaluation.intervals import GradeMix, Jackknife, too_few_of_a_grade
from livergrade.evaluation.levels import Level, aggregate
from livergrade.evaluation.ood import OodEstimates, ood_estimates, read_appearance, read_distances
from livergrade.evaluation.predictions import class_names
from livergrade.evaluation.selective import RiskCoverage, risk_coverage
from livergrade.evaluation.set_estimates import COVERAGE, PredictionSets, set_estimates
from livergrade.evaluation.temperature import HIGHEST, LOWEST, at_temperature, cross_fitted
from livergrade.evaluation.tta import TtaEstimates, tta_estimates
from livergrade.io.json_files import RESULTS, in_file, read_json


class Calibration(FittedTemperature):
    """Parameters fitted on the validation patients, as stored in ``calibration.json``; null if not fitted.

    Attributes:
        scores: conformal scores of :func:`livergrade.evaluation.conformal.true_scores`.
        scores_by_grade: those of each true grade; missing in runs of earlier versions.
    """

    scores: ConformalScores | None
    scores_by_grade: NotRequired[dict[str, ConformalScores]]


class Abstention(RiskCoverage):
    """Selective prediction of the test patients.

    Attributes:
        calibrated: whether the probabilities are calibrated.
    """

    calibrated: bool


class UncertaintyMetrics(TypedDict):
    """The sections of ``metrics.json`` about uncertainty.

    Attributes:
        calibration: fitted parameters, and their effect on the test split.
        conformal: prediction sets, or the reason for none.
        abstention: selective prediction.
        views: effect of test-time augmentation, one entry per number of views.
        familiarity: OOD detection; missing if the run has no OOD reference.
    """

    calibration: MeasuredCalibration
    conformal: PredictionSets
    abstention: Abstention
    views: list[TtaEstimates]
    familiarity: NotRequired[OodEstimates]


def fit_calibration(predictions: pd.DataFrame) -> Calibration:
    """Fit the temperature and the conformal scores on the validation split only.

    Args:
        predictions: a run's checked predictions, one row per view.

    Returns:
        Content of ``calibration.json``; its ``scores`` are at the fitted temperature. Without a validation
        split all are null, with the ``reason``.
    """
    val = predictions[predictions["split"] == "val"]
    if val.empty:
        return _nothing("the split has no validation patients to fit on; set split.val_fraction above 0")
    fitted = fitted_on(val, "val")
    levels = aggregate(at_temperature(val, fitted["temperature"] or 1.0))
    return {
        **fitted,
        "scores": true_scores(levels),
        "scores_by_grade": true_scores_by_grade(levels, class_names(val)),
    }


def read_calibration(path: Path) -> Calibration:
    """Read a run's ``calibration.json``; if missing (run of an earlier version), all null with that reason.

    Raises:
        UserError: the file is damaged.
    """
    if not os.path.lexists(path):
        return _nothing("the run has no calibration.json: it was made by an earlier version; train it again")
    calibration = read_json(path, Calibration, limit=RESULTS)
    in_file(path, _calibration_problems(calibration))
    return calibration


def _calibration_problems(calibration: Calibration) -> list[str]:
    problems = []
    temperature, scores = calibration["temperature"], calibration["scores"]
    if temperature is not None and not LOWEST <= temperature <= HIGHEST:
        problems.append(f"temperature: {temperature:g} is not from {LOWEST:g} to {HIGHEST:g}")
    for key in ("patients", "images", "views"):
        number = calibration[key]
        if number is not None and not 1 <= number < 2**31:
            problems.append(f"{key}: {number} is not a number of {key}")
    if scores is None:
        return problems if calibration.get("reason") else [*problems, "reason: is missing, as the scores are"]
    problems += _score_problems("scores", scores, empty=False)
    for grade, own in calibration.get("scores_by_grade", {}).items():
        problems += _score_problems(f"scores_by_grade.{grade}", own, empty=True)
    return problems


def _score_problems(key: str, scores: ConformalScores, *, empty: bool) -> list[str]:
    """What is wrong with scores by patient and by image of each patient; of a grade there may be none."""
    problems = []
    by_image = scores["image"]
    if not all(0 <= score <= 1 for score in (*scores["patient"], *itertools.chain(*by_image))):
        problems.append(f"{key}: a score is not from 0 to 1")
    if (
        not all(by_image)
        or not (by_image or empty)
        or (not empty and len(by_image) != len(scores["patient"]))
    ):
        problems.append(f"{key}: patient and image have not the same patients, each with a score")
    return problems


def _nothing(reason: str) -> Calibration:
    return {
        "fitted_on": None,
        "high": None,
        "images": None,
        "low": None,
        "patients": None,
        "scores": None,
        "temperature": None,
        "views": None,
        "reason": reason,
    }


def uncertainty_metrics(
    predictions: pd.DataFrame,
    calibration: Calibration,
    run: Path | None = None,
    *,
    mix: GradeMix = "fixed",
    by_grade: bool = False,
    recalibrate: bool | None = None,
) -> UncertaintyMetrics:
    """Measure calibration, prediction sets, selective prediction, TTA and OOD on the test patients.

    Args:
        predictions: checked predictions, one row per view; with the column ``fold`` those of a
            cross-validation, of which each fold is answered by what the other folds' patients fit.
        calibration: result of `fit_calibration` for this run, or for the run whose network made the
            predictions.
        run: folder with ``appearance.json`` and ``appearance.csv``; None if they were not written.
        mix: whether the number of test patients of each grade is fixed.
        by_grade: whether each grade should have a threshold of its own for prediction sets.
        recalibrate: of another cohort than the run's: whether each patient is calibrated with the temperature
            of its other patients; None: it is the run's own cohort.
    """
    test = predictions[predictions["split"] == "test"]
    raw, temperature = aggregate(test), calibration["temperature"]
    calibrated = for_sets = aggregate(at_temperature(test, temperature)) if temperature else raw
    if "fold" in test:
        calibrated, for_sets = answered_by_other_folds(test, calibration["scores"], COVERAGE)
    grades = raw["patient"].truth
    ci_unavailable = too_few_of_a_grade(grades, class_names(predictions))
    jackknife = Jackknife(grades, mix)
    sets = _prediction_sets(test, for_sets, calibration, jackknife, by_grade=by_grade)
    own = {key: value for key, value in calibration.items() if not key.startswith("scores")}
    fitted = cast(MeasuredCalibration, own)
    if recalibrate:
        calibrated = aggregate(cross_fitted(test))
        fitted = calibration_effect(fitted_on(test, "test"), raw, calibrated, jackknife)
        fitted["recalibrated"] = True
    elif temperature:
        fitted = calibration_effect(fitted, raw, calibrated, jackknife)
    if recalibrate is False:
        fitted["recalibration"] = recalibration(test, calibrated)
    metrics: UncertaintyMetrics = {
        "calibration": fitted,
        "conformal": sets,
        "abstention": {
            **risk_coverage(calibrated["patient"], jackknife),
            "calibrated": bool(fitted["temperature"]),
        },
        "views": tta_estimates(test, jackknife, ci_unavailable),
    }
    if run and (reference := read_appearance(run / "appearance.json")):
        measured = read_distances(run / "appearance.csv")
        metrics["familiarity"] = ood_estimates(measured, reference, raw["image"], jackknife)
    return metrics


def _prediction_sets(
    test: pd.DataFrame,
    calibrated: dict[str, Level],
    calibration: Calibration,
    jackknife: Jackknife,
    *,
    by_grade: bool,
) -> PredictionSets:
    """Sets at the run's own temperature, at which its scores are; or the reason for none."""
    views = int(test["angle"].nunique())
    if calibration["scores"] is None:
        return {"reason": calibration["reason"]}
    if views != calibration["views"]:
        return {
            "reason": f"the validation images were graded over {calibration['views']} views and these over "
            f"{views}: their scores are not comparable"
        }
    found = set_estimates(
        calibrated,
        calibration["scores"],
        jackknife,
        classes=class_names(test),
        by_grade=calibration.get("scores_by_grade"),
        ask_by_grade=by_grade and "fold" not in test,
    )
    if by_grade and "fold" in test:
        found["fallback"] = "one threshold for all grades: each fold's patients have that of the other folds"
    return found
