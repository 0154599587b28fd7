"""Coefficients against worked examples of the literature, and against other packages where they are there."""

import numpy as np
import pytest

from livergrade.reading.coefficients import (
    coincidences_of,
    confusions_of,
    counts_of,
    fleiss_kappa,
    kappa,
    krippendorff_alpha,
    pairs_agreeing,
    percent_agreement,
)

COHEN = np.array([[[20.0, 5.0], [10.0, 15.0]]])  # 35 of 50 agree; by chance 25: kappa 0.4
FLEISS = (
    np.array(  # Fleiss 1971, as printed in his article's successors: ten subjects, 14 raters, kappa 0.210
        [
            *([0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1]),
            *([7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]),
        ]
    )
)
NONE = -1
KRIPPENDORFF = (
    np.array(  # four observers, twelve units (Krippendorff, Computing Krippendorff's Alpha, 2011)
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
            [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
        ]
    ).T
    - 1
)


def fleiss(grades: np.ndarray, classes: int) -> float:
    agreeing, whole = pairs_agreeing(grades, classes)
    counts = counts_of(grades, classes)[whole].sum(0)
    return float(fleiss_kappa(agreeing.sum(keepdims=True), whole.sum(keepdims=True) * 1.0, counts[None])[0])


def raters(counts: np.ndarray) -> np.ndarray:
    return np.array([np.repeat(np.arange(counts.shape[1]), row) for row in counts])


def test_cohen_by_hand() -> None:
    assert percent_agreement(COHEN) == pytest.approx([0.7])
    assert kappa(COHEN) == pytest.approx([0.4])
    assert kappa(COHEN, quadratic=True) == pytest.approx([0.4])  # of two grades weights change nothing
    three = np.array([[[10.0, 2, 0], [2, 10, 2], [1, 1, 12]]])
    # observed (2+2+2+1 + 4·1)/40, expected by the margins (12,14,14) and (13,13,14)
    chance = (12 * 13 + 14 * 13 + 14 * 14 + 14 * 13 + 4 * (12 * 14 + 14 * 13)) / 40
    assert kappa(three, quadratic=True) == pytest.approx([1 - 11 / chance])


def test_fleiss_as_it_was_printed() -> None:
    assert fleiss(raters(FLEISS), 5) == pytest.approx(0.210, abs=5e-4)


def test_krippendorff_as_it_was_printed() -> None:
    found = krippendorff_alpha(coincidences_of(KRIPPENDORFF, 5).sum(0)[None])
    assert found == pytest.approx([0.815], abs=5e-4)


def test_all_alike_is_undefined_and_never_an_error() -> None:
    same = np.zeros((4, 3), np.int64)
    assert np.isnan(kappa(confusions_of(same[:, 0], same[:, 1], 3).sum(0)[None]))
    assert np.isnan(krippendorff_alpha(coincidences_of(same, 3).sum(0)[None]))
    assert np.isnan(fleiss(same, 3))
    assert np.isnan(percent_agreement(np.zeros((1, 3, 3))))


def test_one_reading_is_no_pair() -> None:
    assert coincidences_of(np.array([[0, NONE]]), 2).sum() == 0
    assert confusions_of(np.array([0, NONE]), np.array([1, 1]), 2).sum() == 1


def simulated(missing: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    grades = np.repeat(rng.integers(0, 4, (80, 1)), 4, 1)
    grades = np.where(rng.random(grades.shape) < 0.4, rng.integers(0, 4, grades.shape), grades)
    return np.where(rng.random(grades.shape) < missing, NONE, grades)


def test_equal_to_statsmodels() -> None:
    peer = pytest.importorskip("statsmodels.stats.inter_rater")
    grades = simulated(0)
    confusion = confusions_of(grades[:, 0], grades[:, 1], 4).sum(0)
    assert kappa(confusion[None])[0] == pytest.approx(peer.cohens_kappa(confusion).kappa, abs=1e-9)
    weighted = peer.cohens_kappa(confusion, wt="quadratic").kappa
    assert kappa(confusion[None], quadratic=True)[0] == pytest.approx(weighted, abs=1e-9)
    assert fleiss(grades, 4) == pytest.approx(peer.fleiss_kappa(counts_of(grades, 4)), abs=1e-9)


def test_equal_to_krippendorff() -> None:
    peer = pytest.importorskip("krippendorff")
    grades = simulated(0.3)
    given = np.where(grades < 0, np.nan, grades).T
    found = krippendorff_alpha(coincidences_of(grades, 4).sum(0)[None])[0]
    assert found == pytest.approx(peer.alpha(given, level_of_measurement="ordinal"), abs=1e-9)


def test_weighted_kappa_is_scikit_learns() -> None:
    from sklearn.metrics import cohen_kappa_score

    first, second = simulated(0)[:, :2].T
    confusion = confusions_of(first, second, 4).sum(0)[None]
    assert kappa(confusion)[0] == pytest.approx(cohen_kappa_score(first, second), abs=1e-9)
    weighted = cohen_kappa_score(first, second, weights="quadratic")
    assert kappa(confusion, quadratic=True)[0] == pytest.approx(weighted, abs=1e-9)
