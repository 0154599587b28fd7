"""One temperature that makes a network's probabilities believable, fitted on the validation patients.

A network that was trained until it is sure of its training images is too sure of new ones. Its probabilities
are raised to the power 1/T and normalised, which divides its logits by T (Guo et al., ICML 2017, section
4.2); then they are averaged over views, images and patients as the raw ones are. Only T is fitted, so that
few patients are enough, and no view changes its grade.

Shapes: K grades, P patients, G temperatures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.calibration import patient_sums
from livergrade.evaluation.intervals import draw_patients, percentiles
from livergrade.evaluation.levels import aggregate
from livergrade.evaluation.predictions import class_names

LOWEST, HIGHEST = 0.1, 20.0
"""The temperatures that are searched."""

_GRID = np.linspace(np.log(LOWEST), np.log(HIGHEST), 161)


def scaled(probabilities: npt.ArrayLike, temperature: float) -> Floats:
    """Probabilities at another temperature: p^(1/T), normalised.

    Args:
        probabilities: of the grades, [..., K].
        temperature: T > 0; 1 changes nothing, more makes them milder.

    Returns:
        float64 [..., K]; an impossible grade stays impossible.
    """
    given = np.asarray(probabilities, np.float64)
    powers = (given / given.max(-1, keepdims=True)) ** (1 / temperature)
    return np.asarray(powers / powers.sum(-1, keepdims=True), np.float64)


def at_temperature(predictions: pd.DataFrame, temperature: float) -> pd.DataFrame:
    """The predictions with each view's probabilities at another temperature; its grade stays what it was."""
    columns = [f"p_{grade}" for grade in class_names(predictions)]
    return predictions.assign(**dict(zip(columns, scaled(predictions[columns], temperature).T, strict=True)))


def patient_losses(views: pd.DataFrame) -> Callable[[float], Floats]:
    """What gives the mean log-loss of each patient's images, float64 [P] by name, at a temperature."""
    level = aggregate(views)["image"]
    image, _ = pd.factorize(views["image"], sort=True)
    given = views[[f"p_{grade}" for grade in class_names(views)]].to_numpy(np.float64)
    count = np.bincount(image)[:, None]

    def losses(temperature: float) -> Floats:
        own = scaled(given, temperature)
        means = np.stack([np.bincount(image, column) for column in own.T], 1) / count
        sums = patient_sums(level.truth, means, level.patient)
        return np.asarray(sums["log_loss"] / sums["rows"], np.float64)

    return losses


def fit_temperature(views: pd.DataFrame, *, resamples: int = 2000, seed: int = 0) -> dict[str, Any]:
    """The temperature of least log-loss.

    The loss is that of the images, whose probabilities are means over their views, and each patient weighs
    the same. A fit by patient has one answer from each and undoes what the mean over images makes milder;
    with few patients it goes too far, and the mean test loss is higher (docs/caution.md). A fit by view
    leaves out that the mean over views, which is told, is milder than they are.

    Args:
        views: checked predictions of the validation side, one row a view.
        resamples: bootstrap resamples of the patients.
        seed: of the bootstrap.

    Returns:
        ``temperature`` with ``low`` and ``high``, the percentile interval over resamples that draw whole
        patients, an end of the search counting as such. Where the loss still falls as T approaches 0.1 the
        temperature is null with a ``reason``; where it still falls at 20 that is taken, with a ``note``.
    """
    from scipy.optimize import minimize_scalar  # slow to import, and grading needs none of it

    losses = patient_losses(views)
    grid = np.stack([losses(float(np.exp(place))) for place in _GRID])  # [G, P]
    lowest = int(grid.mean(1).argmin())
    found: dict[str, Any] = {"temperature": None, "low": None, "high": None}
    if lowest == 0:
        return found | {
            "reason": f"the validation log-loss still falls at a temperature of {LOWEST:g}: too few of the "
            "validation images are graded wrongly to fit one"
        }
    best, note = HIGHEST, {}
    if lowest == len(_GRID) - 1:
        note = {
            "note": f"the validation log-loss still falls at a temperature of {HIGHEST:g}: equal "
            "probabilities would be no worse"
        }
    else:  # the mean over views makes the loss other than convex, so the grid brackets the minimum
        bounds = (_GRID[lowest - 1], _GRID[lowest + 1])
        search = minimize_scalar(
            lambda place: losses(float(np.exp(place))).mean(),
            bounds=bounds,
            method="bounded",
            options={"xatol": 1e-6},
        )
        best = float(np.exp(search.x))
    levels = aggregate(views)
    grades = levels["patient"].truth
    if np.bincount(grades).max() < 2:
        return found | {"temperature": best, "reason": "no grade has two validation patients"} | note
    drawn = draw_patients(grades, resamples, np.random.default_rng(seed))
    low, high = percentiles(np.exp(_minima(drawn @ grid.T)))
    return found | {"temperature": best, "low": min(low, best), "high": max(high, best)} | note


def _minima(losses: Floats) -> Floats:
    """Where on the grid each row of losses is least, by the parabola through the three lowest points.

    Args:
        losses: float64 [B, G].

    Returns:
        Logarithm of the temperature, float64 [B].
    """
    place = losses.argmin(1)
    inner = np.clip(place, 1, len(_GRID) - 2)
    before, here, after = (losses[np.arange(len(losses)), inner + step] for step in (-1, 0, 1))
    bend = before - 2 * here + after
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = np.where(bend > 0, (before - after) / (2 * bend), 0.0)
    found = _GRID[inner] + np.clip(shift, -1, 1) * (_GRID[1] - _GRID[0])
    return np.asarray(np.where(place == inner, found, _GRID[place]), np.float64)
