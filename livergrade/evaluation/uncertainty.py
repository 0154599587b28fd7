"""Uncertainty of a run: calibration, prediction sets, selective prediction, test-time augmentation and OOD.

Parameters are fitted on the validation patients only and stored in ``calibration.json``, so that they also
apply to other cohorts and new images. All metrics are measured on the test patients.
"""

import itertools
import os
from pathlib import Path
from typing import NotRequired, TypedDict, cast

import msgspec
import pandas as pd

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.calibration import ReliabilityBin, patient_sums, reliability
from livergrade.evaluation.conformal import (
    COVERAGE,
    ConformalScores,
    PredictionSets,
    set_estimates,
    true_scores,
)
from livergrade.evaluation.cross_fit import answered_by_other_folds
from livergrade.evaluation.estimate import Estimate, estimate, paired_difference
from livergrade.evaluation.intervals import GradeMix, Jackknife, too_few_of_a_grade, too_few_patients
from livergrade.evaluation.levels import REPORTED_LEVELS, Level, aggregate
from livergrade.evaluation.metric_catalog import overall, weighted_metrics
from livergrade.evaluation.ood import OodEstimates, ood_estimates, read_appearance, read_distances
from livergrade.evaluation.predictions import class_names
from livergrade.evaluation.selective import RiskCoverage, risk_coverage
from livergrade.evaluation.temperature import HIGHEST, LOWEST, Temperature, at_temperature, fit_temperature
from livergrade.evaluation.tta import TtaEstimates, tta_estimates
from livergrade.io.json_files import RESULTS, in_file, read_json


class FittedTemperature(Temperature):
    """The temperature, and the patients on whom it was fitted; null if nothing was fitted.

    Attributes:
        fitted_on: split used for fitting.
        patients: number of patients in that split.
        images: number of their images.
        views: number of views of each image.
    """

    fitted_on: str | None
    patients: int | None
    images: int | None
    views: int | None


class Calibration(FittedTemperature):
    """Parameters fitted on the validation patients, as stored in ``calibration.json``; null if not fitted.

    Attributes:
        scores: conformal scores of :func:`livergrade.evaluation.conformal.true_scores`.
    """

    scores: ConformalScores | None


class Effect(TypedDict):
    """A metric of the test split before and after calibration.

    Attributes:
        before: with the probabilities as the network gave them.
        after: with the calibrated probabilities.
        difference: after − before.
    """

    before: Estimate
    after: Estimate
    difference: Estimate


class ReliabilityEffect(TypedDict):
    """The reliability diagram of the test split before and after calibration.

    Attributes:
        before: with the probabilities as the network gave them.
        after: with the calibrated probabilities.
    """

    before: list[ReliabilityBin]
    after: list[ReliabilityBin]


class LevelEffect(TypedDict):
    """Effect of the calibration at one level.

    Attributes:
        brier: Brier score, 0 (best) to 2.
        log_loss: log-loss, in nats.
        ece: expected calibration error, 0 (best) to 1.
        reliability: the reliability diagram.
    """

    brier: Effect
    log_loss: Effect
    ece: Effect
    reliability: ReliabilityEffect


class MeasuredCalibration(FittedTemperature):
    """The fitted temperature, and its effect on the test split.

    Attributes:
        test: level (``image`` or ``patient``) → the effect; missing without a temperature.
        changed: level → number of rows whose predicted grade changed; missing without a temperature.
    """

    test: NotRequired[dict[str, LevelEffect]]
    changed: NotRequired[dict[str, int]]


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


