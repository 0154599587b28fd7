"""What a run leaves beside its checkpoints."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from livergrade.runs.run import Run
from livergrade.training.board import Board
from livergrade.training.outputs import evaluation_facts, run_facts, write_history
from tests.conftest import finished_run

TRAINER = SimpleNamespace(strategy=SimpleNamespace(root_device=torch.device("cpu")), precision="32-true")


def test_an_evaluation_says_what_is_known_of_the_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVERGRADE_TYPED", json.dumps(["livergrade/evaluate.py", "run=run"]))
    run = Run(finished_run(tmp_path / "run", "senet"))
    facts = evaluation_facts(TRAINER, run)  # type: ignore[arg-type]
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["trained_run"], facts["trained_by"]) == (str(run.folder), "python -m livergrade.train")
    assert (facts["parameters"], facts["device"], facts["precision"]) == (5, "cpu", "32-true")
    assert facts["versions"] == run_facts(TRAINER)["versions"]  # type: ignore[arg-type]
    assert not {"epochs", "seconds"} & set(facts)  # they were the training's


def test_the_epoch_that_was_tested_is_the_one_of_the_lowest_smoothed_loss(tmp_path: Path) -> None:
    logger = Board(tmp_path)
    for epoch, loss in enumerate((3.0, 1.0, 2.0), 1):
        logger.log_metrics({"val/loss_smooth": loss}, step=epoch)
    logger.finalize("success")
    assert write_history(tmp_path) == (3, 2)
    assert (tmp_path / "history.csv").read_text().splitlines()[0].startswith("epoch,")
