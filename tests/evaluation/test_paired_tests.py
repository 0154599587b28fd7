"""Tests of two models: permutations, McNemar's, Student's t over trainings, and Holm's correction."""

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest, t

from livergrade.evaluation.paired import compare
from livergrade.evaluation.paired_tests import holm, permutation_test, set_holm, trainings_test
from livergrade.evaluation.trainings import Inference
from tests.evaluation.test_paired import predictions


def test_mcnemar_is_the_binomial_of_those_one_alone_graded_right() -> None:
    a, b = predictions(1, skill=0.7), predictions(2, skill=0.05)
    (pair,) = compare({"a": [a], "b": [b]})
    found = pair["mcnemar"]
    assert found["only_first"] > found["only_second"]
    n = found["only_first"] + found["only_second"]
    assert found["p"] == pytest.approx(binomtest(found["only_first"], n).pvalue)
    # By patient, one answer each: swapping answers is flipping those same coins.
    assert pair["patient"]["test"]["p"] == pytest.approx(found["p"])


def test_permutation_counts_every_swap_of_whole_patients() -> None:
    a, b = predictions(1, patients=6, skill=0.9), predictions(3, patients=6, skill=0.0)
    (pair,) = compare({"a": [a], "b": [b]})
    right = [(table["predicted"] == table["grade"]).groupby(table["patient"]).sum() for table in (a, b)]
    gains = (right[0] - right[1]).to_numpy()
    swaps = [abs(np.dot(signs, gains)) for signs in itertools.product((1, -1), repeat=6)]
    assert pair["image"]["test"]["p"] == pytest.approx(np.mean(np.array(swaps) >= abs(gains.sum()) - 1e-9))
    assert pair["image"]["test"]["permutations"] is None


def test_many_differing_patients_are_sampled() -> None:
    gains = np.concatenate([np.full(30, 0.01), np.full(20, -0.01)])
    found = permutation_test(gains, 2000, np.random.default_rng(0))
    assert found["permutations"] == 2000
    assert found["p"] == pytest.approx(binomtest(30, 50).pvalue, abs=0.03)


def test_students_t_over_trainings() -> None:
    found = trainings_test(Inference(centre=-0.1, error=0.04, freedom=5.5))
    assert found["p"] == pytest.approx(2 * t.sf(2.5, 5.5))
    assert found["freedom"] == 5.5
    assert trainings_test(None)["p"] is None


def test_holm() -> None:
    assert holm([0.01, 0.04, 0.03, None]) == pytest.approx([0.03, 0.06, 0.06, None])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    tests = [trainings_test(None), {"p": 0.01, "method": ""}, {"p": 0.03, "method": ""}]
    set_holm(tests)
    assert [test["p_holm"] for test in tests] == [None, 0.02, 0.03]
