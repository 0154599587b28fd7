"""How much too good the best of several looks."""

import numpy as np
import pytest

from livergrade.evaluation.optimism import Measured, expected_optimism, optimism_of_best
from livergrade.evaluation.trainings import Trainings
from tests.evaluation.test_paired import predictions


def measured(correct: np.ndarray, trainings: Trainings | None = None) -> Measured:
    patients = len(correct)
    return Measured(np.append(correct.mean(), (correct.sum() - correct) / (patients - 1)), trainings)


def test_of_one_model_there_is_none() -> None:
    assert expected_optimism([measured(np.ones(20))], np.random.default_rng(0)) == 0


def test_it_is_that_of_equally_good_models() -> None:
    rng = np.random.default_rng(0)
    true, expected = [], []
    for _ in range(60):
        correct = (rng.random((5, 74)) < 0.8).astype(float)
        true.append(correct.mean(1).max() - 0.8)
        expected.append(expected_optimism([measured(one) for one in correct], rng))
    assert np.mean(expected) == pytest.approx(np.mean(true), abs=0.012)


def test_it_is_small_where_one_is_far_ahead_and_larger_with_the_luck_of_trainings() -> None:
    rng = np.random.default_rng(0)
    correct = (rng.random((3, 74)) < np.array([[0.95], [0.5], [0.4]])).astype(float)
    apart = expected_optimism([measured(one) for one in correct], np.random.default_rng(0))
    assert apart < 0.002
    alike = (rng.random((3, 74)) < 0.8).astype(float)
    alone = expected_optimism([measured(one) for one in alike], np.random.default_rng(0))
    lucky = [measured(one, Trainings(0.003, 0.0, 2)) for one in alike]
    assert expected_optimism(lucky, np.random.default_rng(0)) > alone > 0


def test_from_tables() -> None:
    models = {"a": [predictions(1), predictions(2)], "b": [predictions(3), predictions(4)]}
    found = optimism_of_best(models)
    assert set(found) == {"image", "patient"}
    assert all(0 <= value < 0.2 for value in found.values())
    assert found == optimism_of_best(models)
