"""Metrics of predicted probabilities: pure functions, under any weighting of the patients.

Views and images of one patient are correlated, not independent observations. Every function therefore takes a
weight per patient, and resampling patients is one call.

Shapes: N rows of a level, P patients, K grades (ordered worst to best), B resamples.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.levels import Level

_CHUNK_CELLS = 4_000_000  # most cells of a resamples × rows array held at once: 32 MB


def count_metrics(confusion: npt.ArrayLike) -> dict[str, Floats]:
    """All metrics of a confusion matrix, for any number of matrices at once.

    Quadratic-weighted kappa is Cohen's (Psychol. Bull. 70, 1968) with weights (i - j)², undefined where all
    rows are truly of one grade: its 0 would then tell nothing of the predictions. Balanced accuracy and
    macro F1 are means over the grades for which recall and F1 are defined, as in scikit-learn;
    Matthews' correlation is Gorodkin's multi-class form (Comput. Biol. Chem. 28, 2004).

    Args:
        confusion: Counts or weights, rows are the true grades, [..., K, K], grades worst to best.

    Returns:
        Arrays [...] for the overall metrics and [..., K] for ``precision``, ``recall``, ``f1``,
        ``specificity``; NaN where a metric is undefined. ``mean_absolute_error`` is in grades.
    """
    counts = np.asarray(confusion, np.float64)
    grades = np.arange(counts.shape[-1])
    distance = np.abs(grades[:, None] - grades)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    true, predicted, total = counts.sum(-1), counts.sum(-2), counts.sum((-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = hits / true
        f1 = 2 * hits / (true + predicted)
        by_chance = (true[..., :, None] * predicted[..., None, :] * distance**2).sum((-2, -1)) / total
        return {
            "precision": hits / predicted,
            "recall": recall,
            "f1": f1,
            "specificity": (total[..., None] - true - predicted + hits) / (total[..., None] - true),
            "accuracy": hits.sum(-1) / total,
            "balanced_accuracy": mean_of_defined(recall),
            "macro_f1": mean_of_defined(f1),
            "mcc": (hits.sum(-1) * total - (true * predicted).sum(-1))
            / np.sqrt((total**2 - (true**2).sum(-1)) * (total**2 - (predicted**2).sum(-1))),
            "quadratic_kappa": np.where(
                (true > 0).sum(-1) > 1, 1 - (counts * distance**2).sum((-2, -1)) / by_chance, np.nan
            ),
            "mean_absolute_error": (counts * distance).sum((-2, -1)) / total,
            "two_grade_error_rate": (counts * (distance >= 2)).sum((-2, -1)) / total
            if len(grades) > 2
            else np.full(total.shape, np.nan),
        }


def mean_of_defined(values: Floats) -> Floats:
    """Mean over the last axis, ignoring NaN; NaN where all values are NaN."""
    defined = ~np.isnan(values)
    return np.asarray(np.where(defined, values, 0).sum(-1) / defined.sum(-1), np.float64)


def patient_counts(level: Level) -> Floats:
    """Confusion matrix of each patient's rows, float64 [P, K, K]; resamples are weighted sums of them."""
    counts = np.zeros((level.patient.max() + 1, *[level.scores.shape[1]] * 2))
    np.add.at(counts, (level.patient, level.truth, level.predicted), 1)
    return counts


def auroc(level: Level, multiplicities: npt.ArrayLike) -> Floats:
    """One-vs-rest area under the ROC curve, with weighted patients.

    The area is the proportion of (positive, negative) pairs ranked correctly, ties counting half (Hanley &
    McNeil, Radiology 143, 1982). Pairs are counted once per pair of patients. The area under a weighting is
    a quadratic form in those counts, so resamples cost one matrix product and no sorting.

    Args:
        level: Predictions, N rows.
        multiplicities: How often each patient is drawn, [B, P].

    Returns:
        Float64 [B, K]; NaN where a grade has no positive or no negative row.
    """
    drawn = np.asarray(multiplicities, np.float64)
    patients = drawn.shape[1]
    areas = np.empty((len(drawn), level.scores.shape[1]))
    for k in range(areas.shape[1]):
        score, positive = level.scores[:, k], level.truth == k
        positive_patient, negative_patient = level.patient[positive], level.patient[~positive]
        order = np.lexsort((score[~positive], negative_patient))
        bounds = np.searchsorted(negative_patient[order], np.arange(1, patients))
        negatives = np.split(score[~positive][order], bounds)
        wins = np.stack(
            [
                np.bincount(positive_patient, np.searchsorted(ranked, score[positive], "left"), patients)
                + np.bincount(positive_patient, np.searchsorted(ranked, score[positive], "right"), patients)
                for ranked in negatives
            ],
            axis=1,
        )  # [P, P]: 2 × pairs that positives of the row patient win against negatives of the column patient
        pairs = (drawn @ np.bincount(positive_patient, minlength=patients)) * (
            drawn @ np.bincount(negative_patient, minlength=patients)
        )
        with np.errstate(invalid="ignore"):
            areas[:, k] = ((drawn @ wins) * drawn).sum(1) / (2 * pairs)
    return areas


def average_precision(level: Level, multiplicities: npt.ArrayLike) -> Floats:
    """One-vs-rest average precision, with weighted patients.

    The mean, over the rows of a grade, of the precision at the row's score: step function without
    interpolation, rows with equal scores taken together, as in scikit-learn. Rows are sorted once for all
    weightings.

    Args:
        level: Predictions, N rows.
        multiplicities: How often each patient is drawn, [B, P].

    Returns:
        Float64 [B, K]; NaN where a grade has no positive or no negative row.
    """
    drawn = np.asarray(multiplicities, np.float64)
    areas = np.empty((len(drawn), level.scores.shape[1]))
    chunk = max(1, _CHUNK_CELLS // len(level.truth))
    for k in range(areas.shape[1]):
        order = np.argsort(-level.scores[:, k], kind="stable")
        score = level.scores[order, k]
        last = np.append(
            np.flatnonzero(np.diff(score)), len(score) - 1
        )  # last row of each group of equal scores
        patient, positive = level.patient[order], (level.truth[order] == k).astype(np.float64)
        for start in range(0, len(drawn), chunk):
            rows = drawn[start : start + chunk, patient]
            predicted = np.cumsum(rows, 1)[:, last]
            true_positives = np.cumsum(rows * positive, 1)[:, last]
            with np.errstate(invalid="ignore", divide="ignore"):
                precision = np.where(predicted > 0, true_positives / predicted, 0)
                new_positives = np.diff(true_positives, axis=1, prepend=0)
                area = (new_positives * precision).sum(1) / true_positives[:, -1]
            negatives = predicted[:, -1] > true_positives[:, -1]  # without any, each order gives a 1
            areas[start : start + chunk, k] = np.where(negatives, area, np.nan)
    return areas


def roc_points(positive: npt.NDArray[np.bool_], score: Floats) -> tuple[Floats, Floats]:
    """Points of the ROC curve, one for each distinct score.

    Args:
        positive: Whether each row has the grade, bool [N]; needs positive and negative rows.
        score: Probability of the grade, float64 [N].

    Returns:
        1 - specificity and sensitivity, rising from 0 to 1, both [T + 1] for T distinct scores.
    """
    order = np.argsort(-score, kind="stable")
    last = np.append(
        np.flatnonzero(np.diff(score[order])), len(score) - 1
    )  # last row of each group of equal scores
    true_positives = np.append(0, np.cumsum(positive[order])[last])
    predicted = np.append(0, last + 1)
    return (predicted - true_positives) / (~positive).sum(), true_positives / positive.sum()
