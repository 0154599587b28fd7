"""Faithfulness of explanation maps: means over images, with intervals that resample patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from livergrade.evaluation.intervals import percentiles
from livergrade.io.json_files import read_json

METHODS = {
    "hires_cam": "HiResCAM",
    "grad_cam": "Grad-CAM",
    "occlusion": "Occlusion",
    "random": "Random map",
}
RESAMPLES = 2000
Measured = dict[str, dict[str, NDArray[Any]]]
"""Values by method and measure, ``float [images]``."""


class Faithfulness(TypedDict):
    """Mean of one measure of one method, with its 95 % interval over patients.

    Attributes:
        method: method that made the maps, a key of `METHODS`.
        measure: what was measured, such as ``deletion``, ``insertion`` or ``gain``.
        value: mean over the images for which it is defined; null if there are none.
        low: lower bound of the interval; null with fewer than two patients of such images.
        high: upper bound of the interval; null with fewer than two patients of such images.
    """

    method: str
    measure: str
    value: float | None
    low: float | None
    high: float | None


def areas(curves: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Areas under the deletion and insertion curves (arXiv:1806.07421), and insertion minus deletion (gain).

    Args:
        curves: ``float [images, 2, steps + 1]``, from ``explanations.maps.deletion_insertion``.
    """
    under = (curves[..., 1:] + curves[..., :-1]).mean(-1) / 2
    return {"deletion": under[:, 0], "insertion": under[:, 1], "gain": under[:, 1] - under[:, 0]}


def by_test(curves: Mapping[str, NDArray[Any]], rank_correlation: Mapping[str, NDArray[Any]]) -> Measured:
    """Faithfulness measures of each method, as input of :func:`faithfulness_estimates`.

    Args:
        curves: deletion and insertion curves of every method, ``float [images, 2, steps + 1]``.
        rank_correlation: rank correlation with the map of random weights, ``float [images]``, of the methods
            that have one.
    """
    return {
        method: areas(curve) | ({"likeness": rank_correlation[method]} if method in rank_correlation else {})
        for method, curve in curves.items()
    }


def faithfulness_estimates(measured: Measured, patients: Sequence[str], *, seed: int) -> list[Faithfulness]:
    """Mean of each measure with its 95 % interval.

    Args:
        measured: values by method and measure; NaN where a measure is undefined.
        patients: patient of each image; an empty name counts as a separate patient.
        seed: seed of the resampling.

    Returns:
        One row per method and measure.
    """
    names = pd.Series([name or f"\0{i}" for i, name in enumerate(patients)])
    rows: list[Faithfulness] = []
    for method, measures in measured.items():
        for measure, values in measures.items():
            defined = ~np.isnan(values)
            low, high = _interval(values[defined], names[defined], seed)
            value = float(values[defined].mean()) if defined.any() else None
            rows.append({"method": method, "measure": measure, "value": value, "low": low, "high": high})
    return rows


def _interval(
    values: NDArray[Any], patients: pd.Series[str], seed: int
) -> tuple[float, float] | tuple[None, None]:
    """Interval of the mean of the values, resampling patients; none with fewer than two."""
    patient, _ = pd.factorize(patients)
    counts = np.bincount(patient)
    if len(counts) < 2:
        return None, None
    drawn = np.random.default_rng(seed).integers(len(counts), size=(RESAMPLES, len(counts)))
    return percentiles(np.bincount(patient, values)[drawn].sum(1) / counts[drawn].sum(1))


class Sanity(TypedDict):
    """Content of a run's ``sanity.json``: the number of patients, and the measures over them."""

    patients: int
    sanity: list[Faithfulness]


def read_sanity(path: Path) -> Sanity:
    """Read a run's ``sanity.json``.

    Raises:
        UserError: the file is missing or damaged.
    """
    return read_json(path, Sanity)


def by_method(rows: Sequence[Faithfulness]) -> dict[tuple[str, str], Faithfulness]:
    """Index the rows of :func:`faithfulness_estimates` by (method, measure)."""
    return {(row["method"], row["measure"]): row for row in rows}
