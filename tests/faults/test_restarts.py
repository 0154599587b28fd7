"""Whatever was started, stopped, renamed or corrected before, a start's outputs are a fresh folder's."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.faults import sweep_restarts
from tests.faults.restarts import in_its_own_process, predicting, preparing

pytestmark = pytest.mark.usefixtures("undrawn")
CALM = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def hold(machine: type[RuleBasedStateMachine], histories: int, steps: int = 20) -> None:
    chosen = settings(CALM, max_examples=histories, stateful_step_count=steps)
    run_state_machine_as_test(machine, settings=chosen)


@pytest.mark.slow
def test_what_predict_takes_over(tiny_run: Path) -> None:
    hold(predicting(tiny_run), 2, steps=6)


@pytest.mark.slow
def test_what_prepare_takes_over() -> None:
    hold(preparing(), 2, steps=4)


@pytest.mark.slow
def test_what_predict_takes_over_in_many_histories(tiny_run: Path) -> None:
    hold(predicting(tiny_run), 200)


@pytest.mark.slow
def test_what_prepare_takes_over_in_many_histories() -> None:
    hold(preparing(), 200)


@pytest.mark.slow
def test_what_a_sweep_takes_over_in_many_histories(unreported: None) -> None:
    hold(sweep_restarts.sweeping(), 100, steps=12)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["predict", "prepare"])
def test_what_is_taken_over_after_processes_were_killed(which: str, tiny_run: Path) -> None:
    machine = predicting(tiny_run) if which == "predict" else preparing()
    machine.run = staticmethod(in_its_own_process)
    hold(machine, 10, steps=12)


@pytest.mark.slow
def test_what_a_sweep_takes_over_after_processes_were_killed() -> None:
    machine = sweep_restarts.sweeping()
    machine.run = staticmethod(sweep_restarts.in_its_own_process)
    hold(machine, 5, steps=8)
