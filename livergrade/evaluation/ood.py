"""How far a picture looks from those that a network was trained on: its colours and its sharpness.

The distance is taken between pictures and not between what the network makes of them. A network answers what
it was never shown with features that look familiar: on the cohorts tried, distances between features missed
other stains, pen marks and blurred images that these seven numbers tell apart (docs/caution.md).

Shapes: N images, F = 7 features.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.conformal import threshold
from livergrade.evaluation.estimate import Estimate, estimate, undefined
from livergrade.evaluation.levels import Level
from livergrade.io.files import atomic_write, read_facts, write_json


class Appearance(TypedDict):
    """How the training images of a run look, as ``appearance.json`` holds it.

    Attributes:
        centre: means of the features over the training images, [F].
        whitening: brings a difference from them to unit covariance, [F, F].
        images: how many were measured.
        scores: distances of the validation images, a rising list for each patient, in no order that tells
            who it is; null without a validation side.
        limit: the distance beyond which an image is called unlike the training images; null without one.
        alarm: share of the images of patients like the validation ones that lies beyond at most.
        reason: why there is no limit.
    """

    centre: list[float]
    whitening: list[list[float]]
    images: int
    scores: list[list[float]] | None
    limit: float | None
    alarm: float | None
    reason: NotRequired[str]


Squares = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.uint8]]

ALARM = 0.05
"""Share of the images of patients like the validation ones that may be called unlike by mistake."""
MOST = 2000
"""Training images that are measured; of more, so many are drawn."""

_BATCH = 64
_KEYS = frozenset({"centre", "whitening", "images", "scores", "limit", "alarm"})


def appearance(squares: npt.NDArray[np.uint8]) -> Floats:
    """Mean and standard deviation of each channel's optical density, and the logarithm of the detail.

    By Beer and Lambert's law densities add up over stains, so that a straight distance between them is one
    between amounts of stain. The detail is the mean size of the grey image's Laplacian.

    Args:
        squares: ``uint8 [N, S, S, 3]``; the same S everywhere, since detail depends on it.

    Returns:
        float64 [N, F].
    """
    found = []
    for square in squares:
        density = -np.log((square.reshape(-1, 3).astype(np.float64) + 1) / 256)
        detail = np.abs(cv2.Laplacian(cv2.cvtColor(square, cv2.COLOR_RGB2GRAY), cv2.CV_32F)).mean()
        found.append(np.array([*density.mean(0), *density.std(0), math.log(detail + 0.01)]))
    return np.array(found).reshape(-1, 7)


def fitted(training: Floats) -> dict[str, Any]:
    """What `distances` needs of the training images, float64 [N, F]: ``centre`` and ``whitening``.

    The covariance is shrunk, for few images (Ledoit & Wolf, J. Multivar. Anal. 88, 2004).
    """
    from sklearn.covariance import LedoitWolf  # slow to import, and grading needs none of it

    centre, spread = training.mean(0), training.std(0) + 1e-9
    precision = LedoitWolf(assume_centered=True).fit((training - centre) / spread).precision_
    whitening = np.linalg.cholesky(precision).T / spread
    return {"centre": centre.tolist(), "whitening": whitening.tolist(), "images": len(training)}


def distances(seen: Floats, reference: Mapping[str, Any]) -> Floats:
    """Mahalanobis distance of each image from the training images, float64 [N]; seen is [N, F]."""
    moved = (seen - np.array(reference["centre"])) @ np.array(reference["whitening"]).T
    return np.asarray(np.sqrt((moved**2).sum(1)), np.float64)


def limited(scores: list[list[float]]) -> dict[str, Any]:
    """The distance beyond which an image is called unlike the training images.

    Args:
        scores: distances of the validation images, a list for each patient.

    Returns:
        ``scores``, rising and in no order that tells who it is; ``limit``, and ``alarm``, the share of images
        of patients like these that lies beyond at most: 5 %, or with fewer than 19 patients 1 in n + 1
        (hierarchical conformal prediction, as `livergrade.evaluation.conformal.threshold` has it). Without a
        validation side null, with the ``reason``.
    """
    if not scores:
        why = "the split has no validation side that says how far new patients lie; set split.val_fraction"
        return {"scores": None, "limit": None, "alarm": None, "reason": why}
    alarm = max(ALARM, 1 / (len(scores) + 1))
    kept = sorted(np.sort(one).tolist() for one in scores)
    return {"scores": kept, "limit": threshold(kept, 1 - alarm), "alarm": alarm}


def write_appearance(
    out: Path, split: pd.DataFrame, squares: Squares, *, seed: int, reference: Appearance | None = None
) -> None:
    """Write ``appearance.json``, what new images are compared with, and ``appearance.csv``, who lies where.

    Args:
        out: the run's folder.
        split: the cohort's images in its order with the column ``split``.
        squares: decodes rows of the cohort, ``uint8 [rows, S, S, 3]``.
        seed: of which training images are measured, of very many.
        reference: of the run whose network grades another cohort; without it, it is fitted here.
    """
    drawn = {side: np.flatnonzero(split["split"] == side) for side in ("train", "val", "test")}
    if reference:
        drawn = {"test": drawn["test"]}
    elif len(drawn["train"]) > MOST:
        drawn["train"] = np.sort(np.random.default_rng(seed).choice(drawn["train"], MOST, replace=False))
    seen = {side: _measured(squares, rows) for side, rows in drawn.items()}
    own: dict[str, Any] = dict(reference) if reference else fitted(seen["train"])
    table = pd.concat(
        split.iloc[rows][["image", "patient", "split"]].assign(distance=distances(seen[side], own))
        for side, rows in drawn.items()
    )
    if not reference:
        val = table[table["split"] == "val"].groupby("patient")["distance"]
        own |= limited([one.tolist() for _, one in val])
    write_json(own, out / "appearance.json")
    with atomic_write(out / "appearance.csv") as part:
        table.to_csv(part, index=False, float_format="%.6g")


def read_appearance(path: Path) -> Appearance | None:
    """A run's ``appearance.json``; None where an earlier version left none.

    Raises:
        UserError: the file is damaged.
    """
    return cast(Appearance, read_facts(path, _KEYS)) if path.is_file() else None


def _measured(squares: Squares, rows: npt.NDArray[np.int64]) -> Floats:
    parts = [rows[first : first + _BATCH] for first in range(0, len(rows), _BATCH)]
    with ThreadPoolExecutor() as pool:
        return np.concatenate([np.empty((0, 7)), *pool.map(lambda part: appearance(squares(part)), parts)])


BINS = 30


def ood_estimates(
    seen: pd.DataFrame, reference: Appearance, image: Level, multiplicities: Floats, ci_unavailable: str
) -> dict[str, Any]:
    """How far the images of each side lie, and how many of the test lie beyond the limit.

    Args:
        seen: a run's ``appearance.csv``: ``image``, ``patient``, ``split``, ``distance``.
        reference: its ``appearance.json``.
        image: the test images, as `livergrade.evaluation.levels.aggregate` has them.
        multiplicities: how often each test patient is drawn, float64 [1 + B, P]; row 0 is all ones.
        ci_unavailable: why patients cannot be resampled, if so.

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

    def share(values: npt.NDArray[Any], among: npt.NDArray[np.bool_]) -> Estimate:
        total, of = (np.bincount(image.patient, one) for one in (values * among, among))
        if not among.any():
            return undefined(0, "there are no such images")
        with np.errstate(invalid="ignore", divide="ignore"):
            drawn = (multiplicities @ total) / (multiplicities @ of)
        return estimate(drawn, int(among.sum()), patients=int((of > 0).sum()), ci_unavailable=ci_unavailable)

    return found | {
        "unlike": share(beyond, np.ones(len(beyond), bool)),
        "within": share(right, ~beyond),
        "beyond": share(right, beyond),
    }
