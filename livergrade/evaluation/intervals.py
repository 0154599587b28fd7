"""Confidence intervals over patients: score intervals from a jackknife of patients, and Wilson's for shares.

docs/intervals.md holds their simulated coverage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, NotRequired, TypedDict

import numpy as np
import numpy.typing as npt

from livergrade.evaluation.arrays import Floats, Ints
from livergrade.evaluation.levels import Level

CONFIDENCE = 0.95

LEAST = 12
"""With fewer patients in the denominator no method's coverage is near 95 % for every true value."""

LEAST_OF_RANKS = 30
"""With fewer patients the intervals of AURC and of a difference of AUROC are too wide: nearly all hold."""

LEAST_OF_GRADE = 4
"""With fewer patients of a grade, metrics that are no shares of rows get no interval."""

LEAST_DIFFERING = {"patient": 6, "image": 8}
"""With fewer patients whom two models grade differently, intervals of the difference cover 0 far too often.
Even if all of five differ in favour of one model, the sign test has p = 0.06."""

_SHRINKAGE = 2.0  # patients of the pooled variance that each grade's own is weighed against, for the freedom

GradeMix = Literal["fixed", "random"]
Spread = Literal["larger", "within"]
Bools = npt.NDArray[np.bool_]

FEW = 5
"""With fewer test patients of a grade, its estimates are reported as unreliable."""


class Interval(TypedDict):
    """The 95 % interval of a metric, or the reason why there is none.

    Attributes:
        low: lower bound; null without an interval.
        high: upper bound; null without an interval.
        method: how the interval was computed.
        reason: why there is no interval.
    """

    low: float | None
    high: float | None
    method: NotRequired[str]
    reason: NotRequired[str]


def draw_patients(grades: Ints, resamples: int, rng: np.random.Generator) -> Floats:
    """Draw patients with replacement within each grade.

    Args:
        grades: Grade index of each patient, int64 [P].
        resamples: Number of resamples B.
        rng: Random generator.

    Returns:
        How often each patient was drawn, float64 [B, P]; every row keeps the number of patients per grade.
    """
    drawn = np.zeros((resamples, len(grades)))
    for grade in np.unique(grades):
        members = np.flatnonzero(grades == grade)
        drawn[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), resamples)
    return drawn


