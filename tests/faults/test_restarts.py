"""Whatever was started, stopped, renamed or corrected before, a start's outputs are a fresh folder's."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.faults.restarts import History, predicting, preparing

pytestmark = pytest.mark.usefixtures("undrawn")
CALM = settings(
    max_examples=4,
    stateful_step_count=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def hold(machine: type[History], histories: int) -> None:
    run_state_machine_as_test(machine, settings=settings(CALM, max_examples=histories))


def test_what_predict_takes_over(tiny_run: Path) -> None:
    hold(predicting(tiny_run), 2)


def test_what_prepare_takes_over() -> None:
    hold(preparing(), 2)


@pytest.mark.slow
def test_what_predict_takes_over_in_many_histories(tiny_run: Path) -> None:
    hold(predicting(tiny_run), 250)


@pytest.mark.slow
def test_what_prepare_takes_over_in_many_histories() -> None:
    hold(preparing(), 250)
