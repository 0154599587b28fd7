"""Effect of calibration on the test patients, by the run's temperature or by one of their own cohort."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NotRequired, TypedDict, cast

import numpy as np
import pandas as pd

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.calibration import (
    ReliabilityBin,
    calibration_metrics,
    patient_sums,
    reliability,
)
from livergrade.evaluation.estimate import Estimate, estimate, paired_difference
from livergrade.evaluation.intervals import Jackknife, too_few_patients
from livergrade.evaluation.levels import REPORTED_LEVELS, Level, aggregate
from livergrade.evaluation.metric_catalog import overall, weighted_metrics
from livergrade.evaluation.temperature import Temperature, cross_fitted, fit_temperature

OFFERED = 0.01
"""Fall of the log-loss by image, in nats, from which recalibration is offered."""

LEAST_FOR_LOSSES = 100
"""With fewer patients the change of a mean loss has no interval that holds: few patients decide it."""


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


class Recalibration(TypedDict):
    """What a temperature of the cohort itself would change, each patient calibrated with that of all others.

    Attributes:
        temperature: fitted on all test patients.
        log_loss: log-loss by image with the run's calibration, in nats.
        recalibrated_log_loss: the same with the cohort's own temperatures.
        offered: whether that is lower by more than `OFFERED`.
    """

    temperature: float
    log_loss: float
    recalibrated_log_loss: float
    offered: bool


class MeasuredCalibration(FittedTemperature):
    """The fitted temperature, and its effect on the test split.

    Attributes:
        test: level (``image`` or ``patient``) → the effect; missing without a temperature.
        changed: level → number of rows whose predicted grade changed; missing without a temperature.
        recalibrated: whether the temperature is of the test patients, each calibrated with all others'.
        recalibration: what that would change; of another cohort alone that was not recalibrated.
    """

    test: NotRequired[dict[str, LevelEffect]]
    changed: NotRequired[dict[str, int]]
    recalibrated: NotRequired[bool]
    recalibration: NotRequired[Recalibration]


def fitted_on(views: pd.DataFrame, split: str) -> FittedTemperature:
    """Fit the temperature on the patients of one part of the split, and count them.

    Args:
        views: checked predictions of that part, one row per view.
        split: its name.
    """
    return {
        **fit_temperature(views),
        "fitted_on": split,
        "patients": int(views["patient"].nunique()),
        "images": int(views["image"].nunique()),
        "views": int(views["angle"].nunique()),
    }


def calibration_effect(
    fitted: FittedTemperature, raw: Mapping[str, Level], calibrated: Mapping[str, Level], jackknife: Jackknife
) -> MeasuredCalibration:
    """Effect of calibration on the test patients.

    Args:
        fitted: the temperature.
        raw: the test rows as the network graded them.
        calibrated: the same rows with calibrated probabilities.
        jackknife: the test patients.
    """
    changed = {
        name: int((raw[name].predicted != calibrated[name].predicted).sum()) for name in REPORTED_LEVELS
    }
    effects = {name: _before_and_after(raw[name], calibrated[name], jackknife) for name in REPORTED_LEVELS}
    return cast(MeasuredCalibration, {**fitted, "test": effects, "changed": changed})


def recalibration(test: pd.DataFrame, calibrated: Mapping[str, Level]) -> Recalibration:
    """What temperatures of the test patients themselves would change, cross-fitted over them.

    Args:
        test: checked predictions of the test patients as the network graded them, one row per view.
        calibrated: their rows with the run's calibration.
    """
    before, after = (_log_loss(levels["image"]) for levels in (calibrated, aggregate(cross_fitted(test))))
    return {
        "temperature": fit_temperature(test)["temperature"] or 1.0,
        "log_loss": before,
        "recalibrated_log_loss": after,
        "offered": before - after > OFFERED,
    }


def _log_loss(level: Level) -> float:
    sums = patient_sums(level.truth, level.scores, level.patient)
    return float(calibration_metrics(sums, np.ones((1, len(sums["rows"]))))["log_loss"][0])


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
