"""What several networks of one cross-validation, or of several seeds, say of patients that they never saw.

Every patient has such out-of-fold predictions. Fitted on those of all patients, the calibration, the
conformal scores and the OOD threshold of an ensemble rest on the whole cohort and not on a few patients who
were set aside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.conformal import ConformalScores, threshold, true_scores
from livergrade.evaluation.levels import REPORTED_LEVELS, Level, aggregate
from livergrade.evaluation.ood import Appearance, Reference, fit_threshold
from livergrade.evaluation.predictions import class_names
from livergrade.evaluation.scale import FACTOR, Scale
from livergrade.evaluation.temperature import LOWEST, at_temperature, fit_temperature


def out_of_fold(tables: Sequence[pd.DataFrame], parts: Sequence[str]) -> pd.DataFrame:
    """The mean prediction of each view over the members that never trained on its patient.

    Args:
        tables: checked predictions of each member, all of one cohort and the same grades and angles.
        parts: parts of the split that count: ``test``, or ``test`` and ``val``.

    Returns:
        One row per view, sorted by image and angle; ``split`` is the first of its ``parts``.
    """
    rows = pd.concat([table[table["split"].isin(parts)] for table in tables], ignore_index=True)
    classes = class_names(tables[0])
    columns = [f"p_{grade}" for grade in classes]
    mean = rows.groupby(["image", "angle"], sort=True)[columns].mean().to_numpy(np.float64)
    mean /= mean.sum(1, keepdims=True)
    # What is said of an image besides its probabilities is the same in every member.
    rows = rows.sort_values(["image", "angle"], kind="stable")
    joined = rows.drop_duplicates(["image", "angle"]).reset_index(drop=True)
    joined[columns] = mean
    return joined.assign(split=parts[0], predicted=np.array(classes)[mean.argmax(1)])


def ensemble_temperature(one: float, two: float, folds: int) -> float:
    """The temperature of the mean of all members of a cross-validation, of which no patient is unseen by all.

    A mean over more members is milder and needs less: log T falls with the number of members M as a + b / M,
    as far as the mean over those that tested a patient, and over those that also validated them, show it.

    Args:
        one: temperature of the members that tested each patient.
        two: temperature of the mean of these and of as many that validated them.
        folds: number of folds; each has as many members.

    Returns:
        Not above ``two``: a rise is noise. Within the range of temperatures that are tried.
    """
    log_all = np.log(one) - 2 * (np.log(one) - np.log(two)) * (1 - 1 / folds)
    return float(np.clip(np.exp(log_all), LOWEST, two))


def pooled_reference(references: Sequence[Reference], images: int) -> Reference:
    """The OOD reference of an ensemble: mean centre and mean covariance of its members' references.

    Members of one split have the same reference, which stays what it is.

    Args:
        references: of each member.
        images: number of different images that the members trained on.
    """
    centres = np.array([reference["centre"] for reference in references])
    whitenings = [np.array(reference["whitening"]) for reference in references]
    if all(np.array_equal(whitenings[0], other) for other in whitenings):
        whitening = whitenings[0]
    else:
        covariance = np.mean([np.linalg.inv(one.T @ one) for one in whitenings], axis=0)
        whitening = np.linalg.cholesky(np.linalg.inv(covariance)).T
    return {"centre": centres.mean(0).tolist(), "whitening": whitening.tolist(), "images": images}


def cross_fitted_appearance(
    references: Sequence[Appearance], measured: Sequence[pd.DataFrame], images: int
) -> Appearance:
    """The OOD reference of an ensemble, with a threshold that is fitted on every patient.

    Args:
        references: ``appearance.json`` of each member.
        measured: ``appearance.csv`` of each member: ``image``, ``patient``, ``split``, ``distance``.
        images: number of different images that the members trained on.

    Returns:
        The pooled reference; its threshold is that of the distances of images from the training images of
        members that never trained on their patient.
    """
    unseen = pd.concat([table[table["split"] != "train"] for table in measured])
    by_image = unseen.groupby(["patient", "image"])["distance"].mean()
    scores = [distances.tolist() for _, distances in by_image.groupby("patient")]
    return {**pooled_reference(references, images), **fit_threshold(scores)}


def pooled_scale(scales: Sequence[Scale | None], images: int) -> Scale | None:
    """The scale of an ensemble's training images; None if no member's is known.

    Args:
        scales: of each member, of one scale, see `scales_differ`.
        images: number of different images that the members trained on.
    """
    known = [scale for scale in scales if scale]
    if not known:
        return None
    median = float(np.median([scale["median"] for scale in known]))
    return {
        "images": images,
        "low": min(scale["low"] for scale in known),
        "median": median,
        "high": max(scale["high"] for scale in known),
        "network_um": known[0]["network_um"] * median / known[0]["median"],
    }


def scales_differ(scales: Sequence[Scale | None]) -> bool:
    """Whether the scale of some is known and not of others, or they show much more or less tissue."""
    medians: Floats = np.array([scale["median"] if scale else np.nan for scale in scales])
    if np.isnan(medians).all():
        return False
    return bool(np.isnan(medians).any() or medians.max() > FACTOR * medians.min())


def answered_by_other_folds(
    test: pd.DataFrame, scores: ConformalScores | None, coverage: float
) -> tuple[dict[str, Level], dict[str, Level]]:
    """The patients of each fold, calibrated and given sets by what the other folds' patients fit.

    Args:
        test: checked out-of-fold predictions with the column ``fold``, one row per view.
        scores: conformal scores of all patients; None: there are no sets.
        coverage: required coverage of the sets.

    Returns:
        The levels at the temperature of the other folds; and the same levels for
        `livergrade.evaluation.conformal.sets` at the threshold of ``scores``: their scores are moved so that
        each set is the one that the other folds' threshold gives.
    """
    folds = test["fold"].unique()
    fitted = {fold: _fitted(test[test["fold"] != fold]) for fold in folds}
    calibrated = aggregate(
        pd.concat([at_temperature(test[test["fold"] == fold], fitted[fold][0]) for fold in folds])
    )
    if scores is None:
        return calibrated, calibrated
    patient_fold = test.drop_duplicates("patient").set_index("patient")["fold"]
    in_order = patient_fold.reindex(calibrated["patient"].names).tolist()
    moved = dict(calibrated)
    for name in REPORTED_LEVELS:
        common = threshold(scores[name], coverage)
        limits = {fold: threshold(own[name], coverage) for fold, (_, own) in fitted.items()}
        # A constant for all grades moves their nonconformity by as much, and not their order.
        moves = {fold: 0.0 if math.isinf(common) else limit - common for fold, limit in limits.items()}
        level = calibrated[name]
        of_patient = np.array([moves[fold] for fold in in_order])
        moved[name] = replace(level, scores=level.scores + of_patient[level.patient][:, None])
    return calibrated, moved


def _fitted(views: pd.DataFrame) -> tuple[float, ConformalScores]:
    """The temperature of some patients, 1 if none can be fitted, and their conformal scores at it."""
    temperature = fit_temperature(views)["temperature"] or 1.0
    return temperature, true_scores(aggregate(at_temperature(views, temperature)))
