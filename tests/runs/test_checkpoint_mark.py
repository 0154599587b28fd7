"""A checkpoint is of one split and one set of options, whatever its folder says."""

import shutil
from pathlib import Path

import pytest
import torch

from livergrade.config.schema import TrainConfig
from livergrade.errors import UserError
from livergrade.evaluation.splits import read_split_table
from livergrade.runs.checkpoint_mark import checkpoint_mark
from livergrade.runs.finished import mark_finished
from livergrade.runs.folder import read_options
from livergrade.runs.run import Run
from livergrade.training.stored_state import restore
from tests.conftest import finished_run
from tests.training.tasks import resumed


def test_training_marks_both_checkpoints(tiny_run: Path) -> None:
    mark = checkpoint_mark(read_options(tiny_run), read_split_table(tiny_run / "split.csv"))
    for name in ("best", "last"):
        content = torch.load(tiny_run / "checkpoints" / f"{name}.ckpt", weights_only=True)
        assert {key: content["hyper_parameters"][key] for key in mark} == mark


def test_what_a_resumed_run_may_change_is_not_in_it(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run", "senet", patients=12)
    config, split = read_options(run), read_split_table(run / "split.csv")
    mark = checkpoint_mark(config, split)
    config.trainer.max_epochs += 1
    config.data.workers += 1
    config.model.weights = "a.pt"
    config.train.resume = str(run)
    config.optim.lr = float(config.optim.lr)
    assert checkpoint_mark(config, split.iloc[::-1]) == mark
    for group, name, value in (
        ("optim", "lr", 0.123),
        ("augment", "step_degrees", 33.0),
        ("split", "fold", 1),
    ):
        changed = read_options(run)
        setattr(getattr(changed, group), name, value)
        assert checkpoint_mark(changed, split)["options"] != mark["options"], name
    assert checkpoint_mark(TrainConfig(seed=1), split)["options"] != mark["options"]
    split.loc[0, "split"] = "val"
    assert checkpoint_mark(read_options(run), split)["split"] != mark["split"]


def test_a_network_of_another_split_or_of_other_options_is_refused(folds: Path, tmp_path: Path) -> None:
    first, second = sorted(folds.glob("[012]_*"))[:2]
    run = Path(shutil.copytree(first, tmp_path / "run"))
    shutil.copy(second / "checkpoints" / "best.ckpt", run / "checkpoints" / "best.ckpt")
    mark_finished(run)  # so that nothing but the checkpoint tells
    told = r"best\.ckpt: was trained with another split than .*run/split\.csv .*put the run's own file back"
    with pytest.raises(UserError, match=told) as error:
        Run(run).network()
    assert "\n" not in str(error.value)
    content = torch.load(first / "checkpoints" / "best.ckpt", weights_only=True)
    content["hyper_parameters"]["options"] = "0" * 64
    torch.save(content, run / "checkpoints" / "best.ckpt")
    mark_finished(run)
    with pytest.raises(UserError, match=r"best\.ckpt: was trained with other options than .*config\.yaml"):
        Run(run).network()
    del content["hyper_parameters"]["split"]
    torch.save(content, run / "checkpoints" / "best.ckpt")
    with pytest.raises(UserError, match=r"best\.ckpt: does not say with which split it was trained"):
        Run(run).network()


@pytest.mark.parametrize("name", ["last.ckpt", "best.ckpt"])
def test_a_run_is_not_resumed_from_another_runs_state(name: str, folds: Path, tmp_path: Path) -> None:
    first, second = sorted(folds.glob("[012]_*"))[:2]
    run = Path(shutil.copytree(first, tmp_path / "run"))
    shutil.copy(second / "checkpoints" / name, run / "checkpoints" / name)
    trainer, task, data, config = resumed(run)
    with pytest.raises(
        UserError, match=rf"{name}: was saved by a run with another split than .*split\.csv"
    ) as told:
        restore(trainer, task, data, config, run)
    assert "put the run's own file back, or start a new run" in str(told.value)
    assert "\n" not in str(told.value)
