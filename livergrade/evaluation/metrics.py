"""Figures of merit from ``predictions.csv``: by view, image and patient, each with an interval over patients.

Everything here is a pure function of the predicted probabilities. A patient's views and images resemble one
another, so they are not independent observations: intervals come from a bootstrap that draws whole patients,
and a share of patients gets Wilson's interval. What cannot be known is null and says why, never 0 or 1.

Shapes: N rows of a level, P patients, K grades (ordered worst to best), B resamples.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from livergrade.errors import UserError
from livergrade.evaluation.calibration import calibration_metrics, patient_sums, reliability
from livergrade.io.files import written_whole

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CONFIDENCE = 0.95
LEVELS = ("view", "image", "patient")
OVERALL = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "macro_auroc",
    "macro_average_precision",
    "mcc",
    "quadratic_kappa",
    "mean_absolute_error",
    "two_grade_error_rate",
    "brier",
    "log_loss",
    "ece",
)
PER_CLASS = ("precision", "recall", "f1", "specificity", "auroc", "average_precision")
SHARES = ("accuracy", "two_grade_error_rate", "precision", "recall", "specificity")

_SUM_TOLERANCE = 1e-3
_CELLS = 4_000_000  # of an array of resamples by rows, at once: 32 MB
_COLUMNS = ("image", "patient", "split", "angle", "grade", "predicted")
_UNDEFINED = {
    "precision": "no test {level} was predicted {grade}",
    "recall": "no test {level} is {grade}",
    "f1": "no test {level} is {grade} or was predicted {grade}",
    "specificity": "every test {level} is {grade}",
    "auroc": "needs test {level}s that are {grade} and test {level}s that are not",
    "average_precision": "no test {level} is {grade}",
    "macro_auroc": "needs test {level}s of at least two grades",
    "mcc": "truth or prediction holds one single grade",
    "quadratic_kappa": "truth and prediction hold one single grade",
    "two_grade_error_rate": "needs at least three grades",
}


# ── predictions ──────────────────────────────────────────────────────────────────────────────────────────


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Read and check a ``predictions.csv``.

    Args:
        path: The file; UTF-8, with or without a byte-order mark.

    Returns:
        One row a view. Text columns are kept as written (a patient ``007`` stays ``007``, a grade ``None`` is
        a name); ``angle`` and the ``p_<class>`` columns are float64.

    Raises:
        UserError: If the file cannot be read, or for anything `validate` finds, naming the file's rows.
    """
    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # pandas' parser errors and bad encodings are ValueErrors
        raise UserError(f"{path}: cannot be read as a CSV table ({error})") from error
    for column in [name for name in frame.columns if name == "angle" or name in _probability_columns(frame)]:
        try:
            frame[column] = frame[column].astype(np.float64)  # parses as Python does: exact to the last bit
        except ValueError:
            frame[column] = pd.to_numeric(frame[column], errors="coerce")
    validate(frame, source=str(path))
    return frame


