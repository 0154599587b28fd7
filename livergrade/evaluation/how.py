"""How the metrics of ``metrics.json`` and their intervals are computed, in sentences."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from livergrade.evaluation.intervals import CONFIDENCE, LEAST, LEAST_OF_GRADE, GradeMix
from livergrade.evaluation.metric_catalog import METRICS


class How(TypedDict):
    """How the metrics and their intervals were computed.

    Attributes:
        view: what a row is at view level, in sentences.
        image: the same at image level.
        patient: the same at patient level.
        intervals: how intervals over patients are computed; missing in files of earlier versions.
        mix: whether the intervals take the number of patients of each grade as fixed; then missing, too.
        folds: how the folds of a cross-validation are joined; missing where there are none.
        wilson: which metrics get Wilson's interval.
        naive: what ``naive_low`` and ``naive_high`` of the accuracy are.
        calibration: what the calibration metrics are.
        undefined: what is written for an undefined metric.
        resamples: number of resamples of the naive interval.
        seed: seed of these resamples.
        confidence: confidence level of the intervals, 0 to 1.
    """

    view: str
    image: str
    patient: str
    intervals: NotRequired[str]
    mix: NotRequired[str]
    folds: NotRequired[str]
    wilson: str
    naive: str
    calibration: str
    undefined: str
    resamples: int
    seed: int
    confidence: float


MIXES = {
    "fixed": "The number of test patients of each grade is taken as fixed, since the split set it; the "
    "variance is that within grades, or more where that is too often too small (docs/intervals.md).",
    "random": "The number of test patients of each grade is taken as random, since this cohort was not "
    "split by grade: another one would have another mix.",
}


FOLDS = (
    "The folds of a cross-validation share training patients, so their networks are alike and their results "
    "are not independent of each other: intervals are over patients and trainings, and take the folds' "
    "common training patients as given. AUROC and average precision compare scores with one another, and "
    "networks differ in the level of their scores, so both are computed within each fold and averaged, each "
    "fold weighing as its patients. All other metrics compare each answer with its own patient's grade and "
    "are of all folds together."
)
"""How the folds of a cross-validation are joined, in sentences."""


def how_measured(mixed: int, resamples: int, seed: int, mix: GradeMix) -> How:
    """Methods of ``metrics.json``.

    Args:
        mixed: number of test patients whose images differ in grade.
        resamples: number of resamples of the naive interval.
        seed: seed of these resamples.
        mix: whether the number of test patients of each grade is fixed.
    """
    share = f"{100 * CONFIDENCE:.0f} %"
    shares = [metric.name for metric in METRICS if metric.of_rows]
    return {
        "view": "One row is one image at one rotation angle; its prediction is the most probable grade, "
        "a tie going to the worse.",
        "image": "The probabilities of an image are the mean over its views.",
        "patient": "The probabilities of a patient are the mean over the patient's images. A patient whose "
        "images differ in grade counts as the most frequent one, a tie going to the worse "
        f"({mixed} such test patients).",
        "intervals": f"{share} score interval: Wilson's with the number of independent patients that the "
        "metric is worth, from a jackknife that leaves out one patient at a time, its uncertainty met by "
        "Student's t; a pseudo-patient who is half right keeps it from zero width. docs/intervals.md has its "
        f"coverage. It takes {LEAST} patients in the denominator and, but for shares of rows, "
        f"{LEAST_OF_GRADE} of each grade. The calibration slope and intercept get Student's t interval.",
        "mix": MIXES[mix],
        "wilson": f"At the patient level {', '.join(shares[:-1])} and {shares[-1]} are shares of "
        f"independent patients and get Wilson's {share} score interval, which is reliable for few patients "
        "and for a perfect score.",
        "naive": "naive_low and naive_high of accuracy draw the rows of the level as if each were a patient "
        f"of its own, {resamples} times (seed {seed}). They show the interval that ignores the patients, "
        "and must not be reported.",
        "calibration": "The Brier score sums squared errors over the grades (0 is best, 2 worst). The "
        "calibration error (ECE) is the mean distance of accuracy from the probability given to the "
        "predicted grade, in 15 bins of equal width; ece_debiased is the same less what chance adds to it "
        "among so few patients. Neither has an interval. The calibration slope (1 is best, below 1 is "
        "overconfident) is that of a logistic regression of each grade against the rest on the logit of its "
        "probability, all grades together; the intercept (0 is best) is the mean true grade less the mean "
        "that the probabilities expect, in grades.",
        "undefined": "A metric without a denominator is null with its reason; means over grades leave it "
        "out.",
        "resamples": resamples,
        "seed": seed,
        "confidence": CONFIDENCE,
    }
