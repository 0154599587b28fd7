"""Out-of-distribution (OOD) detection: distance of an image from the training images in colour and sharpness.

The distance uses image statistics and not network features. A network can map OOD images to features
like those of the training images: on the cohorts tested, feature distances missed other stains, pen marks
and blurred images that these seven statistics detect (docs/caution.md).

Shapes: N images, F = 7 features.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.conformal import threshold
from livergrade.evaluation.estimate import Estimate, estimate, undefined
from livergrade.evaluation.intervals import Jackknife
from livergrade.evaluation.levels import Level
from livergrade.io.files import write_json
from livergrade.io.json_files import RESULTS, in_file, read_json
from livergrade.io.memory import reading_threads
from livergrade.io.run_tables import read_run_table
from livergrade.io.tables import write_table


class Reference(TypedDict):
    """Appearance of a run's training images.

    Attributes:
        centre: means of the features over the training images, [F].
        whitening: matrix that brings differences from the means to unit covariance, [F, F].
        images: number of images measured.
    """

    centre: list[float]
    whitening: list[list[float]]
    images: int


class OodThreshold(TypedDict):
    """OOD threshold, fitted on the validation images.

    Attributes:
        scores: distances of the validation images, an ascending list per patient; the order of the lists does
            not identify patients; null without a validation split.
        limit: OOD threshold, the largest distance that counts as in-distribution; null if none was fitted.
        alarm: false-alarm rate: upper bound on the share of images beyond the limit, for patients
            exchangeable with the validation patients; null without a limit.
        reason: why there is no limit.
    """

    scores: list[list[float]] | None
    limit: float | None
    alarm: float | None
    reason: NotRequired[str]


class Appearance(Reference, OodThreshold):
    """OOD reference of a run, as stored in ``appearance.json``."""


class SplitDistances(TypedDict):
    """Distances of the images of one part of the split from the training images.

    Attributes:
        images: number of its images.
        low: 5 % quantile of the distance.
        median: median distance.
        high: 95 % quantile of the distance.
    """

    images: int
    low: float
    median: float
    high: float


class OodEstimates(TypedDict):
    """OOD detection on the images of a run.

    Attributes:
        limit: OOD threshold of the reference; null without one.
        alarm: false-alarm rate of the reference; null without a limit.
        sides: part of the split (``train``, ``val`` or ``test``) → the distances of its images.
        reason: why there is no limit.
        histogram: ``edges`` of the bins of the distance; and for each part of the split the number of images
            in each bin.
        unlike: share of the test images beyond the limit; missing without a limit.
        within: accuracy of the test images that are not beyond the limit; missing without a limit.
        beyond: accuracy of the test images beyond the limit; missing without a limit.
    """

    limit: float | None
    alarm: float | None
    sides: dict[str, SplitDistances]
    reason: NotRequired[str]
    histogram: dict[str, list[float]]
    unlike: NotRequired[Estimate]
    within: NotRequired[Estimate]
    beyond: NotRequired[Estimate]


ReadCrops = Callable[[npt.NDArray[np.int64]], npt.NDArray[np.uint8]]

ALARM = 0.05
"""Accepted false-alarm rate: share of in-distribution images that may be reported as OOD."""
MAX_TRAINING_IMAGES = 2000
"""With more training images, a random sample of this size is measured."""

_BATCH = 64
_LARGEST = 1e9  # of a statistic; products of larger ones might not be finite
FEATURES = 7
_DENSITY = -np.log((np.arange(256, dtype=np.float64) + 1) / 256)
"""Optical density of each value of a pixel: a logarithm for every pixel would take most of the time."""


def appearance(crops: npt.NDArray[np.uint8]) -> Floats:
    """Appearance features: mean and sd of each channel's optical density, and the log of the sharpness.

    By the Beer–Lambert law optical densities add up over stains, so a linear distance between them is a
    distance between amounts of stain. Sharpness is the mean absolute Laplacian of the grey image.

    Args:
        crops: ``uint8 [N, S, S, 3]``; use the same S everywhere, since sharpness depends on it.

    Returns:
        float64 [N, F].
    """
    features = []
    for crop in crops:
        density = _DENSITY[crop.reshape(-1, 3)]
        sharpness = np.abs(cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.CV_32F)).mean()
        features.append(np.array([*density.mean(0), *density.std(0), math.log(sharpness + 0.01)]))
    return np.array(features).reshape(-1, 7)


def fit_reference(training: Floats) -> Reference:
    """Fit ``centre`` and ``whitening`` for `distances` to features of the training images, float64 [N, F].

    The covariance estimate is shrunk, for small samples (Ledoit & Wolf, J. Multivar. Anal. 88, 2004).
    """
    from sklearn.covariance import LedoitWolf  # slow to import, and not needed for inference

    centre, spread = training.mean(0), training.std(0) + 1e-9
    precision = LedoitWolf(assume_centered=True).fit((training - centre) / spread).precision_
    try:
        whitening = np.linalg.cholesky(precision).T / spread
    except np.linalg.LinAlgError:  # of two or three images: no covariance, so each feature counts alone
        whitening = np.diag(1 / spread)
    return {"centre": centre.tolist(), "whitening": whitening.tolist(), "images": len(training)}


def distances(features: Floats, reference: Reference) -> Floats:
    """Mahalanobis distance of each image from the training images, float64 [N]; features are [N, F]."""
    whitened = (features - np.array(reference["centre"])) @ np.array(reference["whitening"]).T
    return np.asarray(np.sqrt((whitened**2).sum(1)), np.float64)


def fit_threshold(scores: list[list[float]]) -> OodThreshold:
    """Fit the OOD threshold on the validation images.

    Args:
        scores: distances of the validation images, a list per patient.

    Returns:
        The scores in ascending order, and the limit with its false-alarm rate: 5 %, or with fewer than 19
        patients 1 in n + 1 (hierarchical conformal prediction, see
        `livergrade.evaluation.conformal.threshold`). Without a validation split all are null, with the
        ``reason``.
    """
    if not scores:
        why = "the split has no validation patients to fit the limit on; set split.val_fraction"
        return {"scores": None, "limit": None, "alarm": None, "reason": why}
    alarm = max(ALARM, 1 / (len(scores) + 1))
    ascending = sorted(np.sort(distances).tolist() for distances in scores)
    return {"scores": ascending, "limit": threshold(ascending, 1 - alarm), "alarm": alarm}


def write_appearance(
    out: Path, split: pd.DataFrame, read_crops: ReadCrops, *, seed: int, reference: Appearance | None = None
) -> None:
    """Write the OOD reference ``appearance.json`` and the distance of each image, ``appearance.csv``.

    Args:
        out: the run's folder.
        split: the images in the cohort's order, with the column ``split``.
        read_crops: decodes rows of the cohort as center crops, ``uint8 [rows, S, S, 3]``.
        seed: seed of the sample of training images, if there are more than `MAX_TRAINING_IMAGES`.
        reference: reference of the run whose network grades another cohort; fitted here if None.
    """
    drawn = {name: np.flatnonzero(split["split"] == name) for name in ("train", "val", "test")}
    if reference:
        drawn = {"test": drawn["test"]}
    elif len(drawn["train"]) > MAX_TRAINING_IMAGES:
        rng = np.random.default_rng(seed)
        drawn["train"] = np.sort(rng.choice(drawn["train"], MAX_TRAINING_IMAGES, replace=False))
    features = {name: _measure(read_crops, rows) for name, rows in drawn.items()}
    fitted = reference or fit_reference(features["train"])
    table = pd.concat(
        split.iloc[rows][["image", "patient", "split"]].assign(distance=distances(features[name], fitted))
        for name, rows in drawn.items()
    )
    if not reference:
        val = table[table["split"] == "val"].groupby("patient")["distance"]
        reference = {**fitted, **fit_threshold([patient.tolist() for _, patient in val])}
    write_json(reference, out / "appearance.json")
    write_table(table, out / "appearance.csv", "%.6g")


def read_appearance(path: Path) -> Appearance | None:
    """Read a run's ``appearance.json``; None if the run was made by a version that did not write it.

    Raises:
        UserError: the file is damaged.
    """
    if not os.path.lexists(path):
        return None
    reference = read_json(path, Appearance, limit=RESULTS)
    in_file(path, _reference_problems(reference))
    return reference


def _reference_problems(reference: Appearance) -> list[str]:
    problems = []
    numbers = [*reference["centre"], *itertools.chain(*reference["whitening"])]
    if [len(row) for row in (reference["centre"], *reference["whitening"])] != [FEATURES] * (FEATURES + 1):
        problems.append(f"centre, whitening: are not {FEATURES} numbers, and {FEATURES} rows of {FEATURES}")
    if any(abs(number) > _LARGEST for number in numbers):
        problems.append(f"centre, whitening: a number is beyond {_LARGEST:g}")
    if reference["images"] < 1:
        problems.append(f"images: {reference['images']} is not a number of images")
    limits = {"limit": (reference["limit"], _LARGEST), "alarm": (reference["alarm"], 1.0)}
    problems += [
        f"{key}: {value:g} is not from 0 to {most:g}"
        for key, (value, most) in limits.items()
        if value is not None and not 0 <= value <= most
    ]
    scores = reference["scores"] or []
    if not all(scores) or not all(0 <= score <= _LARGEST for score in itertools.chain(*scores)):
        problems.append("scores: each patient needs distances, which are not negative")
    return problems


def read_distances(path: Path) -> pd.DataFrame:
    """Read a run's ``appearance.csv``: ``image``, ``patient``, ``split`` and ``distance``.

    Raises:
        UserError: the file is missing or damaged.
    """
    columns = ("image", "patient", "split", "distance")
    return read_run_table(
        path,
        needed=columns,
        numbers=("distance",),
        dtype={name: np.float64 if name == "distance" else str for name in columns},
        fix="train the run again",
    )


def _measure(read_crops: ReadCrops, rows: npt.NDArray[np.int64]) -> Floats:
    parts = [rows[first : first + _BATCH] for first in range(0, len(rows), _BATCH)]
    with reading_threads() as pool:
        return np.concatenate([np.empty((0, 7)), *pool.map(lambda part: appearance(read_crops(part)), parts)])


BINS = 30


def ood_estimates(
    measured: pd.DataFrame, reference: Appearance, image: Level, jackknife: Jackknife
) -> OodEstimates:
    """Distances of the images of each split, and the share of test images beyond the OOD threshold.

    Args:
        measured: a run's ``appearance.csv``: ``image``, ``patient``, ``split``, ``distance``.
        reference: its ``appearance.json``.
        image: the test images at image level, from `livergrade.evaluation.levels.aggregate`.
        jackknife: the test patients.
    """
    edges = np.geomspace(max(measured["distance"].min(), 1e-3), measured["distance"].max() * 1.001, BINS + 1)
    sides: dict[str, SplitDistances] = {}
    histogram: dict[str, list[float]] = {"edges": edges.tolist()}
    for name, distance in measured.groupby("split")["distance"]:
        low, median, high = np.quantile(distance, (0.05, 0.5, 0.95))
        sides[str(name)] = {"images": len(distance), "low": low, "median": median, "high": high}
        histogram[str(name)] = np.histogram(distance, edges)[0].tolist()
    limit, alarm = reference["limit"], reference["alarm"]
    if "reason" in reference:  # there is no limit
        reason = reference["reason"]
        return {"limit": limit, "alarm": alarm, "sides": sides, "reason": reason, "histogram": histogram}
    result: OodEstimates = {"limit": limit, "alarm": alarm, "sides": sides, "histogram": histogram}
    if limit is None:
        return result
    test_distance = measured[measured["split"] == "test"].set_index("image")["distance"]
    beyond = test_distance.reindex(image.names).to_numpy(np.float64) > limit
    correct = image.predicted == image.truth

    def share(values: npt.NDArray[Any], among: npt.NDArray[np.bool_]) -> Estimate:
        numerator, denominator = (np.bincount(image.patient, weights) for weights in (values * among, among))
        if not among.any():
            return undefined(0, "there are no such images")
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = (jackknife.multiplicities @ numerator) / (jackknife.multiplicities @ denominator)
        return estimate(shares, int(among.sum()), jackknife, patients=denominator > 0, share=True)

    result["unlike"] = share(beyond, np.ones(len(beyond), bool))
    result["within"] = share(correct, ~beyond)
    result["beyond"] = share(correct, beyond)
    return result
