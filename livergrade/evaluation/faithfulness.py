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
        value: mean over the images.
        low: lower bound of the interval; null with fewer than two patients.
        high: upper bound of the interval; null with fewer than two patients.
    """

    method: str
    measure: str
    value: float
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
        measured: values by method and measure.
        patients: patient of each image; an empty name counts as a separate patient.
        seed: seed of the resampling.

    Returns:
        One row per method and measure.
    """
    patient, _ = pd.factorize(pd.Series([name or f"\0{i}" for i, name in enumerate(patients)]))
    counts = np.bincount(patient)
    drawn = np.random.default_rng(seed).integers(len(counts), size=(RESAMPLES, len(counts)))
    rows: list[Faithfulness] = []
    for method, measures in measured.items():
        for measure, values in measures.items():
            low, high = None, None
            if len(counts) > 1:
                low, high = percentiles(np.bincount(patient, values)[drawn].sum(1) / counts[drawn].sum(1))
            rows.append(
                {
                    "method": method,
                    "measure": measure,
                    "value": float(values.mean()),
                    "low": low,
                    "high": high,
                }
            )
    return rows


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
