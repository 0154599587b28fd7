"""Type-I error and power of comparisons, simulated."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.benchmarks.scripts import load

REPEATS = 2000


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """The benchmark of comparisons, which is not a module of the package."""
    return load("comparisons")


def test_trainings_of_one_architecture_spread_as_is_said(benchmark: ModuleType) -> None:
    skills, accuracies = benchmark.by_skill("image")
    mean, sd = benchmark.skill_of("image", 0.8)
    drawn = np.interp(np.exp(mean + sd * np.random.default_rng(0).standard_normal(5000)), skills, accuracies)
    assert drawn.mean() == pytest.approx(0.8, abs=0.003)
    assert drawn.std() == pytest.approx(0.038, abs=0.002)


def test_a_cell_has_both_tests_at_both_levels(benchmark: ModuleType) -> None:
    found = benchmark.simulate(benchmark.Cell(15, 3, 0, 0.0), 4)
    assert set(found) == {"patient", "image"}
    for level in found.values():
        assert 0 < level["half"] < 1
        assert 0 < level["detectable"] < 1
        assert 0 <= level["before"] <= 1


def test_tables_are_written_from_the_file_of_results(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("before", "after", "equivalent", "detectable", "half", "interval_holds", "sd_holds")
    found = {level: dict.fromkeys(names, 0.05) for level in benchmark.LEVELS}
    lines = [json.dumps({"cell": asdict(cell), "repeats": 200, "found": found}) for cell in benchmark.GRID]
    (tmp_path / "found.jsonl").write_text("\n".join(lines))
    document = tmp_path / "page.md"
    document.write_text("Before.\n<!-- tables -->\nformer\n<!-- end -->\nAfter.\n")
    monkeypatch.setattr(benchmark, "DOCUMENT", document)
    monkeypatch.setattr(benchmark, "optimism_table", lambda _: ["| best of five |"])
    monkeypatch.setattr(
        sys, "argv", ["comparisons.py", "--quick", "--write", "--out", str(tmp_path / "found.jsonl")]
    )
    benchmark.main()
    text = document.read_text()
    assert text.startswith("Before.\n<!-- tables -->\nIn per cent; 200 repeats a cell")
    assert text.endswith("<!-- end -->\nAfter.\n")
    assert "| 74 patients, 3 seeds | patient | 5.0 | 5.0 |" in text
    assert "| 74 patients, 1 seed | patient | 5.0 | not claimed |" in text
    assert "former" not in text
    assert "best of five" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("design", [(74, 3, 0), (74, 5, 0), (15, 3, 0), (15, 5, 0), (74, 1, 5)])
def test_equal_architectures_are_told_apart_in_at_most_six_per_cent(
    benchmark: ModuleType, design: tuple[int, int, int]
) -> None:
    found = benchmark.simulate(benchmark.Cell(*design, 0.0), REPEATS)
    assert {level: round(one["after"], 4) for level, one in found.items() if one["after"] > 0.06} == {}
