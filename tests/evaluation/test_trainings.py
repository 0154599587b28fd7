"""Uncertainty over patients and trainings."""

import numpy as np
import pytest

from livergrade.evaluation.estimate import paired_difference
from livergrade.evaluation.intervals import Jackknife
from livergrade.evaluation.trainings import Trainings, by_fold, of_folds, of_seeds, over_trainings

GRADES = np.repeat([0, 1, 2], 10)
JACKKNIFE = Jackknife(GRADES)


def accuracies(correct: np.ndarray, folds: int = 0) -> np.ndarray:
    """Accuracy, without each patient, and without each fold (patients in turn): [S, 1 + P + F]."""
    weights = JACKKNIFE.multiplicities
    fold = np.arange(len(GRADES)) % max(folds, 1)
    weights = np.vstack([weights, fold != np.arange(folds)[:, None]])
    return (correct @ weights.T) / weights.sum(1)


def answers(seeds: int, own: float = 0.5, rng_seed: int = 0) -> np.ndarray:
    """Correct answers of trainings that err partly on the same patients, [S, P]."""
    rng = np.random.default_rng(rng_seed)
    latent = rng.standard_normal(30) * (1 - own) + own * rng.standard_normal((seeds, 30))
    return (latent < 0.5).astype(float)


def test_the_spread_of_seeds_is_that_of_their_mean() -> None:
    values = accuracies(answers(4))
    found = of_seeds(values, JACKKNIFE)
    assert found.shown == pytest.approx(values[:, 0].var(ddof=1) / 4)
    assert found.freedom == 3
    equal = of_seeds(np.repeat(values[:1], 3, axis=0), JACKKNIFE)
    assert (equal.shown, equal.noise, equal.freedom) == pytest.approx((0, 0, 2), abs=1e-12)


def test_with_own_errors_alone_the_noise_is_what_is_shown() -> None:
    shown, noise = [], []
    for seed in range(200):
        found = of_seeds(
            accuracies((np.random.default_rng(seed).random((3, 30)) < 0.8).astype(float)), JACKKNIFE
        )
        shown.append(found.shown)
        noise.append(found.noise)
    assert np.mean(noise) == pytest.approx(np.mean(shown), rel=0.25)


def test_folds_of_several_seeds_give_more_degrees_of_freedom() -> None:
    values = accuracies(answers(3), folds=5)
    found = of_seeds(values, JACKKNIFE, 5)
    assert found.freedom == 10
    each = by_fold(values, 5)
    assert each.mean(1) == pytest.approx(values[:, 0])
    assert found.shown == pytest.approx(each.var(0, ddof=1).mean() / 15)


def test_folds_of_one_seed_are_the_trainings() -> None:
    values = accuracies(answers(1), folds=5)[0]
    found = of_folds(values, JACKKNIFE, 5)
    assert found.freedom == 4
    assert found.shown == pytest.approx(by_fold(values[None], 5).var(ddof=1) / 5)
    assert found.noise == pytest.approx(JACKKNIFE.variance(values[:31])[0])


@pytest.mark.parametrize("shown", [0.0, 1e-4, 1e-2])
def test_the_interval_is_never_narrower_than_over_patients_nor_than_trainings_show(shown: float) -> None:
    gains = np.subtract(*accuracies(answers(2)))
    found = paired_difference(gains, 30, JACKKNIFE)
    wide, inference = over_trainings(found, gains, [Trainings(shown, 0.0, 4)], JACKKNIFE)
    assert wide["low"] <= found["low"] <= found["value"] <= found["high"] <= wide["high"]
    assert inference.error >= shown**0.5
    assert 4 - 1e-9 <= inference.freedom <= 31
    assert (wide["low"] > 0 or wide["high"] < 0) == (abs(inference.centre) > (wide["high"] - wide["low"]) / 2)


def test_bounds_and_gaps() -> None:
    values = accuracies(np.ones((1, 30)))[0]
    one = {"value": 1.0, "low": 0.9, "high": 1.0, "n": 30}
    wide, _ = over_trainings(one, values, [Trainings(0.01, 0.0, 2)], JACKKNIFE, bounds=(0, 1), quantile=1.96)
    assert 0 <= wide["low"] < 0.9
    assert wide["high"] == 1
    none = {"value": 0.5, "low": None, "high": None, "n": 30, "reason": "few"}
    assert over_trainings(none, values, [], JACKKNIFE) == (none, None)
    gaps = accuracies(answers(3))
    gaps[0, 3] = np.nan
    assert np.isfinite(of_seeds(gaps, JACKKNIFE).noise)
