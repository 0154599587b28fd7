"""Temperature scaling: one temperature calibrates the probabilities, fitted on the validation patients.

A trained network is usually overconfident on new images. Its probabilities are raised to the power 1/T and
normalised, which divides the logits by T (Guo et al., ICML 2017, section 4.2). They are then averaged over
views, images and patients like the raw probabilities. Only T is fitted, so few patients are enough, and the
predicted grade of a view never changes.

Shapes: K grades, P patients, G temperatures.
"""

from collections.abc import Callable
from typing import NotRequired, TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.calibration import patient_sums
from livergrade.evaluation.intervals import draw_patients, percentiles
from livergrade.evaluation.levels import aggregate
from livergrade.evaluation.predictions import class_names

LOWEST, HIGHEST = 0.1, 20.0
"""Search range of the temperature."""


class Temperature(TypedDict):
    """The fitted temperature with its 95 % interval over patients.

    Attributes:
        temperature: calibrated probabilities are p^(1/temperature), normalised; null if none could be fitted.
        low: lower bound of its interval; null without one.
        high: upper bound of its interval; null without one.
        reason: why a value is null.
        note: remark on the temperature.
    """

    temperature: float | None
    low: float | None
    high: float | None
    reason: NotRequired[str]
    note: NotRequired[str]


_GRID = np.linspace(np.log(LOWEST), np.log(HIGHEST), 161)


def scaled(probabilities: npt.ArrayLike, temperature: float) -> Floats:
    """Apply a temperature to probabilities: p^(1/T), normalised.

    Args:
        probabilities: of the grades, [..., K].
        temperature: T > 0; 1 changes nothing, T > 1 makes them less confident.

    Returns:
        float64 [..., K]; a probability of 0 stays 0.
    """
    given = np.asarray(probabilities, np.float64)
    powers = (given / given.max(-1, keepdims=True)) ** (1 / temperature)
    return np.asarray(powers / powers.sum(-1, keepdims=True), np.float64)


def at_temperature(predictions: pd.DataFrame, temperature: float) -> pd.DataFrame:
    """Apply a temperature to the probabilities of each view; the predicted grades stay the same."""
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


def fit_temperature(views: pd.DataFrame, *, resamples: int = 2000, seed: int = 0) -> Temperature:
    """Fit the temperature that minimises the log-loss.

    The loss is computed per image (probabilities averaged over its views), and every patient has the same
    weight. A fit per patient would have one value per patient and would undo the lower confidence that
    averaging over images causes; with few patients it overcorrects, and the mean test loss is higher
    (docs/caution.md). A fit per view would ignore that the reported mean over views is less confident than
    single views.

    Args:
        views: checked predictions of the validation split, one row per view.
        resamples: number of bootstrap resamples of the patients.
        seed: seed of the bootstrap.

    Returns:
        The temperature with its percentile interval over bootstrap resamples of patients; a minimum at an
        end of the search range counts as that end. If the loss still decreases towards T = 0.1, the
        temperature is null with a ``reason``; if it still decreases at T = 20, the temperature is 20, with a
        ``note``.
    """
    from scipy.optimize import minimize_scalar  # slow to import, and not needed for inference

    losses = patient_losses(views)
    grid = np.stack([losses(float(np.exp(log_temperature))) for log_temperature in _GRID])  # [G, P]
    lowest = int(grid.mean(1).argmin())
    if lowest == 0:
        return {
            "temperature": None,
            "low": None,
            "high": None,
            "reason": f"the validation log-loss still decreases at a temperature of {LOWEST:g}: too few "
            "of the validation images are misclassified to fit one",
        }
    best, note = HIGHEST, ""
    if lowest == len(_GRID) - 1:
        note = (
            f"the validation log-loss still decreases at a temperature of {HIGHEST:g}: equal "
            "probabilities would be no worse"
        )
    else:  # averaging over views makes the loss non-convex, so the grid brackets the minimum
        bounds = (_GRID[lowest - 1], _GRID[lowest + 1])
        search = minimize_scalar(
            lambda log_temperature: losses(float(np.exp(log_temperature))).mean(),
            bounds=bounds,
            method="bounded",
            options={"xatol": 1e-6},
        )
        best = float(np.exp(search.x))
    levels = aggregate(views)
    grades = levels["patient"].truth
    result: Temperature = {"temperature": best, "low": None, "high": None}
    if np.bincount(grades).max() < 2:
        result["reason"] = "no grade has two validation patients"
    else:
        drawn = draw_patients(grades, resamples, np.random.default_rng(seed))
        low, high = percentiles(np.exp(_minima(drawn @ grid.T)))
        result["low"], result["high"] = min(low, best), max(high, best)
    if note:
        result["note"] = note
    return result


def _minima(losses: Floats) -> Floats:
    """Minimum of each row of losses on the grid, refined by a parabola through three neighbouring points.

    Args:
        losses: float64 [B, G].

    Returns:
        Logarithm of the temperature, float64 [B].
    """
    lowest_index = losses.argmin(1)
    inner_index = np.clip(lowest_index, 1, len(_GRID) - 2)
    left, middle, right = (losses[np.arange(len(losses)), inner_index + step] for step in (-1, 0, 1))
    curvature = left - 2 * middle + right
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = np.where(curvature > 0, (left - right) / (2 * curvature), 0.0)
    minima = _GRID[inner_index] + np.clip(shift, -1, 1) * (_GRID[1] - _GRID[0])
    return np.asarray(np.where(lowest_index == inner_index, minima, _GRID[lowest_index]), np.float64)
