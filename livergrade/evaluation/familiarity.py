"""Which test images look unlike those the network was trained on, and what its answers to them are worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from livergrade.evaluation.metrics import Level, bounds_of

Floats = npt.NDArray[np.float64]

BINS = 30


def familiarity_figures(
    seen: pd.DataFrame, reference: dict[str, Any], image: Level, weights: Floats, obstacle: str
) -> dict[str, Any]:
    """How far the images of each side lie, and how many of the test lie beyond the limit.

    Args:
        seen: a run's ``appearance.csv``: ``image``, ``patient``, ``split``, ``distance``.
        reference: its ``appearance.json``.
        image: the test images, as `livergrade.evaluation.metrics.gather` has them.
        weights: how often each test patient is drawn, float64 [1 + B, P]; row 0 is all ones.
        obstacle: why patients cannot be resampled, if so.

    Returns:
        ``limit`` and ``alarm`` of the reference, or the ``reason`` why it has none; for each side its
        ``images`` and the quantiles 5, 50 and 95 % of their ``distance``; ``histogram``; and of the test
        ``unlike``, the share beyond the limit, and the accuracy ``within`` and ``beyond`` it.
    """
    found: dict[str, Any] = {"limit": reference["limit"], "alarm": reference["alarm"], "sides": {}}
    if "reason" in reference:
        found["reason"] = reference["reason"]
    edges = np.geomspace(max(seen["distance"].min(), 1e-3), seen["distance"].max() * 1.001, BINS + 1)
    found["histogram"] = {"edges": edges.tolist()}
    for side, own in seen.groupby("split")["distance"]:
        low, middle, high = np.quantile(own, (0.05, 0.5, 0.95))
        found["sides"][side] = {"images": len(own), "low": low, "median": middle, "high": high}
        found["histogram"][side] = np.histogram(own, edges)[0].tolist()
    if reference["limit"] is None:
        return found
    distance = seen[seen["split"] == "test"].set_index("image")["distance"]
    beyond = distance.reindex(image.names).to_numpy(np.float64) > reference["limit"]
    right = image.predicted == image.truth

    def share(values: npt.NDArray[Any], among: npt.NDArray[np.bool_]) -> dict[str, Any]:
        total, of = (np.bincount(image.patient, one) for one in (values * among, among))
        if not among.any():
            return {"value": None, "low": None, "high": None, "n": 0, "reason": "there are no such images"}
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = (weights @ total) / (weights @ of)
        return {"value": float(drawn[0]), "n": int(among.sum())} | bounds_of(
            drawn, int((of > 0).sum()), False, obstacle
        )

    return found | {
        "unlike": share(beyond, np.ones(len(beyond), bool)),
        "within": share(right, ~beyond),
        "beyond": share(right, beyond),
    }