def validate(predictions: pd.DataFrame, *, source: str = "predictions") -> None:
    """Check a table of predictions against its contract, reporting everything that is wrong at once.

    Args:
        predictions: One row a view: ``image, patient, split, angle, grade, predicted, p_<class>...``.
        source: What to call the table in the message; a file's name.

    Raises:
        UserError: For a missing column, an empty table, an unknown grade, a probability that is no number or
            outside 0..1, probabilities that do not sum to 1 within 1e-3, a predicted grade that is not the
            most probable one, a view given twice, or an image with two patients, grades or splits. Rows are
            counted as in the file: the header is row 1.
    """
    missing = [name for name in _COLUMNS if name not in predictions.columns]
    columns = _probability_columns(predictions)
    if missing or len(columns) < 2:
        lacks = missing + ["two or more p_<class> directly after 'predicted'"] * (len(columns) < 2)
        found = ", ".join(map(str, predictions.columns))
        raise UserError(f"{source}: missing column(s): {', '.join(lacks)}. Found: {found}")
    if predictions.empty:
        raise UserError(f"{source}: holds no rows")
    classes = class_names(predictions)
    scores = predictions[columns].to_numpy(np.float64)
    peak, total = scores.max(1), scores.sum(1)
    called = _grade_indices(predictions["predicted"], classes)
    numbers = ~np.isnan(scores).any(1)
    images = predictions.groupby("image", sort=False)
    faults = {
        f"grade is none of {', '.join(classes)}": ~predictions["grade"].isin(classes).to_numpy(),
        f"predicted is none of {', '.join(classes)}": called < 0,
        "a probability is not a number": ~numbers,
        "a probability is outside 0..1": numbers
        & ((scores.min(1) < -_SUM_TOLERANCE) | (peak > 1 + _SUM_TOLERANCE)),
        "the probabilities do not sum to 1": numbers & (np.abs(total - 1) > _SUM_TOLERANCE),
        "predicted is not the most probable grade": numbers
        & (called >= 0)
        & (scores[np.arange(len(scores)), called] < peak - _SUM_TOLERANCE),
        "the view (image and angle) is given twice": predictions.duplicated(["image", "angle"]).to_numpy(),
    } | {
        f"the image has more than one {name}": images[name].transform("nunique").to_numpy() > 1
        for name in ("patient", "grade", "split")
    }
    wrong = [f"row {_first(np.flatnonzero(bad) + 2)}: {fault}" for fault, bad in faults.items() if bad.any()]
    if wrong:
        raise UserError(
            f"{source}: {'; '.join(wrong)}. Write the predictions again from the run's checkpoint."
        )


def _first(rows: npt.NDArray[np.integer[Any]], most: int = 5) -> str:
    return ", ".join(map(str, rows[:most])) + (f" and {len(rows) - most} more" if len(rows) > most else "")


def class_names(predictions: pd.DataFrame) -> list[str]:
    """Grades in order, worst to best, as the ``p_<class>`` columns stand after ``predicted``."""
    return [column.removeprefix("p_") for column in _probability_columns(predictions)]


def carried_columns(predictions: pd.DataFrame) -> list[str]:
    """The manifest's other columns, which stand behind the probabilities."""
    names = list(predictions.columns)
    return names[names.index(f"p_{class_names(predictions)[-1]}") + 1 :]


def _grade_indices(names: pd.Series[str], classes: list[str]) -> Ints:
    return np.asarray(pd.Index(classes).get_indexer(pd.Index(names)), np.int64)


def _probability_columns(frame: pd.DataFrame) -> list[str]:
    """The unbroken run of ``p_`` columns after ``predicted``: a carried column may begin with ``p_`` too."""
    names = [str(name) for name in frame.columns]
    after = names[names.index("predicted") + 1 :] if "predicted" in names else []
    end = next((i for i, name in enumerate(after) if not name.startswith("p_")), len(after))
    return after[:end]


# ── levels ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Level:
    """Predictions gathered at one level.

    Attributes:
        names: Image path (view and image level) or patient of each row, length N.
        truth: True grade index, int64 [N].
        scores: Probability of each grade, float64 [N, K].
        patient: Index into the sorted patients, int64 [N].
    """

    names: list[str]
    truth: Ints
    scores: Floats
    patient: Ints

    @property
    def predicted(self) -> Ints:
        """Most probable grade of each row, int64 [N]; a tie goes to the worse grade."""
        return np.asarray(self.scores.argmax(1), np.int64)


def patient_grades(patient: Ints, grade: Ints, classes: int) -> Ints:
    """Grade of each patient: the most frequent one among the images, ties to the worse.

    Args:
        patient: Patient index of each image, int64 [N], every index below its maximum used.
        grade: Grade index of each image, worst to best, int64 [N].
        classes: K.

    Returns:
        Grade index of each patient, int64 [P].
    """
    counts = np.zeros((patient.max() + 1, classes), np.int64)
    np.add.at(counts, (patient, grade), 1)
    return np.asarray(counts.argmax(1), np.int64)


