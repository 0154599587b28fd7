"""The files of a plan."""

import json
from pathlib import Path

import pytest

from livergrade.config.schema import PlanConfig
from livergrade.errors import UserError
from livergrade.multirun.plan import write_plan
from tests.conftest import finished_run

pytestmark = pytest.mark.usefixtures("undrawn", "quick")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """One design and few patients, for what is true of any."""
    monkeypatch.setattr("livergrade.multirun.plan.designs", lambda parts: [(3, parts.folds)])
    monkeypatch.setattr("livergrade.evaluation.power.SIZES", (12, 30))
    monkeypatch.setattr("livergrade.evaluation.expected_width.COHORTS", 5)


def test_a_plan_before_a_study(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    config = PlanConfig(patients=60, half_width=15, studies=10)
    plan = json.loads(write_plan(config, tmp_path / "out", "typed").read_text())
    assert plan["command"] == "typed"
    assert plan["run"] is None
    assert plan["known"]["test_patients"] == 12
    assert plan["expected"]["accuracy"] == 80
    assert {path.name for path in (tmp_path / "out").rglob("*.*")} == {"plan.json", "plan.png", "plan.svg"}
    assert "60 patients, 12 of them tested and 10 validating" in caplog.text


def test_a_plan_after_a_run_goes_by_what_it_has(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    run = finished_run(tmp_path / "run", "senet", skill=0.2, patients=96)
    config = PlanConfig(run=str(run), half_width=15, studies=10)
    plan = json.loads(write_plan(config, tmp_path / "out", "typed").read_text())
    value = plan["run"]["accuracy"]["senet"]["patient"]["value"]
    assert plan["expected"]["accuracy"] == pytest.approx(100 * value)
    assert plan["expected"]["test_fraction"] == 0.25
    assert plan["known"]["test_patients"] == 24
    assert "too few for one of poor, moderate, well (12 each); enough for means" in caplog.text
    assert "each contains all grades, as there are 0 validation patients and it needs 9" in caplog.text


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (PlanConfig(rarest=40), "rarest=40: with 3 grades the rarest has at most 33.3 %"),
        (PlanConfig(run="somewhere", patients=74), "leave out one of the two"),
        (PlanConfig(run="nowhere"), "nowhere: there is no such folder"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, config: PlanConfig, told: str) -> None:
    with pytest.raises(UserError, match=told):
        write_plan(config, tmp_path, "typed")
