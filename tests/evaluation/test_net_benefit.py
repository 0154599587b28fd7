"""Net benefit of the worst grade: by hand, against the package dcurves, and its bounds."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livergrade.evaluation.levels import aggregate
from livergrade.evaluation.net_benefit import THRESHOLDS, best_between, decision_curves, net_benefits
from tests.conftest import examples
from tests.evaluation.simulated import predict


def test_worked_by_hand() -> None:
    """Ten patients, four of them poor; at 25 % an action in vain weighs a third of a missed patient."""
    positive = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], bool)
    probability = np.array([0.9, 0.6, 0.25, 0.1, 0.7, 0.25, 0.2, 0.1, 0.1, 0.0])
    found = net_benefits(positive, probability, np.array([0.25, 0.5, 0.8]))
    assert found == pytest.approx([3 / 10 - 2 / 10 / 3, 2 / 10 - 1 / 10, 1 / 10])
    treat_all = net_benefits(positive, np.ones(10), np.array([0.25, 0.4]))
    assert treat_all == pytest.approx([4 / 10 - 6 / 10 / 3, 0])  # at the prevalence, all is worth nothing


@pytest.mark.parametrize("level", ["patient", "image"])
def test_the_package_dcurves_finds_the_same(level: str) -> None:
    dcurves = pytest.importorskip("dcurves")
    predictions = predict([0] * 9 + [1] * 7 + [2] * 8, seed=3)
    rows = aggregate(predictions)[level]
    data = pd.DataFrame({"poor": rows.truth == 0, "model": rows.scores[:, 0]})
    theirs = dcurves.dca(data, outcome="poor", modelnames=["model"], thresholds=list(THRESHOLDS))
    ours = decision_curves(predictions)[level]["curve"]
    for name, key in (("model", "model"), ("all", "treat_all")):
        expected = theirs[theirs["model"] == name]["net_benefit"].to_numpy(float)
        assert [point[key] for point in ours] == pytest.approx(list(expected), abs=1e-12)


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=1, max_size=30))
def test_it_is_never_above_the_prevalence_and_perfect_answers_reach_it(
    rows: list[tuple[bool, float]],
) -> None:
    positive = np.array([of_grade for of_grade, _ in rows])
    thresholds = np.array(THRESHOLDS)
    found = net_benefits(positive, np.array([probability for _, probability in rows]), thresholds)
    assert (found <= positive.mean() + 1e-12).all()
    assert net_benefits(positive, positive.astype(float), thresholds) == pytest.approx(positive.mean())
    assert net_benefits(positive, np.zeros(len(rows)), thresholds) == pytest.approx(0)


def test_only_test_rows_of_the_worst_grade_count() -> None:
    views = predict([0, 0, 1, 1, 2, 2])
    other = views.assign(split="val", image="v" + views["image"], patient="v" + views["patient"])
    found = decision_curves(pd.concat([other, views], ignore_index=True))
    assert found == decision_curves(views)
    assert (found["grade"], found["patient"]["n"], found["patient"]["positives"]) == ("poor", 6, 2)


def test_where_the_model_is_better() -> None:
    def level(*better: bool) -> list[tuple[float, float]]:
        curve = [
            {"threshold": number / 10, "model": 0.1 + 0.1 * one, "treat_all": 0.1}
            for number, one in enumerate(better, 1)
        ]
        return best_between({"n": 9, "positives": 3, "curve": curve})  # type: ignore[typeddict-item]

    assert level(True, True, False, True) == [(0.1, 0.2), (0.4, 0.4)]
    assert level(False, False) == []
