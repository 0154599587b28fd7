"""Names of jobs and folders of commands."""

import json
from pathlib import Path

import pytest

from livergrade.runs.paths import comparison_dir, evaluation_dir, export_dir, job_name


def typed(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setenv("LIVERGRADE_TYPED", json.dumps(["livergrade/train.py", "-m", *words]))


def test_a_job_is_named_by_what_the_sweep_varies(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(
        monkeypatch,
        "model=senet,cbam",
        "split.fold=range(2)",
        "trainer.progress=false",
        "data.classes=[a,High-grade IN]",
        "hydra.sweep.dir=x",
    )
    # As Hydra hands them over.
    job = ["model=cbam", "split.fold=1", "trainer.progress=False", "data.classes=[a,High-grade IN]"]
    assert job_name(3, job) == "3_model-cbam_split.fold-1"


def test_what_a_sweeper_adds_names_a_job_too(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "model=senet")
    assert job_name(0, ["model=senet", "optim.lr=0.01"]) == "0_optim.lr-0.01"


def test_folders_of_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVERGRADE_OUTPUTS", str(tmp_path / "outputs"))
    run = tmp_path / "senet"
    run.mkdir()
    assert comparison_dir([str(run)]) == f"{run}/comparison"
    assert comparison_dir([str(run), str(tmp_path)]).startswith(f"{tmp_path}/outputs/comparisons/")
    assert evaluation_dir(str(run)).startswith(f"{tmp_path}/outputs/evaluations/")  # no run yet
    (run / "config.yaml").touch()
    assert evaluation_dir(str(run)).startswith(f"{run}/evaluations/")
    assert export_dir(str(run), None, "onnx") == f"{run}/export"
    assert export_dir(str(run), None, "wsinfer") == f"{run}/export/wsinfer"
