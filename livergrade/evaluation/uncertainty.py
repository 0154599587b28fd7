"""How far a run's answers can be relied on: calibration, sets of grades, abstention, and turned views.

What is fitted, is fitted on the validation patients and kept in ``calibration.json``, so that other cohorts
and new images are answered with the same care. What is measured, is measured on the test patients.
"""

from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast

import numpy as np
import pandas as pd

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.calibration import calibration_metrics, patient_sums, reliability
from livergrade.evaluation.conformal import set_estimates, true_scores
from livergrade.evaluation.estimate import Estimate, estimate
from livergrade.evaluation.intervals import ci_unavailable_reason, draw_patients
from livergrade.evaluation.levels import Level, aggregate
from livergrade.evaluation.ood import ood_estimates, read_appearance
from livergrade.evaluation.predictions import class_names
from livergrade.evaluation.selective import risk_coverage
from livergrade.evaluation.temperature import at_temperature, fit_temperature
from livergrade.evaluation.tta import tta_estimates
from livergrade.io.files import read_facts

METRICS = ("brier", "log_loss", "ece")
LEVELS = ("image", "patient")


class Calibration(TypedDict):
    """What was fitted on the validation patients, as ``calibration.json`` holds it; null where nothing was.

    Attributes:
        temperature: of :mod:`livergrade.evaluation.temperature`; null where none could be fitted.
        low: lower end of its interval.
        high: upper end.
        fitted_on: the side of the split.
        patients: on that side.
        images: of them.
        views: of each image.
        scores: as :func:`livergrade.evaluation.conformal.true_scores` has them.
        reason: why something is null.
        note: what to know of the temperature.
    """

    temperature: float | None
    low: float | None
    high: float | None
    fitted_on: str | None
    patients: int | None
    images: int | None
    views: int | None
    scores: dict[str, list[Any]] | None
    reason: NotRequired[str]
    note: NotRequired[str]


_KEYS = Calibration.__required_keys__


def fit_calibration(predictions: pd.DataFrame, *, resamples: int = 2000, seed: int = 0) -> Calibration:
    """Fit what cautious answers need, on the validation side alone.

    Args:
        predictions: a run's checked predictions, one row a view.
        resamples: bootstrap resamples of the patients.
        seed: of the bootstrap.

    Returns:
        What ``calibration.json`` holds: ``temperature``, ``low`` and ``high`` as `fit_temperature` has them,
        ``fitted_on`` (``val``), the numbers of ``patients``, ``images`` and ``views`` of an image, and
        ``scores`` as `true_scores` has them at that temperature. Without a validation side all are null, with
        the ``reason``.
    """
    val = predictions[predictions["split"] == "val"]
    if val.empty:
        return _nothing(
            "the split has no validation side to fit on; split.val_fraction sets patients aside for it"
        )
    fitted = fit_temperature(val, resamples=resamples, seed=seed)
    found = fitted | {
        "fitted_on": "val",
        "patients": int(val["patient"].nunique()),
        "images": int(val["image"].nunique()),
        "views": int(val["angle"].nunique()),
        "scores": true_scores(aggregate(at_temperature(val, fitted["temperature"] or 1.0))),
    }
    return cast(Calibration, found)


def read_calibration(path: Path) -> Calibration:
    """A run's ``calibration.json``; where it has none, as of an earlier version, null with that reason.

    Raises:
        UserError: the file is damaged.
    """
    if not path.is_file():
        return _nothing("the run has no calibration.json, since an earlier version left it; train it again")
    return cast(Calibration, read_facts(path, _KEYS))


def _nothing(reason: str) -> Calibration:
    return cast(Calibration, dict.fromkeys(sorted(_KEYS)) | {"reason": reason})


def caution_figures(
    predictions: pd.DataFrame,
    calibration: Calibration,
    run: Path | None = None,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Measure on the test patients what is fitted, and what declining to answer and more views would buy.

    Args:
        predictions: checked predictions, one row a view.
        calibration: what `fit_calibration` returned, of these or of the run whose network gave them.
        run: the folder in which ``appearance.json`` and ``appearance.csv`` lie, if they were written.
        resamples: bootstrap resamples of the patients.
        seed: of the bootstrap.

    Returns:
        ``calibration``, ``conformal``, ``abstention``, ``views`` and, with a folder that has it,
        ``familiarity``, as ``metrics.json`` holds them.
    """
    test = predictions[predictions["split"] == "test"]
    raw, temperature = aggregate(test), calibration["temperature"]
    levels = aggregate(at_temperature(test, temperature)) if temperature else raw
    grades = raw["patient"].truth
    ci_unavailable = ci_unavailable_reason(grades, class_names(predictions))
    rng = np.random.default_rng(seed)
    multiplicities = np.vstack([np.ones(len(grades)), draw_patients(grades, resamples, rng)])
    told: dict[str, Any] = {key: value for key, value in calibration.items() if key != "scores"}
    if temperature:
        told["test"] = {
            name: _before_and_after(raw[name], levels[name], multiplicities, ci_unavailable)
            for name in LEVELS
        }
        changed = (raw[name].predicted != levels[name].predicted for name in LEVELS)
        told["changed"] = {name: int(one.sum()) for name, one in zip(LEVELS, changed, strict=True)}
    graded = int(test["angle"].nunique())
    if calibration["scores"] is None:
        sets: dict[str, Any] = {"reason": calibration["reason"]}
    elif graded != calibration["views"]:
        sets = {
            "reason": f"the validation images were graded over {calibration['views']} views and these over "
            f"{graded}: their scores can't be compared"
        }
    else:
        sets = set_estimates(levels, calibration["scores"], multiplicities, ci_unavailable)
    found = {
        "calibration": told,
        "conformal": sets,
        "abstention": risk_coverage(levels["patient"], multiplicities, ci_unavailable)
        | {"calibrated": bool(temperature)},
        "views": tta_estimates(test, multiplicities, ci_unavailable),
    }
    if run and (reference := read_appearance(run / "appearance.json")):
        seen = pd.read_csv(
            run / "appearance.csv", dtype={"image": str, "patient": str}, keep_default_na=False
        )
        found["familiarity"] = ood_estimates(seen, reference, raw["image"], multiplicities, ci_unavailable)
    return found


def _before_and_after(raw: Level, own: Level, multiplicities: Floats, ci_unavailable: str) -> dict[str, Any]:
    """Each figure ``before`` and ``after``, their ``difference`` (after less before), and reliabilities."""
    sums = [patient_sums(level.truth, level.scores, level.patient) for level in (raw, own)]
    before, after = (calibration_metrics(one, multiplicities) for one in sums)

    def figure(values: Floats) -> Estimate:
        return estimate(values, len(raw.truth), ci_unavailable=ci_unavailable)

    return {
        metric: {
            "before": figure(before[metric]),
            "after": figure(after[metric]),
            "difference": figure(after[metric] - before[metric]),
        }
        for metric in METRICS
    } | {"reliability": dict(zip(("before", "after"), map(reliability, sums), strict=True))}
