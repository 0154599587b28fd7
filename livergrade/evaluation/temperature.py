"""Temperature scaling: one temperature calibrates the probabilities, fitted on the validation patients.

A trained network is usually overconfident on new images. Its probabilities are raised to the power 1/T and
normalised, which divides the logits by T (Guo et al., ICML 2017, section 4.2). They are then averaged over
views, images and patients like the raw probabilities. Only T is fitted, and a prior holds it near 1 where
patients are few; the predicted grade of a view never changes. benchmarks/calibration.py measures what it does
to new patients.

Shapes: K grades, P patients, G temperatures.
"""

from collections.abc import Callable
from typing import NotRequired, TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.calibration import patient_sums
from livergrade.evaluation.levels import aggregate
from livergrade.evaluation.predictions import class_names

LOWEST, HIGHEST = 0.1, 20.0
"""Search range of the temperature."""

PRIOR_SD = 0.25
"""Standard deviation of log T under the prior, whose mean is 0 (T = 1); chosen by simulation."""

NO_INTERVAL = (
    "no interval of a temperature is given: no method contained the best one in 93 to 98 % of simulated "
    "cohorts"
)


class Temperature(TypedDict):
    """The fitted temperature.

    Attributes:
        temperature: calibrated probabilities are p^(1/temperature), normalised; null if none could be fitted.
        low: null: no interval of it is printed.
        high: null, as ``low``.
        reason: why a value is null.
        note: remark on the temperature.
    """

    temperature: float | None
    low: float | None
    high: float | None
    reason: NotRequired[str]
    note: NotRequired[str]


LOG_TEMPERATURES = np.linspace(np.log(LOWEST), np.log(HIGHEST), 161)
"""Logarithms of the temperatures that are tried, float64 [G], evenly spaced."""


def scaled(probabilities: npt.ArrayLike, temperature: npt.ArrayLike) -> Floats:
    """Apply a temperature to probabilities: p^(1/T), normalised.

    Args:
        probabilities: of the grades, [..., K].
        temperature: T > 0; 1 changes nothing, T > 1 makes them less confident; one number, or one for each
            row of probabilities, [...].

    Returns:
        float64 [..., K]; a probability of 0 stays 0.
    """
    given = np.asarray(probabilities, np.float64)
    exponent = 1 / np.asarray(temperature, np.float64)[..., None]
    powers = (given / given.max(-1, keepdims=True)) ** exponent
    return np.asarray(powers / powers.sum(-1, keepdims=True), np.float64)


def at_temperature(predictions: pd.DataFrame, temperature: npt.ArrayLike) -> pd.DataFrame:
    """Apply a temperature, or one for each row, to the probabilities of each view; their grades stay."""
    columns = [f"p_{grade}" for grade in class_names(predictions)]
    return predictions.assign(**dict(zip(columns, scaled(predictions[columns], temperature).T, strict=True)))


def patient_losses(views: pd.DataFrame) -> Callable[[float], Floats]:
    """Return a function: temperature → mean log-loss of each patient's images, float64 [P] by name."""
    level = aggregate(views)["image"]
    image, _ = pd.factorize(views["image"], sort=True)
    given = views[[f"p_{grade}" for grade in class_names(views)]].to_numpy(np.float64)
    count = np.bincount(image)[:, None]

    def losses(temperature: float) -> Floats:
        probabilities = scaled(given, temperature)
        means = np.stack([np.bincount(image, column) for column in probabilities.T], 1) / count
        sums = patient_sums(level.truth, means, level.patient)
        return np.asarray(sums["log_loss"] / sums["rows"], np.float64)

    return losses


def best_log_temperature(losses: Floats) -> Floats:
    """Logarithm of the temperature with the least sum of losses and of the prior's negative logarithm.

    Args:
        losses: sum over patients of the mean log-loss of each one's images, at each of `LOG_TEMPERATURES`,
            float64 [..., G].

    Returns:
        float64 [...], refined by a parabola through three neighbouring points; at an end of the range, the
        end.
    """
    objective = losses + LOG_TEMPERATURES**2 / (2 * PRIOR_SD**2)
    lowest = objective.argmin(-1)
    inner = np.clip(lowest, 1, len(LOG_TEMPERATURES) - 2)
    left, middle, right = (
        np.take_along_axis(objective, inner[..., None] + step, -1)[..., 0] for step in (-1, 0, 1)
    )
    curvature = left - 2 * middle + right
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = np.where((lowest == inner) & (curvature > 0), (left - right) / (2 * curvature), 0.0)
    step = LOG_TEMPERATURES[1] - LOG_TEMPERATURES[0]
    return np.asarray(LOG_TEMPERATURES[lowest] + np.clip(shift, -1, 1) * step, np.float64)


def fit_temperature(views: pd.DataFrame) -> Temperature:
    """Fit the temperature that minimises the log-loss, held near 1 by the prior N(0, `PRIOR_SD`²) on log T.

    The loss is computed per image (probabilities averaged over its views), and every patient counts as one
    observation: the mean loss of the patient's images. A fit per patient would have one value per patient and
    would undo the lower confidence that averaging over images causes; with few patients it overcorrects
    (docs/caution.md). A fit per view would ignore that the reported mean over views is less confident than
    single views.

    Args:
        views: checked predictions of the validation split, one row per view.

    Returns:
        The temperature, without an interval (`NO_INTERVAL`). If the loss still decreases at an end of the
        search range, the temperature is that end, with a ``note``.
    """
    best = float(best_log_temperature(_grid(views).sum(1)))
    result: Temperature = {
        "temperature": float(np.exp(best)),
        "low": None,
        "high": None,
        "reason": NO_INTERVAL,
    }
    if best in (LOG_TEMPERATURES[0], LOG_TEMPERATURES[-1]):
        result["note"] = f"the validation log-loss still decreases at a temperature of {np.exp(best):g}"
    return result


def cross_fitted(views: pd.DataFrame) -> pd.DataFrame:
    """Calibrate each patient's views with the temperature fitted on all other patients.

    Args:
        views: checked predictions, one row per view.

    Returns:
        The same rows with calibrated probabilities; those of a patient alone stay as they are.
    """
    losses = _grid(views)
    others = losses.sum(1, keepdims=True) - losses  # [G, P]
    temperatures = np.exp(best_log_temperature(others.T))
    patient, _ = pd.factorize(views["patient"], sort=True)
    return at_temperature(views, temperatures[patient])


def _grid(views: pd.DataFrame) -> Floats:
    """Mean log-loss of each patient's images at each of `LOG_TEMPERATURES`, float64 [G, P]."""
    losses = patient_losses(views)
    return np.stack([losses(float(temperature)) for temperature in np.exp(LOG_TEMPERATURES)])
