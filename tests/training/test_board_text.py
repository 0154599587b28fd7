"""Pages of TensorBoard's tab TEXT."""

from pathlib import Path

from livergrade.runs.run import Run
from livergrade.training.board_text import pages
from tests.conftest import finished_run


def test_verdict_split_and_options(tmp_path: Path) -> None:
    run = Run(finished_run(tmp_path / "run", "senet", seed=3))
    told = pages(run)
    assert list(told) == sorted(told)
    verdict, split, changed, everything = told.values()
    assert "**senet graded" in verdict
    kappa = run.metrics["image"]["quadratic_kappa"]
    assert kappa["low"] is None
    assert f"| Quadratic-weighted kappa | {kappa['value']:.3f} |" in verdict
    assert "| poor |" in verdict
    assert "| all | " in split
    assert f"{run.tested['patient'].nunique()} patients, " in split
    lines = [line for line in changed.splitlines() if line.startswith("| seed |")]
    assert lines[0].startswith("| seed | 3 | 0 |")
    assert "optim.lr" not in changed
    assert "optim.lr" in everything
    assert "data.cache" not in everything


def test_names_are_text_and_no_marks(tmp_path: Path) -> None:
    folder = finished_run(tmp_path / "run", "senet", options={"data.patient_pattern": "<b>|*\n"})
    assert "\\<b\\>\\|\\*\\\\n" in pages(Run(folder))["3 options that differ from the defaults"]


def test_an_interval_stands_in_brackets_behind_its_number(tmp_path: Path) -> None:
    run = Run(finished_run(tmp_path / "run", "senet", patients=90))
    accuracy = {name: 100 * run.metrics["patient"]["accuracy"][name] for name in ("value", "low", "high")}
    told = f"{accuracy['value']:.1f} % ({accuracy['low']:.1f}–{accuracy['high']:.1f})"
    assert told in pages(run)["1 verdict"]
