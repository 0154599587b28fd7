"""Whether maps mean anything: means over images with intervals that resample patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from livergrade.evaluation.intervals import percentiles

METHODS = {
    "hires_cam": "HiResCAM",
    "grad_cam": "Grad-CAM",
    "occlusion": "Occlusion",
    "random": "Random map",
}
RESAMPLES = 2000
Measured = dict[str, dict[str, NDArray[Any]]]
"""By method and measure, ``float [images]``."""


def areas(curves: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Areas under deletion and insertion curves, arXiv:1806.07421, and what the second has more.

    Args:
        curves: ``float [images, 2, steps + 1]``, as
            ``explanations.maps.deletion_insertion`` has them.
    """
    under = (curves[..., 1:] + curves[..., :-1]).mean(-1) / 2
    return {"deletion": under[:, 0], "insertion": under[:, 1], "gain": under[:, 1] - under[:, 0]}


def by_test(curves: Mapping[str, NDArray[Any]], rank_correlation: Mapping[str, NDArray[Any]]) -> Measured:
    """What :func:`faithfulness_estimates` takes, from what :mod:`livergrade.explanations.maps` measures.

    Args:
        curves: ``float [images, 2, steps + 1]``, of every method.
        rank_correlation: ``float [images]``, of those that have one.
    """
    return {
        method: areas(each) | ({"likeness": rank_correlation[method]} if method in rank_correlation else {})
        for method, each in curves.items()
    }


def faithfulness_estimates(measured: Measured, patients: Sequence[str], *, seed: int) -> list[dict[str, Any]]:
    """Mean of each measure with its 95 % interval.

    Args:
        measured: of the images.
        patients: whose the images are; a blank counts as a patient of its own.
        seed: of the resampling.

    Returns:
        One row a method and measure: ``method``, ``measure``, ``value``, ``low`` and ``high``, the last two
        None with fewer than two patients.
    """
    patient, _ = pd.factorize(pd.Series([name or f"\0{i}" for i, name in enumerate(patients)]))
    counts = np.bincount(patient)
    drawn = np.random.default_rng(seed).integers(len(counts), size=(RESAMPLES, len(counts)))
    rows = []
    for method, measures in measured.items():
        for measure, values in measures.items():
            row = {"method": method, "measure": measure, "value": float(values.mean())}
            low, high = None, None
            if len(counts) > 1:
                low, high = percentiles(np.bincount(patient, values)[drawn].sum(1) / counts[drawn].sum(1))
            rows.append(row | {"low": low, "high": high})
    return rows


def by_method(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """The rows of :func:`faithfulness_estimates` by method and measure."""
    return {(row["method"], row["measure"]): row for row in rows}
