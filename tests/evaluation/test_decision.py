"""Better, equivalent, undecided."""

import numpy as np
import pytest
from scipy.stats import t

from livergrade.evaluation.decision import Compared, decide, detectable, equivalence_p
from livergrade.evaluation.trainings import Inference


def compared(difference: float, error: float, p: float | None, freedom: float = 50) -> Compared:
    return Compared("a", "b", difference, p, Inference(difference, error, freedom))


@pytest.mark.parametrize(
    ("pair", "verdict", "better"),
    [
        (compared(0.2, 0.02, 0.001), "better", "a"),
        (compared(-0.2, 0.02, 0.001), "better", "b"),
        (compared(0.01, 0.01, 0.4), "equivalent", None),
        (compared(0.02, 0.005, 0.001), "equivalent", None),  # there, but as good as equal
        (compared(0.04, 0.03, 0.3), "undecided", None),
        (compared(0.0, 0.05, 1.0), "undecided", None),
        (Compared("a", "b", 0.3, None, None), "undecided", None),
        (compared(0.0, 0.1, 0.01), "undecided", None),  # a tie has no winner
    ],
)
def test_verdicts(pair: Compared, verdict: str, better: str | None) -> None:
    (found,) = decide([pair], 0.05)
    assert (found["verdict"], found["better"]) == (verdict, better)


def test_the_margin_decides_what_is_equivalent_and_holm_corrects_it() -> None:
    pair = compared(0.01, 0.02, 0.6)
    assert decide([pair], 0.05)[0]["verdict"] == "equivalent"
    assert decide([pair], 0.03)[0]["verdict"] == "undecided"
    assert {one["verdict"] for one in decide([pair] * 10, 0.05)} == {"undecided"}
    assert equivalence_p(pair, 0.05) == pytest.approx(t.sf(2, 50))


def test_the_detectable_difference_is_found_with_the_power() -> None:
    found = detectable(Inference(0, 0.03, 40), 1)
    rng = np.random.default_rng(0)
    statistics = (found / 0.03 + rng.standard_normal(20_000)) / np.sqrt(rng.chisquare(40, 20_000) / 40)
    assert np.mean(statistics > t.ppf(0.975, 40)) == pytest.approx(0.8, abs=0.02)
    assert detectable(Inference(0, 0.03, 40), 10) > found
    assert detectable(None, 1) is None
