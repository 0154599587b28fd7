"""Runs that are compared: what counts as equal, and what is said of one that failed."""

import json
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
import torch

from tests.benchmarks.scripts import load


@pytest.fixture(scope="module")
def repeat() -> ModuleType:
    return load("repeat")


def kept(folder: Path, weight: float, probability: float) -> Path:
    (folder / "checkpoints").mkdir(parents=True)
    torch.save({"state_dict": {"net.weight": torch.tensor([weight])}}, folder / "checkpoints" / "best.ckpt")
    table = pd.DataFrame({"image": ["a", "b"], "p_poor": [0.5, probability], "p_well": [0.5, 0.1]})
    table.to_csv(folder / "predictions.csv", index=False)
    return folder


def test_runs_are_equal_by_weights_and_by_probabilities(repeat: ModuleType, tmp_path: Path) -> None:
    first = kept(tmp_path / "first", 1, 0.25)
    equal = repeat.compared(first, kept(tmp_path / "second", 1, 0.25))
    assert equal == {"weights": True, "predictions": True, "largest difference": 0}
    other = repeat.compared(first, kept(tmp_path / "third", 1 + 1e-6, 0.5))
    assert other == {"weights": False, "predictions": False, "largest difference": 0.25}


def test_a_run_that_fails_is_named_with_its_last_line(
    repeat: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(training, chosen) -> str:
        folder = training.folder(chosen.out)
        if training.model == "senet":
            kept(folder, 1, 0.25)
            return ""
        return "exit code 1: no memory" if training.kind == "first" else ""

    monkeypatch.setattr(repeat, "train", fails)
    words = ["--models=senet,cbam", "--kernels=deterministic", f"--out={tmp_path}", "--tiny"]
    assert repeat.main([*words, f"--json={tmp_path / 'rows.json'}"]) == 1
    rows = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == rows
    senet, cbam = ([row for row in rows if row["model"] == name] for name in ("senet", "cbam"))
    assert [row["kind"] for row in senet] == ["second", "resumed", "graph"]
    assert all(row["weights"] and row["predictions"] for row in senet)
    assert [row["error"] for row in cbam] == ["exit code 1: no memory"] * 4


@pytest.mark.slow
def test_runs_on_a_cpu_are_equal(repeat: ModuleType, tmp_path: Path) -> None:
    words = ["--models=resnet50", "--kernels=default", "--tiny", f"--json={tmp_path / 'rows.json'}"]
    assert repeat.main(words) == 0
    rows = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert [row["kind"] for row in rows] == ["second", "resumed", "graph"]
    assert all(row["weights"] and row["predictions"] for row in rows)
