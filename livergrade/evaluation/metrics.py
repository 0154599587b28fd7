"""Figures of merit from predicted probabilities: pure functions, under any weighting of the patients.

A patient's views and images resemble one another, so they are not independent observations: every function
takes how often each patient counts, and resampling patients is one call.

Shapes: N rows of a level, P patients, K grades (ordered worst to best), B resamples.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from livergrade.evaluation.arrays import Floats
from livergrade.evaluation.levels import Level

_CELLS = 4_000_000  # of an array of resamples by rows, at once: 32 MB


def count_metrics(confusion: npt.ArrayLike) -> dict[str, Floats]:
    """Every figure that follows from a confusion matrix, for any number of matrices at once.

    Quadratic-weighted kappa is Cohen's (Psychol. Bull. 70, 1968) with weights (i - j)²; balanced accuracy and
    macro F1 are means over the grades for which recall and F1 are defined, as scikit-learn takes them;
    Matthews' correlation is Gorodkin's for several classes (Comput. Biol. Chem. 28, 2004).

    Args:
        confusion: Counts or weights, rows are the truth, [..., K, K], grades worst to best.

    Returns:
        Arrays [...] for the overall figures and [..., K] for ``precision``, ``recall``, ``f1``,
        ``specificity``; NaN where a figure is undefined. ``mean_absolute_error`` is in grades.
    """
    counts = np.asarray(confusion, np.float64)
    grades = np.arange(counts.shape[-1])
    distance = np.abs(grades[:, None] - grades)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    true, called, total = counts.sum(-1), counts.sum(-2), counts.sum((-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = hits / true
        f1 = 2 * hits / (true + called)
        by_chance = (true[..., :, None] * called[..., None, :] * distance**2).sum((-2, -1)) / total
        return {
            "precision": hits / called,
            "recall": recall,
            "f1": f1,
            "specificity": (total[..., None] - true - called + hits) / (total[..., None] - true),
            "accuracy": hits.sum(-1) / total,
            "balanced_accuracy": mean_of_defined(recall),
            "macro_f1": mean_of_defined(f1),
            "mcc": (hits.sum(-1) * total - (true * called).sum(-1))
            / np.sqrt((total**2 - (true**2).sum(-1)) * (total**2 - (called**2).sum(-1))),
            "quadratic_kappa": 1 - (counts * distance**2).sum((-2, -1)) / by_chance,
            "mean_absolute_error": (counts * distance).sum((-2, -1)) / total,
            "two_grade_error_rate": (counts * (distance >= 2)).sum((-2, -1)) / total
            if len(grades) > 2
            else np.full(total.shape, np.nan),
        }


def mean_of_defined(values: Floats) -> Floats:
    """Mean over the last axis of the values that are no NaN; NaN where all are."""
    defined = ~np.isnan(values)
    return np.asarray(np.where(defined, values, 0).sum(-1) / defined.sum(-1), np.float64)


def patient_counts(level: Level) -> Floats:
    """Confusion matrix of every patient's rows, float64 [P, K, K]: they add up to that of any resample."""
    counts = np.zeros((level.patient.max() + 1, *[level.scores.shape[1]] * 2))
    np.add.at(counts, (level.patient, level.truth, level.predicted), 1)
    return counts


def auroc(level: Level, multiplicities: npt.ArrayLike) -> Floats:
    """One-vs-rest area under the ROC curve, with every patient's rows weighted.

    The area is the share of (positive, negative) pairs ranked rightly, ties counting half (Hanley & McNeil,
    Radiology 143, 1982). Pairs are counted once for each two patients; a weighting is then a quadratic form
    in those counts, so resamples cost one matrix product and no sorting.

    Args:
        level: N rows.
        multiplicities: How often each patient is drawn, [B, P].

    Returns:
        Float64 [B, K]; NaN where a grade has no positive or no negative row.
    """
    drawn = np.asarray(multiplicities, np.float64)
    patients = drawn.shape[1]
    areas = np.empty((len(drawn), level.scores.shape[1]))
    for k in range(areas.shape[1]):
        score, positive = level.scores[:, k], level.truth == k
        owner, other = level.patient[positive], level.patient[~positive]
        order = np.lexsort((score[~positive], other))
        negatives = np.split(score[~positive][order], np.searchsorted(other[order], np.arange(1, patients)))
        wins = np.stack(
            [
                np.bincount(owner, np.searchsorted(ranked, score[positive], "left"), patients)
                + np.bincount(owner, np.searchsorted(ranked, score[positive], "right"), patients)
                for ranked in negatives
            ],
            axis=1,
        )  # [P, P]: twice the pairs that the row's patient wins against the column's
        pairs = (drawn @ np.bincount(owner, minlength=patients)) * (
            drawn @ np.bincount(other, minlength=patients)
        )
        with np.errstate(invalid="ignore"):
            areas[:, k] = ((drawn @ wins) * drawn).sum(1) / (2 * pairs)
    return areas


def average_precision(level: Level, multiplicities: npt.ArrayLike) -> Floats:
    """One-vs-rest average precision, with every patient's rows weighted.

    The mean, over the rows of a grade, of the precision at the row's score: steps without interpolation, rows
    of one score taken together, as scikit-learn has it. Rows are sorted once, whatever the weighting.

    Args:
        level: N rows.
        multiplicities: How often each patient is drawn, [B, P].

    Returns:
        Float64 [B, K]; NaN where a grade has no row.
    """
    drawn = np.asarray(multiplicities, np.float64)
    areas = np.empty((len(drawn), level.scores.shape[1]))
    at_once = max(1, _CELLS // len(level.truth))
    for k in range(areas.shape[1]):
        order = np.argsort(-level.scores[:, k], kind="stable")
        score = level.scores[order, k]
        last = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)  # of each run of equal scores
        owner, positive = level.patient[order], (level.truth[order] == k).astype(np.float64)
        for start in range(0, len(drawn), at_once):
            rows = drawn[start : start + at_once, owner]
            called = np.cumsum(rows, 1)[:, last]
            found = np.cumsum(rows * positive, 1)[:, last]
            with np.errstate(invalid="ignore", divide="ignore"):
                precision = np.where(called > 0, found / called, 0)
                gained = np.diff(found, axis=1, prepend=0)
                areas[start : start + at_once, k] = (gained * precision).sum(1) / found[:, -1]
    return areas


def roc_points(positive: npt.NDArray[np.bool_], score: Floats) -> tuple[Floats, Floats]:
    """Corners of the ROC curve, one for each distinct score.

    Args:
        positive: Whether each row is of the grade, bool [N]; needs rows of both kinds.
        score: Probability of the grade, float64 [N].

    Returns:
        1 - specificity and sensitivity, rising from 0 to 1, both [T + 1] for T distinct scores.
    """
    order = np.argsort(-score, kind="stable")
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)  # of each run of equal scores
    found = np.append(0, np.cumsum(positive[order])[last])
    called = np.append(0, last + 1)
    return (called - found) / (~positive).sum(), found / positive.sum()
