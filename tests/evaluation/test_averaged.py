"""Metrics over several trainings."""

import numpy as np
import pytest

from livergrade.evaluation.averaged import averages
from livergrade.evaluation.summary import evaluate
from tests.evaluation.test_paired import predictions

SEEDS = (1, 2, 3)


def test_the_mean_keeps_the_patients_uncertainty_beside_the_seeds_spread() -> None:
    tables = [predictions(seed, patients=30, images=2, skill=0.1) for seed in SEEDS]
    each = [evaluate(table, None, resamples=20) for table in tables]
    found = averages(tables)
    for level in ("image", "patient"):
        for metric in ("accuracy", "quadratic_kappa", "macro_auroc"):
            one, values = found[level][metric], [run[level][metric]["value"] for run in each]
            assert one["value"] == pytest.approx(np.mean(values))
            assert one["values"] == pytest.approx(values)
            assert one["sd"] == pytest.approx(np.std(values, ddof=1))
            assert one["low"] < one["value"] < one["high"]
        grade, single = (run[level]["per_class"]["poor"]["recall"] for run in (found, each[0]))
        assert (grade["low"] is None) == (single["low"] is None)
    widths = [run["patient"]["accuracy"]["high"] - run["patient"]["accuracy"]["low"] for run in each]
    accuracy = found["patient"]["accuracy"]
    assert accuracy["high"] - accuracy["low"] > 0.8 * min(widths)
    assert accuracy["n"] == 30


def test_equal_trainings_leave_the_interval_over_patients() -> None:
    tables = [predictions(1, patients=30, images=2, skill=0.1)] * 3
    alone, over = evaluate(tables[0], None, resamples=20)["patient"], averages(tables)["patient"]
    for metric in ("accuracy", "quadratic_kappa"):
        for end in ("low", "high"):
            assert over[metric][end] == pytest.approx(alone[metric][end], abs=0.05)
        assert over[metric]["sd"] == pytest.approx(0, abs=1e-12)


def test_seeds_may_test_different_patients() -> None:
    whole = predictions(1, patients=30, images=2, skill=0.1)
    halves = [whole[whole["patient"] < "P15"], whole[whole["patient"] >= "P15"]]
    found = averages(halves)["patient"]["accuracy"]
    assert found["value"] == pytest.approx((whole["predicted"] == whole["grade"]).mean(), abs=0.2)
    assert found["n"] == 30
    assert found["low"] < found["value"] < found["high"]


def test_an_undefined_metric_has_its_reason() -> None:
    tables = [table[table["grade"] != "well"] for table in (predictions(seed, skill=0.1) for seed in SEEDS)]
    found = averages(tables)["patient"]["per_class"]["well"]["recall"]
    assert found["value"] is None
    assert "well" in found["reason"]
