"""The coverage of printed intervals, simulated."""

from types import ModuleType

import numpy as np
import pytest

from livergrade.evaluation.intervals import Jackknife
from livergrade.evaluation.metric_catalog import weighted_metrics
from tests.benchmarks.scripts import load
from tests.evaluation import cohorts
from tests.evaluation.cohorts import Cell

REPEATS = 2000


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """The benchmark of coverage, which is not a module of the package."""
    return load("coverage")


@pytest.mark.parametrize("name", ["image", "patient"])
@pytest.mark.parametrize("mix", ["fixed", "random"])
def test_cohorts_are_measured_as_the_package_measures_them(name, mix) -> None:
    cell = Cell(15, False, 0.4, 0.6, mix, "t")
    drawn = cohorts.draw(np.random.default_rng(0), cell, 3)
    found = cohorts.read(cell, *drawn, 0.7, name)
    fast = cohorts.without_each(found)
    for index in range(3):
        weights = Jackknife(found.grades[index]).multiplicities
        slow = weighted_metrics(found.level(index), weights)
        for metric, values in fast.items():
            np.testing.assert_allclose(values[index], slow[metric], atol=1e-9, err_msg=metric)


def test_errors_of_patients_have_one_variance() -> None:
    for effect in ("normal", "t", "beta"):
        cell = Cell(100, True, 0.5, 0.8, "fixed", effect)
        _, there, first = cohorts.draw(np.random.default_rng(1), cell, 200)
        second = cohorts.related(np.random.default_rng(2), cell, first)
        for patients, images in (first, second):
            assert patients.var() == pytest.approx(1, abs=0.15)
            assert images.var() == pytest.approx(1, abs=0.02)
        assert np.corrcoef(first[0].ravel(), second[0].ravel())[0, 1] == pytest.approx(0.6, abs=0.05)
        assert there.all()


def test_a_cell_has_every_metric_at_both_levels(benchmark, monkeypatch) -> None:
    monkeypatch.setattr(benchmark.cohorts, "solve_sd", lambda cell, name: 0.6)
    monkeypatch.setattr(benchmark.cohorts, "LARGE", 1500)
    found = benchmark.simulate(Cell(15, False, 0.4, 0.8, "fixed"), 10)
    for level in ("image", "patient"):
        for metric in ("accuracy", "quadratic_kappa", "macro_f1", "macro_auroc"):
            truth, drawn, printed, coverage, width, _ = found[f"{level} {metric}"]
            assert (drawn, printed) == (10, 10), "15 patients with 4 of each grade have an interval"
            assert coverage > 0.5
            assert 0 < width < 1 > truth > 0.5
        assert found[f"{level} recall 0"][2] == 0  # 5 patients
    text = benchmark.report([(Cell(15, False, 0.4, 0.8, "fixed"), found)], 10)
    assert "| macro f1, by image |" in text


def test_a_share_of_few_patients_has_no_coverage_within_the_band(benchmark) -> None:
    count = benchmark.Count(0.98)
    for value, times in ((1.0, 817), (0.9, 167), (0.8, 16)):  # 10 patients
        for _ in range(times):
            count.add({"value": value, "low": 0.7, "high": 1.0, "n": 10})
    assert not count.attainable
    assert benchmark.outside({"accuracy": count.row}) == [], "too wide, and no method is not"
    assert benchmark.outside({"accuracy": [*count.row[:3], 0.85, *count.row[4:]]}), "too narrow"
    assert benchmark.outside({"accuracy": [0.8, 2000, 2000, 0.995, 0.1, True]})
    assert benchmark.outside({"accuracy": [0.8, 2000, 2000, 0.96, 0.1, True]}) == []
    assert benchmark.outside({"accuracy": [0.002, 2000, 2000, 0.995, 0.1, True]}) == [], "a rare event"
    by_patient = {"patient accuracy": [0.8, 2000, 2000, 0.993, 0.1, True]}
    assert benchmark.outside(by_patient, "fixed") == []
    assert benchmark.outside(by_patient, "random")


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell",
    [
        Cell(15, False, 0.4, 0.8, "fixed"),
        Cell(15, True, 0.8, 0.6, "random", "t", 0.1),
        Cell(30, False, 0.4, 0.8, "random", "beta", 0.1),
        Cell(30, False, 0.0, 0.6, "fixed", "normal", 0.1),
        Cell(74, False, 0.4, 0.8, "fixed"),
    ],
    ids=str,
)
def test_printed_intervals_hold(benchmark, cell) -> None:
    """Each of them, on other draws than those that chose the methods."""
    assert benchmark.outside(benchmark.simulate(cell, REPEATS, seed=2), cell.mix) == []