def gather(views: pd.DataFrame) -> dict[str, Level]:
    """Gather views into images and images into patients by the mean of their probabilities.

    A patient's probability is the mean over the images' means, so that an image counts once however many of
    its views were scored.

    Args:
        views: Rows of one split of a checked table of predictions.

    Returns:
        ``{"view": ..., "image": ..., "patient": ...}``; rows of the last two are sorted by name.
    """
    classes = class_names(views)
    image, images = pd.factorize(views["image"], sort=True)
    patient, patients = pd.factorize(views["patient"], sort=True)
    truth = _grade_indices(views["grade"], classes)
    scores = views[_probability_columns(views)].to_numpy(np.float64)

    image_truth, image_patient = np.empty((2, len(images)), np.int64)
    image_truth[image], image_patient[image] = truth, patient
    image_scores = _mean_by(image, scores)
    return {
        "view": Level(views["image"].tolist(), truth, scores, patient.astype(np.int64)),
        "image": Level(list(images), image_truth, image_scores, image_patient),
        "patient": Level(
            list(patients),
            patient_grades(image_patient, image_truth, len(classes)),
            _mean_by(image_patient, image_scores),
            np.arange(len(patients)),
        ),
    }


def _mean_by(group: npt.NDArray[np.integer[Any]], rows: Floats) -> Floats:
    sums = np.zeros((group.max() + 1, rows.shape[1]))
    np.add.at(sums, group, rows)
    return sums / np.bincount(group)[:, None]


# ── figures of merit ─────────────────────────────────────────────────────────────────────────────────────


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
            "balanced_accuracy": _mean_of_defined(recall),
            "macro_f1": _mean_of_defined(f1),
            "mcc": (hits.sum(-1) * total - (true * called).sum(-1))
            / np.sqrt((total**2 - (true**2).sum(-1)) * (total**2 - (called**2).sum(-1))),
            "quadratic_kappa": 1 - (counts * distance**2).sum((-2, -1)) / by_chance,
            "mean_absolute_error": (counts * distance).sum((-2, -1)) / total,
            "two_grade_error_rate": (counts * (distance >= 2)).sum((-2, -1)) / total
            if len(grades) > 2
            else np.full(total.shape, np.nan),
        }


def _mean_of_defined(values: Floats) -> Floats:
    defined = ~np.isnan(values)
    return np.asarray(np.where(defined, values, 0).sum(-1) / defined.sum(-1), np.float64)


def patient_counts(level: Level) -> Floats:
    """Confusion matrix of every patient's rows, float64 [P, K, K]: they add up to that of any resample."""
    counts = np.zeros((level.patient.max() + 1, *[level.scores.shape[1]] * 2))
    np.add.at(counts, (level.patient, level.truth, level.predicted), 1)
    return counts


def auroc(level: Level, weights: npt.ArrayLike) -> Floats:
    """One-vs-rest area under the ROC curve, with every patient's rows weighted.

    The area is the share of (positive, negative) pairs ranked rightly, ties counting half (Hanley & McNeil,
    Radiology 143, 1982). Pairs are counted once for each two patients; a weighting is then a quadratic form
    in those counts, so resamples cost one matrix product and no sorting.

    Args:
        level: N rows.
        weights: How often each patient is drawn, [B, P].

    Returns:
        Float64 [B, K]; NaN where a grade has no positive or no negative row.
    """
    drawn = np.asarray(weights, np.float64)
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


def average_precision(level: Level, weights: npt.ArrayLike) -> Floats:
    """One-vs-rest average precision, with every patient's rows weighted.

    The mean, over the rows of a grade, of the precision at the row's score: steps without interpolation, rows
    of one score taken together, as scikit-learn has it. Rows are sorted once, whatever the weighting.

    Args:
        level: N rows.
        weights: How often each patient is drawn, [B, P].

    Returns:
        Float64 [B, K]; NaN where a grade has no row.
    """
    drawn = np.asarray(weights, np.float64)
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