def wilson(share: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Score interval of a proportion of n independent trials (Wilson, J. Am. Stat. Assoc. 22, 1927).

    Unlike the bootstrap it has a non-zero width at 0 and 1, and its coverage is good for few trials.
    """
    z2 = NormalDist().inv_cdf((1 + confidence) / 2) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = (z2 * share * (1 - share) / n + z2**2 / (4 * n**2)) ** 0.5 / (1 + z2 / n)
    return min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half))


def share_of_patients(share: float, n: int) -> tuple[float, float]:
    """Interval of a share of n independent patients: Wilson's, with Poisson limits next to 0 and 1.

    With one or two patients (up to three of more than 50) in the smaller part Wilson's nearer limit is too
    near to hold 95 %; that of the Poisson distribution does (Brown, Cai & DasGupta, Stat. Sci. 16, 2001).
    """
    from scipy.special import gammaincinv  # slow to import, and not needed for inference

    low, high = wilson(share, n)
    few = 3 if n > 50 else 2
    if 0.5 < (rare := round(share * n)) <= few:
        low = min(low, float(gammaincinv(rare, 1 - CONFIDENCE)) / n)
    if 0.5 < (rare := n - round(share * n)) <= few:
        high = max(high, 1 - float(gammaincinv(rare, 1 - CONFIDENCE)) / n)
    return low, high


def naive_accuracy(level: Level, resamples: int, rng: np.random.Generator) -> tuple[float, float]:
    """Percentile interval of accuracy if every row were an independent patient (resampled within grade)."""
    correct = level.predicted == level.truth
    n = np.bincount(level.truth)
    share = np.bincount(level.truth, correct) / np.maximum(n, 1)
    drawn = rng.binomial(n, share, (resamples, len(n))).sum(1) / len(correct)
    low, high = percentiles(drawn)
    return low, high


def percentiles(values: Floats) -> tuple[float, float]:
    """Bounds of the percentile interval of resampled values."""
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class Jackknife:
    """The test patients, each left out once, and what an interval over them takes as fixed.

    Attributes:
        grades: grade index of each patient, int64 [P].
        mix: ``fixed`` if the split sets how many patients each grade has; ``random`` if another sample would
            have other numbers of them.
    """

    grades: Ints
    mix: GradeMix = "fixed"

    @property
    def multiplicities(self) -> Floats:
        """Weight of each patient, float64 [1 + P, P]: all ones, then one patient less in each row."""
        return np.vstack([np.ones(len(self.grades)), 1 - np.eye(len(self.grades))])

    def among(self, counted: Bools) -> Jackknife:
        """The jackknife of some of the patients, bool [P]."""
        return Jackknife(self.grades[counted], self.mix)

    def variance(self, values: Floats, spread: Spread = "larger") -> tuple[float, float]:
        """Jackknife variance of a metric, and its degrees of freedom.

        With a fixed mix the variance is that within grades, with Satterthwaite's freedom (Biom. Bull. 2,
        1946). It is divided by P - 1 where P is usual, as that of few patients is too often too small.

        Args:
            values: the metric, then the metric without each patient, [1 + P]; NaN without a patient counts
                as no change.
            spread: with a fixed mix: the variance within grades, or the larger of it and the whole one, which
                metrics of patients take, as they have too few values for the former to be enough.
        """
        without = np.where(np.isnan(values[1:]), values[0], values[1:])
        patients = len(without)
        shrink = (patients - 1) / patients
        whole = patients / max(patients - 1, 1) * float(((without - without.mean()) ** 2).sum()) * shrink
        if self.mix == "random":
            return whole, max(patients - 1, 1)
        sizes = np.bincount(self.grades)
        sizes, grade = sizes[sizes > 0], np.unique(self.grades, return_inverse=True)[1]
        means = np.bincount(grade, without) / sizes
        free = np.maximum(sizes - 1, 1)
        own = np.bincount(grade, (without - means[grade]) ** 2) / free
        within, usual = float((sizes * own).sum()) * shrink, max(patients - len(sizes), 1)
        if spread == "larger":
            return max(whole, within), usual
        pooled = (free * own).sum() / free.sum()
        parts = sizes * (free * own + _SHRINKAGE * pooled) / (free + _SHRINKAGE)
        freedom = float(parts.sum() ** 2 / (parts**2 / free).sum()) if within > 0 else usual
        return within, max(min(freedom, usual), 1)


def pseudo_patients(share: float, patients: int) -> float:
    """Weight of the pseudo-patient of rows that several make a patient, chosen by simulation.

    It grows with the root of the number of patients, as that of the minimax estimate of a share does.

    Args:
        share: weight with 30 patients.
        patients: number of patients.
    """
    return float(share * (patients / 30) ** 0.5)


def too_few_patients(patients: int, of: str = "", least: int = LEAST) -> str:
    """Reason why so few patients give no interval; empty if they give one."""
    if patients >= least:
        return ""
    noun = f"test patient{'s' * (patients != 1)}{' ' * bool(of)}{of}"
    return f"{patients} {noun}: a reliable interval needs {least}"


def too_few_of_a_grade(grades: Ints, classes: Sequence[str]) -> str:
    """Reason why a metric that is no share of rows has no interval; empty if it has one."""
    counts = np.bincount(grades, minlength=len(classes))
    few = [f"{grade} {n}" for grade, n in zip(classes, counts, strict=True) if 0 < n < LEAST_OF_GRADE]
    reason = f"too few test patients of a grade ({', '.join(few)}): a reliable interval needs"
    return f"{reason} {LEAST_OF_GRADE} of each" if few else ""


def too_few_differ(patients: int, level: Literal["image", "patient"]) -> str:
    """Reason why a difference of two models has no interval; empty if it has one.

    Args:
        patients: number of patients whom the models grade differently, in any of their images at image level.
        level: whether images or patients are rows.
    """
    if patients >= LEAST_DIFFERING[level]:
        return ""
    of = "images of " * (level == "image")
    return (
        f"the two models differ in {of}{patients} test patient{'s' * (patients != 1)}: a reliable interval "
        f"needs {LEAST_DIFFERING[level]}"
    )


def score_interval(
    values: Floats,
    jackknife: Jackknife,
    bounds: tuple[float, float] = (0, 1),
    *,
    rows: int | None = None,
    pseudo: float = 1,
    spread: Spread = "larger",
) -> Interval:
    """Wilson's interval with the number of independent patients that the metric is worth.

    The metric is brought to 0 to 1 and taken as a share of n trials, where n gives the share the variance
    that the jackknife over patients finds (Korn & Graubard, Surv. Methodol. 24, 1998); its uncertainty is
    met by the t quantile. A pseudo-patient, half right, keeps the variance above 0 where no patient differs.

    Args:
        values: the metric, then the metric without each patient, [1 + P].
        jackknife: the patients.
        bounds: lowest and highest value that the metric can have.
        rows: for a share of rows: their number, which n does not exceed.
        pseudo: weight of the pseudo-patient, in patients.
        spread: see `Jackknife.variance`.
    """
    low, high = bounds
    unit = (values - low) / (high - low)
    patients, value = len(values) - 1, float(np.clip(unit[0], 0, 1))
    variance, freedom = jackknife.variance(unit, spread)
    smaller = z_squared() / t_quantile(freedom) ** 2  # as the variance itself is uncertain

    def wilson_of(share: float, variance: float) -> tuple[float, float]:
        centre = (patients * share + pseudo / 2) / (patients + pseudo)
        whole = (variance * patients**2 + (pseudo * (0.5 - centre)) ** 2) / (patients + pseudo) ** 2
        n = centre * (1 - centre) / max(whole, 1e-12)  # 0 for an even share without any spread
        return wilson(share, max(min(n, rows or n) * smaller, 0.5))

    lowest, highest = wilson_of(value, variance)
    perfect = wilson_of(1, 0)
    lacking = max(0.0, perfect[1] - perfect[0] - (highest - lowest))  # a mistake tells no more than none
    below = min(lacking / 2, lowest) + max(0.0, lacking / 2 - (1 - highest))
    lowest, highest = lowest - below, highest + lacking - below
    method = "Wilson, effective patients" if rows else "score interval, jackknife of patients"
    return {"low": low + (high - low) * lowest, "high": low + (high - low) * highest, "method": method}


def t_interval(values: Floats, jackknife: Jackknife, spread: Spread = "larger") -> Interval:
    """Student's t interval of a metric without bounds, from [1 + P] values as in `score_interval`."""
    variance, freedom = jackknife.variance(values, spread)
    half = t_quantile(freedom) * max(variance, 1e-12) ** 0.5
    value = float(values[0])
    return {"low": value - half, "high": value + half, "method": "t interval, jackknife of patients"}