def fit_calibration(predictions: pd.DataFrame, *, resamples: int = 2000, seed: int = 0) -> Calibration:
    """Fit the temperature and the conformal scores on the validation split only.

    Args:
        predictions: a run's checked predictions, one row per view.
        resamples: number of bootstrap resamples of the patients.
        seed: seed of the bootstrap.

    Returns:
        Content of ``calibration.json``; its ``scores`` are at the fitted temperature. Without a validation
        split all are null, with the ``reason``.
    """
    val = predictions[predictions["split"] == "val"]
    if val.empty:
        return _nothing("the split has no validation patients to fit on; set split.val_fraction above 0")
    fitted = fit_temperature(val, resamples=resamples, seed=seed)
    return {
        **fitted,
        "fitted_on": "val",
        "patients": int(val["patient"].nunique()),
        "images": int(val["image"].nunique()),
        "views": int(val["angle"].nunique()),
        "scores": true_scores(aggregate(at_temperature(val, fitted["temperature"] or 1.0))),
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
            problems.append(f"{key}: {number} is no number of {key}")
    if scores is None:
        return problems if calibration.get("reason") else [*problems, "reason: is missing, as the scores are"]
    try:
        checked = msgspec.convert(scores, _Scores)
    except msgspec.ValidationError as error:
        return [*problems, f"scores: {error}"]
    by_image = checked["image"]
    if not all(0 <= score <= 1 for score in (*checked["patient"], *itertools.chain(*by_image))):
        problems.append("scores: a score is not from 0 to 1")
    if not all(by_image) or not by_image or len(by_image) != len(checked["patient"]):
        problems.append("scores: patient and image have not the same patients, each with a score")
    return problems


class _Scores(TypedDict):
    """Scores of :func:`livergrade.evaluation.conformal.true_scores`: by patient, and by image of each."""

    patient: list[float]
    image: list[list[float]]


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
) -> UncertaintyMetrics:
    """Measure calibration, prediction sets, selective prediction, TTA and OOD on the test patients.

    Args:
        predictions: checked predictions, one row per view; with the column ``fold`` those of a
            cross-validation, of which each fold is answered by what the other folds' patients fit.
        calibration: result of `fit_calibration` for this run, or for the run whose network made the
            predictions.
        run: folder with ``appearance.json`` and ``appearance.csv``; None if they were not written.
        mix: whether the number of test patients of each grade is fixed.
    """
    test = predictions[predictions["split"] == "test"]
    raw, temperature = aggregate(test), calibration["temperature"]
    calibrated = for_sets = aggregate(at_temperature(test, temperature)) if temperature else raw
    if "fold" in test:
        calibrated, for_sets = answered_by_other_folds(test, calibration["scores"], COVERAGE)
    grades = raw["patient"].truth
    ci_unavailable = too_few_of_a_grade(grades, class_names(predictions))
    jackknife = Jackknife(grades, mix)
    fitted = cast(MeasuredCalibration, {key: value for key, value in calibration.items() if key != "scores"})
    if temperature:
        fitted["test"] = {
            name: _before_and_after(raw[name], calibrated[name], jackknife) for name in REPORTED_LEVELS
        }
        changed = (raw[name].predicted != calibrated[name].predicted for name in REPORTED_LEVELS)
        fitted["changed"] = {
            name: int(rows.sum()) for name, rows in zip(REPORTED_LEVELS, changed, strict=True)
        }
    test_views = int(test["angle"].nunique())
    if calibration["scores"] is None:
        sets: PredictionSets = {"reason": calibration["reason"]}
    elif test_views != calibration["views"]:
        sets = {
            "reason": f"the validation images were graded over {calibration['views']} views and these over "
            f"{test_views}: their scores can't be compared"
        }
    else:
        sets = set_estimates(for_sets, calibration["scores"], jackknife)
    metrics: UncertaintyMetrics = {
        "calibration": fitted,
        "conformal": sets,
        "abstention": {
            **risk_coverage(calibrated["patient"], jackknife),
            "calibrated": bool(temperature),
        },
        "views": tta_estimates(test, jackknife, ci_unavailable),
    }
    if run and (reference := read_appearance(run / "appearance.json")):
        measured = read_distances(run / "appearance.csv")
        metrics["familiarity"] = ood_estimates(measured, reference, raw["image"], jackknife)
    return metrics


LEAST_FOR_LOSSES = 100
"""With fewer patients the change of a mean loss has no interval that holds: few patients decide it."""


def _before_and_after(raw: Level, calibrated: Level, jackknife: Jackknife) -> LevelEffect:
    before, after = (weighted_metrics(level, jackknife.multiplicities) for level in (raw, calibrated))
    n = len(raw.truth)
    few = too_few_patients(len(jackknife.grades), least=LEAST_FOR_LOSSES)

    def effect(name: str) -> Effect:
        metric = next(each for each in overall() if each.name == name)

        def to_estimate(values: Floats) -> Estimate:
            return estimate(
                values,
                n,
                jackknife,
                bounds=metric.bounds or (0, 1),
                pseudo=metric.pseudo(independent=False, patients=len(jackknife.grades)),
                spread=metric.spread(independent=False),
                ci_unavailable=metric.no_interval,
            )

        return {
            "before": to_estimate(before[name]),
            "after": to_estimate(after[name]),
            "difference": paired_difference(
                after[name] - before[name], n, jackknife, metric.no_interval or few, pseudo=0, spread="within"
            ),
        }

    diagrams = [
        reliability(patient_sums(level.truth, level.scores, level.patient)) for level in (raw, calibrated)
    ]
    return {
        "brier": effect("brier"),
        "log_loss": effect("log_loss"),
        "ece": effect("ece"),
        "reliability": {"before": diagrams[0], "after": diagrams[1]},
    }
