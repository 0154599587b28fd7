"""Readers of known confusion on 74 patients."""

from types import ModuleType

import numpy as np
import pytest

from tests.benchmarks.scripts import load


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """The benchmark, which is no module of the package."""
    return load("consensus")


def test_readers_have_their_confusion(benchmark: ModuleType) -> None:
    rng, panel = np.random.default_rng(0), benchmark.PANELS[3]
    drawn = [benchmark.draw(rng, panel) for _ in range(20)]
    truth, said = (np.concatenate(part) for part in zip(*drawn, strict=True))
    for reader, confusion in enumerate(panel.readers):
        for grade in range(3):
            own = said[truth == grade, reader]
            assert np.bincount(own, minlength=3) / len(own) == pytest.approx(confusion[grade], abs=0.03)
    truth, said = benchmark.draw(rng, benchmark.PANELS[-1])
    assert (said[:, 1] == said[:, 2]).mean() > 0.65  # by chance it were about 0.55


def test_dawid_and_skene_are_nearer_the_truth_than_the_majority(benchmark: ModuleType) -> None:
    """With readers of unlike skill or habit: the mean of eight studies, with its own interval."""
    for number in (1, 3):
        panel = benchmark.PANELS[number]
        found = benchmark.study(panel, 8)
        apart = found[:, 1] - found[:, 0]
        assert apart.mean() - 1.96 * apart.std(ddof=1) / 8**0.5 > 0, panel.name
        assert benchmark.row(panel, found).count("|") == 7
    assert (found[:, 2] <= apart).all()
    assert (apart <= found[:, 3]).all()
