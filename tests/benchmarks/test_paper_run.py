"""What the paper's whole experiment would take, in small on the CPU."""

import argparse
import json
from pathlib import Path
from types import ModuleType

import pytest

from tests.benchmarks.scripts import load


@pytest.fixture(scope="module")
def paper_run() -> ModuleType:
    return load("paper_run")


def test_missing_epochs_are_counted_by_the_median_of_the_trained(
    paper_run: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = [{"job": "vgg16", "seconds": [1.0, 9.0, 1.0]}, {"job": "senet", "seconds": [2.0, 2.0, 2.0]}]
    monkeypatch.setattr(paper_run, "epochs", lambda chosen: iter(rows))
    chosen = argparse.Namespace(models=["vgg16", "senet"], epochs=4)
    found = paper_run.projected(chosen, tmp_path, seconds=40.0)
    assert found == {"vgg16": 1.0, "senet": 2.0, "hours": (40 + 296 * 3) / 3600}


def test_a_network_without_epochs_is_told(
    paper_run: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(paper_run, "epochs", lambda chosen: iter([{"job": "vgg16", "seconds": [1.0]}]))
    with pytest.raises(SystemExit, match="1 of 2 runs have epochs"):
        paper_run.projected(argparse.Namespace(models=["vgg16", "senet"], epochs=2), tmp_path, 1.0)


@pytest.mark.slow
def test_ways_are_trained_and_projected(paper_run: ModuleType, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    paper_run.main(
        [
            "--models=resnet50,senet",
            "--epochs=2",
            "--ways",
            "",
            "data.batch_size=4",
            "--side-by-side=2",
            "--tiny",
            "--device=cpu",
            f"--out={tmp_path / 'runs'}",
            f"--json={told}",
        ]
    )
    plain, other, together = json.loads(told.read_text())["rows"]
    for row in (plain, other):
        assert row["floor, hours"] > 0  # of all views, where a tiny run takes two batches of them
        assert row["hours"] * 3600 > row["seconds"]
    assert together["times as fast"] == pytest.approx(plain["seconds"] / together["seconds"])
