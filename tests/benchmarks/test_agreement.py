"""Simulated readers, and the example that the benchmark writes."""

from types import ModuleType

import numpy as np
import pytest

from livergrade.reading.readings import read_readings
from tests.benchmarks.scripts import load


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """The benchmark, which is no module of the package."""
    return load("agreement")


def test_readers_have_their_confusion_and_their_correlation(benchmark: ModuleType) -> None:
    rng = np.random.default_rng(0)
    cell = benchmark.Cell(3000, 0.85, 0.4, network=0.6, read=0.6)
    ratings, network = benchmark.draw(rng, cell, 3000)
    assert (ratings.grades >= 0).mean() == pytest.approx(0.6, abs=0.01)
    both = (ratings.grades >= 0)[:, :2].all(1)
    by_truth = benchmark.confusion(0.85)
    expected = float((by_truth**2).sum() / 3)  # of all truths alike probable
    assert (ratings.grades[both, 0] == ratings.grades[both, 1]).mean() == pytest.approx(expected, abs=0.02)
    worse = (benchmark.confusion(0.6) * by_truth).sum() / 3
    there = ratings.grades[:, 0] >= 0
    assert (network[there] == ratings.grades[there, 0]).mean() == pytest.approx(worse, abs=0.02)


def test_a_cell_is_simulated_and_told(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "LARGE", 200)
    cell = benchmark.Cell(15, 0.85, 0.4)
    found = benchmark.simulate(cell, 3, 1)
    assert found.keys() == benchmark.NAMES.keys()
    assert all(row[0] == 3 for row in found.values())
    assert "1 of 1 cells" in benchmark.table({cell: found})[2]
    assert benchmark.surely_outside({cell: found}).startswith("Of 7 shares ")


def test_the_example_is_the_one_that_is_there(benchmark: ModuleType, tmp_path) -> None:
    benchmark.example(tmp_path / "readings.csv")
    there = benchmark.ROOT / "examples" / "readings.csv"
    assert (tmp_path / "readings.csv").read_bytes() == there.read_bytes()
    assert len(read_readings(there, benchmark.CLASSES)) == 300
