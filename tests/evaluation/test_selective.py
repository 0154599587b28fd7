"""Risk against coverage, compared with one that is counted patient by patient."""

import itertools

import numpy as np
import pytest

from livergrade.evaluation.levels import Level
from livergrade.evaluation.selective import risk_coverage, selective_risks
from tests.evaluation.simulated import jackknife_of


def level_of(confidence, wrong):
    scores = np.column_stack([confidence, 1 - np.asarray(confidence)])
    return Level([""] * len(wrong), np.asarray(wrong, np.int64), scores, np.arange(len(wrong)))


def by_hand(confidence, wrong):
    """The mean, over every order of equal confidences, of the errors so far."""
    orders = [
        order
        for order in itertools.permutations(range(len(wrong)))
        if all(confidence[a] >= confidence[b] for a, b in itertools.pairwise(order))
    ]
    curves = [[np.mean([wrong[i] for i in order[: k + 1]]) for k in range(len(wrong))] for order in orders]
    return np.mean(curves, axis=0)


@pytest.mark.parametrize("seed", range(8))
def test_the_curve_is_the_one_counted_by_hand(seed):
    rng = np.random.default_rng(seed)
    confidence = rng.integers(5, 9, 6) / 10  # ties
    wrong = rng.integers(0, 2, 6)
    np.testing.assert_allclose(
        selective_risks(confidence, wrong, np.ones((1, 6)))[0], by_hand(confidence, wrong)
    )


def test_a_resample_is_the_curve_of_those_drawn():
    rng = np.random.default_rng(0)
    confidence, wrong = rng.random(6).round(1), rng.integers(0, 2, 6)
    weights = np.array([[1, 1, 1, 1, 1, 1], [2, 0, 1, 0, 3, 0]])
    drawn = np.repeat(np.arange(6), weights[1])
    np.testing.assert_allclose(
        selective_risks(confidence, wrong, weights)[1], by_hand(confidence[drawn], wrong[drawn])
    )


def test_figures_worked_by_hand():
    found = risk_coverage(level_of([0.9, 0.8, 0.7, 0.6], [0, 0, 1, 1]), jackknife_of(4))
    assert [point["risk"] for point in found["curve"]] == pytest.approx([0, 0, 1 / 3, 1 / 2])
    assert [point["coverage"] for point in found["curve"]] == [0.25, 0.5, 0.75, 1]
    assert found["aurc"]["value"] == pytest.approx((1 / 3 + 1 / 2) / 4)
    assert found["aurc_random"]["value"] == 0.5
    assert found["aurc_gain"]["value"] == pytest.approx(0.5 - (1 / 3 + 1 / 2) / 4)
    rows = {row["coverage"]: row for row in found["table"]}
    assert [rows[share]["answered"] for share in (1.0, 0.9, 0.8, 0.7)] == [4, 4, 4, 3]
    assert rows[0.7]["confidence"] == 0.7
    assert rows[0.7]["error"]["value"] == pytest.approx(1 / 3)
    assert "4 test patients" in rows[1.0]["error"]["reason"]


def test_nothing_wrong_claims_no_certainty():
    found = risk_coverage(level_of(np.linspace(0.9, 0.6, 30), [0] * 30), jackknife_of(30))
    assert found["aurc"]["value"] == 0
    assert found["aurc"]["high"] > 0.03
    assert found["aurc_gain"]["low"] is None
    assert "no interval is reliable" in found["aurc_gain"]["reason"]
    assert found["table"][0]["error"]["high"] > 0.1


def test_too_few_patients_are_told():
    found = risk_coverage(level_of([0.9, 0.8, 0.7], [0, 1, 0]), jackknife_of(3))
    assert found["aurc"]["reason"] == "3 test patients: a reliable interval needs 30"
    assert {point["high"] for point in found["curve"]} == {None}
