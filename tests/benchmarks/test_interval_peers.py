"""Intervals of other methods, and the table that sets ours beside them."""

from types import ModuleType

import numpy as np
import pytest
from scipy.stats import bootstrap

from tests.benchmarks.scripts import load
from tests.evaluation import cohorts
from tests.evaluation.cohorts import Cell


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """The benchmark, which is not a module of the package."""
    return load("interval_peers")


def test_peers_of_a_mean_are_those_of_scipy(benchmark: ModuleType) -> None:
    rng = np.random.default_rng(0)
    values = rng.beta(4, 2, 25)
    without = (values.sum() - values) / 24
    drawn = values[rng.integers(0, 25, (4000, 25))].mean(1)
    found = {
        method: (low, high)
        for method, low, high in benchmark.bounds_of_peers(values.mean(), without, drawn, 25, 0.0)
    }
    for method, name in (("percentile bootstrap", "percentile"), ("BCa bootstrap", "BCa")):
        peer = bootstrap((values,), np.mean, n_resamples=4000, method=name, rng=1).confidence_interval
        assert found[method] == pytest.approx((peer.low, peer.high), abs=0.01)
    half = 2.0639 * values.std(ddof=1) / 5
    assert found["jackknife, Student's t"] == pytest.approx(
        (values.mean() - half, values.mean() + half), abs=1e-4
    )
    low, high = found["expanded percentiles"]
    assert low < found["percentile bootstrap"][0] < found["percentile bootstrap"][1] < high
    assert 0 < found["jackknife, logit scale"][0] < values.mean() < found["jackknife, logit scale"][1] < 1


def test_the_table_names_the_narrowest_that_holds(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cohorts, "LARGE", 1500)
    cell = Cell(15, True, 0.4, 0.8, "fixed")
    found = benchmark.simulate(cell, 6, 50)
    assert set(found["image accuracy"]) > {"livergrade", "BCa bootstrap"}
    assert all(n == 6 for n, _, _ in found["patient macro_auroc"].values())
    made = {
        "livergrade": [6, 0.95, 0.22],
        "wide": [6, 0.97, 0.4],
        "good": [6, 0.94, 0.2],
        "bad": [6, 0.8, 0.1],
    }
    (line,) = benchmark.table([(cell, {"image accuracy": made})])[2:]
    assert "| good | 0.200 | 1.10 |" in line
