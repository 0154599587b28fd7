"""The power of a comparison that is still to be made."""

from dataclasses import replace

import pytest

from livergrade.evaluation.power import (
    SIZES,
    Design,
    detectable_difference,
    patients_at,
    power,
    power_curve,
    shown,
)
from livergrade.evaluation.two_models import TwoModels
from tests.benchmarks.scripts import load

MODELS = TwoModels.of(0.8, 0.1, 0.038)
ERROR = 3.3
"""Standard errors within which two simulations must agree."""


def test_more_seeds_show_more_and_equal_models_are_rarely_told_apart() -> None:
    few, many = (power(Design(40, seeds), MODELS, studies=60) for seeds in (3, 10))
    assert few < many
    assert power(Design(40, 5), replace(MODELS, apart=0.0), studies=100) < 0.08
    crossed = shown(Design(60, 3, 5), MODELS, 0.05, studies=20)
    assert 0 < crossed.power <= 1
    assert crossed.detectable
    assert crossed.power == power(Design(60, 3, 5), MODELS, studies=20)


def test_between_two_numbers_of_patients_the_power_is_interpolated() -> None:
    curve = [(25, 0.3), (50, 0.6), (100, 0.9)]
    assert 50 < (patients_at(curve) or 0) < 100
    assert patients_at(curve, 0.95) is None
    assert patients_at([(12, 0.9), (25, 1.0)]) == 12
    assert patients_at([(12, 0.5), (25, 0.4), (50, 0.9)]) == patients_at([(12, 0.5), (25, 0.5), (50, 0.9)])


def test_a_curve_ends_where_all_is_found() -> None:
    obvious = TwoModels.of(0.7, 0.4, 0.01)
    curve = power_curve(Design(0, 5), obvious, studies=10)
    assert [size for size, _ in curve] == list(SIZES[: len(curve)])
    assert len(curve) < len(SIZES)


def test_a_difference_that_cannot_be_found_is_none() -> None:
    certain = TwoModels.of(0.97, 0.01, 0.02)
    assert detectable_difference(Design(15, 2), certain, None, studies=10) is None


@pytest.mark.slow
@pytest.mark.parametrize("design", [(74, 3, 0), (74, 5, 0), (15, 5, 0), (74, 1, 5), (74, 3, 5)])
def test_the_power_is_that_of_simulated_comparisons(design: tuple[int, int, int]) -> None:
    """Of benchmarks/comparisons.py, which draws images and reads patients' grades from them."""
    benchmark = load("comparisons")
    simulated = benchmark.simulate(benchmark.Cell(*design, 0.1), 600)["patient"]["after"]
    planned = power(Design(*design), MODELS, studies=600)
    error = (simulated * (1 - simulated) / 600 + planned * (1 - planned) / 600) ** 0.5
    assert planned == pytest.approx(simulated, abs=ERROR * error)


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "folds"), [(5, 0), (10, 0), (3, 5)])
def test_what_is_said_to_have_the_power_has_it_in_other_studies(seeds: int, folds: int) -> None:
    patients = patients_at(power_curve(Design(0, seeds, folds), MODELS))
    assert patients
    reached = power(Design(patients, seeds, folds), MODELS, studies=1000, seed=7)
    error = (0.8 * 0.2 * (1 / 1000 + 1 / 400)) ** 0.5
    assert reached == pytest.approx(0.8, abs=ERROR * error)
    design = Design(74, seeds, folds)
    apart = detectable_difference(design, MODELS, shown(design, MODELS, 0.05).detectable)
    assert apart
    found = power(design, replace(MODELS, apart=apart), studies=1000, seed=7)
    assert found == pytest.approx(0.8, abs=ERROR * error + 0.01)
