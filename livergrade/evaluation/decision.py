"""What the comparison of two models shows: one is better, they are as good as equal, or neither."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from livergrade.evaluation.intervals import CONFIDENCE
from livergrade.evaluation.paired_tests import holm
from livergrade.evaluation.trainings import Inference

POWER = 0.8
"""Chance to find a difference that is as large as the detectable one."""

ALPHA = 1 - CONFIDENCE


class Decision(TypedDict):
    """What the accuracies of a pair of models show.

    Attributes:
        verdict: ``equivalent`` if the accuracies differ by less than the margin, else ``better`` if one model
            is, else ``undecided``; both after Holm's correction over all pairs.
        better: the better model; null if none is.
        margin: difference in accuracy that does not matter, a share.
        p_equivalent: p value of the two one-sided tests of equivalence (Schuirmann, J. Pharmacokinet.
            Biopharm. 15, 1987); null without an interval.
        p_equivalent_holm: the same corrected over all pairs.
        detectable: true difference, a share, that a study like this finds with a power of 80 %, at the level
            that the pairs share; null without an interval.
    """

    verdict: Literal["better", "equivalent", "undecided"]
    better: str | None
    margin: float
    p_equivalent: float | None
    p_equivalent_holm: float | None
    detectable: float | None


@dataclass(frozen=True)
class Compared:
    """A pair of models as it was measured.

    Attributes:
        first: the first model.
        second: the second.
        difference: accuracy of the first less that of the second.
        p: p value that they are equal, corrected over all pairs; None without a test.
        inference: what tests need of the difference; None without an interval.
        differing: number of patients that the two grade differently and of all patients, where so few differ
            that there is no interval, and no further trainings are spoken of; else None.
    """

    first: str
    second: str
    difference: float
    p: float | None
    inference: Inference | None
    differing: tuple[int, int] | None = None


def decide(pairs: Sequence[Compared], margin: float) -> list[Decision]:
    """Decide each pair.

    Args:
        pairs: all pairs that are compared with each other at one level.
        margin: difference in accuracy that does not matter, a share.
    """
    equivalence = [equivalence_p(pair, margin) for pair in pairs]
    decisions: list[Decision] = []
    for pair, p, corrected in zip(pairs, equivalence, holm(equivalence), strict=True):
        better = pair.first if pair.difference > 0 else pair.second
        differ = pair.p is not None and pair.p < ALPHA and pair.difference != 0
        equivalent = corrected is not None and corrected < ALPHA
        decisions.append(
            {
                "verdict": "equivalent" if equivalent else "better" if differ else "undecided",
                "better": better if differ and not equivalent else None,
                "margin": margin,
                "p_equivalent": p,
                "p_equivalent_holm": corrected,
                "detectable": detectable(pair.inference, len(pairs)),
            }
        )
    return decisions


def equivalence_p(pair: Compared, margin: float) -> float | None:
    """The larger p value of the two one-sided tests that the difference is beyond the margin.

    Without an interval it is that of the exact binomial test that the models grade as large a share of the
    patients differently: their accuracies differ by no more than that.
    """
    from scipy.stats import binom, t  # slow to import, and not needed for inference

    if pair.inference is not None:
        nearest = margin - abs(pair.inference.centre)
        return float(t.sf(nearest / pair.inference.error, pair.inference.freedom))
    return float(binom.cdf(*pair.differing, margin)) if pair.differing else None


def detectable(inference: Inference | None, pairs: int) -> float | None:
    """Smallest true difference that such a study finds with the power `POWER`; None without an interval."""
    from scipy.stats import t  # slow to import, and not needed for inference

    if inference is None:
        return None
    quantiles = t.ppf([1 - ALPHA / 2 / max(pairs, 1), POWER], inference.freedom)
    return float(quantiles.sum() * inference.error)