def difference_interval(
    values: Floats, jackknife: Jackknife, pseudo: float = 1, spread: Spread = "larger"
) -> Interval:
    """Interval of a paired difference (Agresti & Min, Stat. Med. 24, 2005), with patients as clusters.

    Pseudo-patients, a quarter of them right in the first model alone and a quarter in the second alone, keep
    the width above 0 where the models agree on every patient.

    Args:
        values: the difference, then the difference without each patient, [1 + P].
        jackknife: the patients.
        pseudo: number of pseudo-patients.
        spread: see `Jackknife.variance`.
    """
    patients, value = len(values) - 1, float(values[0])
    variance, freedom = jackknife.variance(values, spread)
    centre = patients * value / (patients + pseudo)
    variance = (variance * patients**2 + pseudo / 2 * (1 + 2 * centre**2)) / (patients + pseudo) ** 2
    half = t_quantile(freedom) * variance**0.5
    return {
        "low": min(value, centre - half),
        "high": max(value, centre + half),
        "method": "Agresti-Min, patients as clusters",
    }


def newcombe(first: tuple[float, float, float], second: tuple[float, float, float]) -> tuple[float, float]:
    """Interval of the difference of two independent shares (Newcombe, Stat. Med. 17, 1998).

    Args:
        first: share with the lower and the upper bound of its interval.
        second: the same of the share that is taken off.
    """
    (p1, low1, high1), (p2, low2, high2) = first, second
    return (
        p1 - p2 - ((p1 - low1) ** 2 + (high2 - p2) ** 2) ** 0.5,
        p1 - p2 + ((high1 - p1) ** 2 + (p2 - low2) ** 2) ** 0.5,
    )


def z_squared() -> float:
    """Square of the normal quantile for `CONFIDENCE`, two-sided."""
    return NormalDist().inv_cdf((1 + CONFIDENCE) / 2) ** 2


def t_quantile(freedom: float) -> float:
    """Quantile of Student's t for `CONFIDENCE`, two-sided."""
    from scipy.special import stdtrit  # slow to import, and not needed for inference

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