def weighted_metrics(level: Level, weights: npt.ArrayLike) -> dict[str, Floats]:
    """Every figure of merit of a level under each weighting of its patients.

    Args:
        level: N rows of P patients.
        weights: How often each patient is drawn, [B, P]; a row of ones gives the figures themselves.

    Returns:
        Arrays [B] for the names in `OVERALL` and [B, K] for those in `PER_CLASS`; NaN where undefined.
    """
    drawn = np.asarray(weights, np.float64)
    counts = patient_counts(level)
    areas, precisions = auroc(level, drawn), average_precision(level, drawn)
    with np.errstate(invalid="ignore"):
        macro = {
            "macro_auroc": _mean_of_defined(areas),
            "macro_average_precision": _mean_of_defined(precisions),
        }
    by_class = {"auroc": areas, "average_precision": precisions}
    calibrated = calibration_metrics(patient_sums(level.truth, level.scores, level.patient), drawn)
    return count_metrics(np.tensordot(drawn, counts, 1)) | by_class | macro | calibrated


# ── intervals ────────────────────────────────────────────────────────────────────────────────────────────


def draw_patients(grades: Ints, resamples: int, rng: np.random.Generator) -> Floats:
    """Draw patients with replacement within each grade.

    Args:
        grades: Grade index of each patient, int64 [P].
        resamples: B.
        rng: Source of randomness.

    Returns:
        How often each patient was drawn, float64 [B, P]; a grade keeps its number of patients in every row.
    """
    drawn = np.zeros((resamples, len(grades)))
    for grade in np.unique(grades):
        members = np.flatnonzero(grades == grade)
        drawn[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), resamples)
    return drawn


