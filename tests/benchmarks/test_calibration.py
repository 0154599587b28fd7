"""Harm and coverage of calibration, simulated."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from livergrade.evaluation.calibration import patient_sums
from livergrade.evaluation.temperature import LOG_TEMPERATURES, best_log_temperature, scaled
from tests.benchmarks.scripts import load
from tests.evaluation import cohorts

REPEATS = 1000


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """The benchmark of calibration, which is not a module of the package."""
    return load("calibration")


def test_losses_are_those_of_the_package(benchmark: ModuleType) -> None:
    cell = benchmark.Cell(4, 0.8, 0.4).cohort()
    losses = benchmark.image_losses(cell, np.random.default_rng(1), 1)[0]
    sd = cohorts.solve_sd(cell, "image")
    level = cohorts.read(cell, *cohorts.draw(np.random.default_rng(1), cell, 1), sd, "image").level(0)
    for place in (60, 110, 200):
        scores = scaled(level.scores, np.exp(benchmark.WIDE[place]))
        sums = patient_sums(level.truth, scores, level.patient)
        np.testing.assert_allclose(losses[:, place], sums["log_loss"] / sums["rows"], rtol=1e-4)


def test_a_network_that_is_off_has_the_same_losses_at_another_temperature(benchmark: ModuleType) -> None:
    assert benchmark.WIDE[benchmark.SHIFTS] == pytest.approx(LOG_TEMPERATURES[0])
    assert len(benchmark.WIDE) == len(LOG_TEMPERATURES) + 2 * benchmark.SHIFTS
    assert benchmark.before(np.linspace(0, 1, len(LOG_TEMPERATURES))) == 0  # nothing was calibrated
    assert best_log_temperature(np.zeros(len(LOG_TEMPERATURES))) == pytest.approx(0, abs=1e-6)


def test_a_cell_has_harm_intervals_and_sets(benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "NEW", 2000)
    monkeypatch.setattr(benchmark, "NEW_SETS", 200)
    monkeypatch.setattr(benchmark, "BATCH", 2)
    benchmark.new_patients.cache_clear()
    found = benchmark.simulate(benchmark.Cell(30, 0.8, 0.4), 3)
    benchmark.new_patients.cache_clear()
    assert [len(found["harm"][name]) for name in ("before", "after", "recalibrated")] == [6, 6, 3]
    assert all(0 <= share[0] <= 1 for share in found["intervals"].values())
    for coverage, poor, moderate, well, size, fallback in found["sets"].values():
        assert min(poor, moderate, well) <= coverage <= max(poor, moderate, well)
        assert 1 <= size <= 3
        assert fallback == 0  # nine patients of each grade are enough


def test_tables_are_written_from_the_file_of_results(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {
        "harm": {"before": [0.02, 0.7] * 3, "after": [0.002, 0.4, -0.001, 0.3, -0.01, 0.2]}
        | {"recalibrated": [0.001] * 3},
        "intervals": {"percentile": [0.7], "score": [0.8]},
        "sets": {key: [0.9, 0.8, 0.95, 0.9, 1.5, 1.0] for key in ("split", "cross-fitted", "by grade")},
    }
    lines = [json.dumps({"cell": asdict(cell), "repeats": 1000, "found": found}) for cell in benchmark.GRID]
    (tmp_path / "found.jsonl").write_text("\n".join(lines))
    document = tmp_path / "page.md"
    document.write_text("Before.\n<!-- tables -->\nformer\n<!-- end -->\nAfter.\n")
    monkeypatch.setattr(benchmark, "DOCUMENT", document)
    monkeypatch.setattr(sys, "argv", ["calibration.py", "--write", "--out", str(tmp_path / "found.jsonl")])
    benchmark.main()
    text = document.read_text()
    assert text.startswith("Before.\n<!-- tables -->\n1,000 networks a setting")
    assert text.endswith("<!-- end -->\nAfter.\n")
    assert "| 7 | +0.0200 | +0.0200 | 70 % | -0.0030 | +0.0020 | 30 % | +0.0010 |" in text
    assert "| 74 | by grade, one threshold for all | 90.0 % | 80.0 %" in text
    assert "former" not in text
    assert "| 30 | 70–70 % | 80–80 % |" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("patients", [7, 15, 30, 74])
def test_calibration_does_not_raise_the_log_loss_of_new_patients(
    benchmark: ModuleType, patients: int
) -> None:
    cells = [cell for cell in benchmark.GRID if cell.patients == patients]
    harm = {}
    for cell in cells:
        rng = np.random.default_rng(7)
        parts = [
            benchmark.harm(cell, benchmark.image_losses(cell.cohort(), rng, benchmark.BATCH), rng)["after"]
            for _ in range(REPEATS // benchmark.BATCH)
        ]
        harm[cell] = np.mean(parts, 0)[0::2].tolist()
    assert {cell: rise for cell, rise in harm.items() if max(rise) > benchmark.HARM} == {}
