"""The command as it is typed."""

import json
from pathlib import Path

import pytest

from tests.conftest import command

pytestmark = pytest.mark.usefixtures("undrawn")


def test_a_plan_is_written_into_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("livergrade.multirun.plan.designs", lambda parts: [(3, 0)])
    monkeypatch.setattr("livergrade.evaluation.power.SIZES", (12, 30))
    monkeypatch.setattr("livergrade.evaluation.expected_width.COHORTS", 5)
    command("plan", "half_width=15", "studies=50", f"out={tmp_path / 'out'}", outputs=tmp_path)
    assert "A 95 % interval of the accuracy of ± 15 points takes" in capfd.readouterr().out
    assert json.loads((tmp_path / "out" / "plan.json").read_text())["command"].startswith(
        "python -m livergrade.plan"
    )


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("accuracy=100", "accuracy=100.0: must be at least 34 and at most 99"),
        ("discordance=5", "discordance=5: two models around 80 % that are 10 points apart"),
        ("acuracy=80", "did you mean accuracy?"),
    ],
)
def test_what_cannot_be_planned_is_told_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], word: str, told: str
) -> None:
    with pytest.raises(SystemExit):
        command("plan", word, outputs=tmp_path)
    error = capfd.readouterr().err
    assert told in error
    assert "Traceback" not in error
    assert not list(tmp_path.iterdir())