def wilson(share: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Score interval of a share of n independent trials (Wilson, J. Am. Stat. Assoc. 22, 1927).

    Unlike the bootstrap it keeps a width at a share of 0 or 1, and its coverage holds for few trials.
    """
    z2 = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = (z2 * share * (1 - share) / n + z2**2 / (4 * n**2)) ** 0.5 / (1 + z2 / n)
    return min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half))


def _naive_accuracy(level: Level, resamples: int, rng: np.random.Generator) -> tuple[float, float]:
    """Percentile interval of accuracy if every row were its own patient (rows drawn within each grade)."""
    hit = level.predicted == level.truth
    n = np.bincount(level.truth)
    share = np.bincount(level.truth, hit) / np.maximum(n, 1)
    drawn = rng.binomial(n, share, (resamples, len(n))).sum(1) / len(hit)
    low, high = percentiles(drawn)
    return low, high


def percentiles(values: Floats) -> tuple[float, float]:
    """The ends of the percentile interval of resampled figures."""
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


# ── evaluation ───────────────────────────────────────────────────────────────────────────────────────────


def evaluate(
    predictions: pd.DataFrame, split: pd.DataFrame | None, *, resamples: int = 2000, seed: int = 0
) -> dict[str, Any]:
    """All figures of the test rows, as ``metrics.json`` holds them.

    Args:
        predictions: One row a view, as `read_predictions` gives it; rows of other splits than ``test`` are
            left out.
        split: ``image, patient, grade, split`` and, where known, ``sha256`` of every image of the cohort, or
            None where the training images are unknown.
        resamples: Bootstrap resamples, at least 1.
        seed: Seed of the bootstrap.

    Returns:
        ``{"classes", "split", "counts", "leakage", "how", "view", "image", "patient"}``, plain Python values.
        A level holds the names in `OVERALL`, ``per_class`` (class → the names in `PER_CLASS` and
        ``support``), ``confusion`` (rows are the truth) and ``reliability`` (as
        `livergrade.evaluation.calibration` has it). A figure is ``{value, low, high, n}`` with n the rows in
        its denominator; ``method`` names the interval; ``reason`` says why a value or an interval is null.

    Raises:
        UserError: If the predictions break their contract, hold no test row, or are not of this split.
        ValueError: If ``resamples`` is below 1.
    """
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, got {resamples}")
    validate(predictions)
    test = predictions[predictions["split"] == "test"]
    if test.empty:
        raise UserError("predictions: no row of split 'test' to score; give split.test_fraction more than 0")
    classes = class_names(predictions)
    levels = gather(test)
    grades = levels["patient"].truth
    rng = np.random.default_rng(seed)
    weights = np.vstack([np.ones(len(grades)), draw_patients(grades, resamples, rng)])
    mixed = int((pd.Series(levels["image"].truth).groupby(levels["image"].patient).nunique() > 1).sum())
    return {
        "classes": classes,
        "split": "test",
        "counts": {f"{name}s": len(level.truth) for name, level in levels.items()}
        | {"mixed_grade_patients": mixed},
        "leakage": leakage(split, test),
        "how": _how(mixed, resamples, seed),
    } | {name: _level_figures(name, level, classes, grades, weights, rng) for name, level in levels.items()}


def _level_figures(
    name: str, level: Level, classes: list[str], grades: Ints, weights: Floats, rng: np.random.Generator
) -> dict[str, Any]:
    """Figures of one level; row 0 of the weights is all ones, the others are the resamples."""
    drawn = weighted_metrics(level, weights)
    counts = patient_counts(level)
    true, called = counts.sum(2), counts.sum(1)  # [P, K]
    total = np.repeat(counts.sum((1, 2))[:, None], len(classes), 1)
    denominators = {"precision": called, "recall": true, "specificity": total - true}
    scarce = scarcity(grades, classes)
    empty: dict[str, Any] = dict.fromkeys(("value", "low", "high", "n"))

    def figure(metric: str, k: int | None = None) -> dict[str, Any]:
        values = drawn[metric] if k is None else drawn[metric][:, k]
        denominator = denominators.get(metric, total)[:, k or 0]
        n = int(denominator.sum())
        if np.isnan(values[0]):
            reason = _UNDEFINED[metric].format(level=name, grade=classes[k or 0])
            return empty | {"n": n, "reason": reason}
        few = k is not None and (true[:, k] > 0).sum() < 2
        obstacle = scarce or (f"{classes[k or 0]} has fewer than 2 test patients" if few else "")
        patients = int((denominator > 0).sum()) if metric in SHARES else 0
        bounds = bounds_of(values, patients, name == "patient", obstacle)
        return empty | {"value": float(values[0]), "n": n} | bounds

    overall = {metric: figure(metric) for metric in OVERALL}
    absent = [grade for grade, n in zip(classes, true.sum(0), strict=True) if not n]
    means = ("balanced_accuracy", "macro_f1", "macro_auroc", "macro_average_precision")
    for metric in means if absent else ():
        overall[metric]["note"] = f"mean over the grades that it is defined for; {', '.join(absent)} absent"
    low, high = _naive_accuracy(level, len(weights) - 1, rng)
    overall["accuracy"] |= {"naive_low": low, "naive_high": high}
    support = [int(n) for n in true.sum(0)]
    per_class = {
        grade: {metric: figure(metric, k) for metric in PER_CLASS}
        | {"support": empty | {"value": support[k], "n": support[k]}}
        for k, grade in enumerate(classes)
    }
    return overall | {
        "per_class": per_class,
        "confusion": counts.sum(0).astype(int).tolist(),
        "reliability": reliability(patient_sums(level.truth, level.scores, level.patient)),
    }


def scarcity(grades: Ints, classes: Sequence[str]) -> str:
    """Why patients cannot be resampled within their grades; empty where they can."""
    lone = [
        grade for grade, n in zip(classes, np.bincount(grades, minlength=len(classes)), strict=True) if n == 1
    ]
    return f"one test patient only of {', '.join(lone)}: an interval needs 2 of every grade" if lone else ""


def bounds_of(values: Floats, patients: int, independent: bool, obstacle: str) -> dict[str, Any]:
    """Interval of one figure, or why it has none.

    Args:
        values: The figure, then the figure in each resample, [1 + B].
        patients: Patients in the denominator if the figure is a share, else 0.
        independent: Whether each row is a patient of its own.
        obstacle: Why patients cannot be resampled, if so.

    Returns:
        ``low`` and ``high`` with the ``method``, or null ones with the ``reason``.
    """
    draws = values[1:][~np.isnan(values[1:])]
    flat = not len(draws) or np.ptp(draws) < 1e-12  # the percentiles would be [1, 1], which claims certainty
    if patients >= 2 and (independent or (flat and not obstacle)):
        low, high = wilson(float(values[0]), patients)
        return {"low": low, "high": high, "method": "Wilson, patients"}
    if obstacle or flat:
        reason = obstacle or "all resamples agree, so the bootstrap gives no interval"
        return {"low": None, "high": None, "reason": reason}
    low, high = percentiles(draws)
    undefined = len(values) - 1 - len(draws)
    return {"low": low, "high": high, "method": "bootstrap of patients"} | (
        {"undefined_resamples": undefined} if undefined else {}
    )


def leakage(split: pd.DataFrame | None, test: pd.DataFrame | None = None) -> dict[str, Any]:
    """Whether the test images are of patients (or are images) that training or validation has seen.

    Args:
        split: ``image, patient, split`` and optionally ``sha256`` of every image, or None where unknown.
        test: Scored views; their images must be test images of ``split``.

    Returns:
        ``leaking`` (None where unknown), ``test_images``, ``with_sibling`` (test images of a patient who has
        another image in train or val), ``duplicates`` (test images whose very bytes are in train or val), and
        a ``sentence``.

    Raises:
        UserError: If a scored image is not a test image of this split.
    """
    if split is None:
        unknown = dict.fromkeys(("leaking", "test_images", "with_sibling", "duplicates"))
        return unknown | {"sentence": "The training images are unknown: leakage was not checked."}
    held_out = split[split["split"] == "test"]
    seen = split[split["split"].isin(["train", "val"])]
    scored = pd.Index([] if test is None else test["image"].unique())
    foreign = scored[~scored.isin(held_out["image"])]
    if len(foreign):
        raise UserError(
            f"predictions and split do not belong together: {len(foreign)} scored image(s), the first "
            f"{foreign[0]}, are not test images of the split. Give the split.csv of the same run."
        )
    siblings = held_out["patient"].isin(seen["patient"])
    same = held_out["sha256"].isin(seen["sha256"]) if "sha256" in split else pd.Series(False, held_out.index)
    n, with_sibling, duplicates = len(held_out), int(siblings.sum()), int(same.sum())
    sentence = (
        f"{with_sibling} of {n} test images share a patient with training or validation"
        + (f", {duplicates} are there byte for byte" if duplicates else "")
        + ": these figures do not hold for new patients."
        if with_sibling or duplicates
        else "No test patient has an image in training or validation."
    )
    found = {"test_images": n, "with_sibling": with_sibling, "duplicates": duplicates, "sentence": sentence}
    return {"leaking": bool(with_sibling or duplicates)} | found


def warning(found: dict[str, Any]) -> str:
    """What every figure of a leaking split carries; empty where `leakage` found none."""
    return f"LEAKING: {found['sentence']}" if found["leaking"] else ""


def _how(mixed: int, resamples: int, seed: int) -> dict[str, Any]:
    share = f"{100 * CONFIDENCE:.0f} %"
    return {
        "view": "One row is one image at one rotation angle; its prediction is the most probable grade, "
        "a tie going to the worse.",
        "image": "The probabilities of an image are the mean over its views.",
        "patient": "The probabilities of a patient are the mean over the patient's images. A patient whose "
        "images differ in grade counts as the most frequent one, a tie going to the worse "
        f"({mixed} such test patients).",
        "bootstrap": f"{share} percentile interval over {resamples} resamples (seed {seed}) that "
        "draw whole patients with replacement within each grade; it needs two test patients of every grade.",
        "wilson": "At the patient level accuracy, precision, recall, specificity and the two-grade error "
        f"rate are shares of independent patients and get Wilson's {share} score interval, which "
        "holds for few patients and for a perfect score. At the view and image level a share whose resamples "
        "all agree gets Wilson's interval with the patients as its n; any other figure whose resamples all "
        "agree gets none.",
        "naive": "naive_low and naive_high of accuracy draw the rows of the level as if each were a patient "
        "of its own. They show what ignoring the patients would claim, and are not to be quoted.",
        "calibration": "The Brier score sums squared errors over the grades (0 is best, 2 worst). The "
        "calibration error (ECE) is the mean distance of accuracy from the probability given to the "
        "predicted grade, in 15 bins of equal width; resampling raises it, so that the interval of a small "
        "one may lie above it.",
        "undefined": "A figure without a denominator is null with its reason; means over grades leave it "
        "out.",
        "resamples": resamples,
        "seed": seed,
        "confidence": CONFIDENCE,
    }


def write_json(metrics: dict[str, Any], path: str | Path) -> None:
    """Write ``metrics.json`` atomically, as strict JSON (a NaN would raise ValueError)."""
    text = json.dumps(metrics, indent=1, ensure_ascii=False, allow_nan=False)
    with written_whole(Path(path)) as part:
        part.write_text(text + "\n", encoding="utf-8")


# ── the table at the end of a run ────────────────────────────────────────────────────────────────────────


def table(metrics: dict[str, Any]) -> str:
    """Short plain-text table for the terminal, at most 80 columns wide.

    Args:
        metrics: What `evaluate` returns.

    Returns:
        Precision, recall, F1 (in %) and support of each grade, and accuracy with its interval, at image and
        patient level; one line more where the split leaks.
    """
    shown = ("image", "patient")
    lines = [
        " " * 18 + "".join(f"{f'{level} level':^31}" for level in shown).rstrip(),
        f"{'%':<18}" + f"{'precision':>10}{'recall':>8}{'F1':>7}{'n':>6}" * len(shown),
    ]
    for grade in metrics["classes"]:
        name = grade if len(grade) <= 17 else grade[:16] + "…"
        cells = [metrics[level]["per_class"][grade] for level in shown]
        lines.append(
            f"{name:<18}"
            + "".join(
                f"{percent(c['precision']):>10}{percent(c['recall']):>8}{percent(c['f1']):>7}{c['support']['value']:>6}"
                for c in cells
            )
        )
    for level in shown:
        accuracy, n = metrics[level]["accuracy"], metrics["counts"]
        whom = (
            f"{n['images']} images of {n['patients']} patients"
            if level == "image"
            else f"{n['patients']} patients"
        )
        lines.append(
            f"accuracy, {level + ' level':<15}{percent(accuracy):>6} %  ({interval(accuracy)}; {whom})"
        )
    if metrics["leakage"]["leaking"]:
        lines += textwrap.wrap(f"LEAKING: {metrics['leakage']['sentence']}", 80)
    return "\n".join(lines)


def percent(figure: dict[str, Any]) -> str:
    """A share's value in per cent with one decimal, ``n/a`` where undefined."""
    return "n/a" if figure["value"] is None else f"{100 * figure['value']:.1f}"


def interval(figure: dict[str, Any]) -> str:
    """A share's interval in words, in per cent."""
    if figure["low"] is None:
        return "no interval"
    return f"95 % CI {100 * figure['low']:.1f}–{100 * figure['high']:.1f}"
