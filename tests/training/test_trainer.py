"""The Lightning trainer of a run."""

from dataclasses import replace
from pathlib import Path

import pytest

from livergrade.config.schema import TrainConfig, TrainerConfig
from livergrade.errors import UserError
from livergrade.training.checkpoints import LastCheckpoint
from livergrade.training.trainer import channels_last, make_trainer, on_gpu

CPU = TrainerConfig(accelerator="cpu", progress=False)


def test_it_writes_into_the_runs_folder_alone(tmp_path: Path) -> None:
    trainer = make_trainer(replace(CPU, limit_batches=3, max_epochs=7), tmp_path, validated=True)
    assert trainer.default_root_dir == str(tmp_path)
    assert Path(trainer.logger.log_dir) == tmp_path / "tensorboard"
    (last,) = [one for one in trainer.callbacks if isinstance(one, LastCheckpoint)]
    assert last.path.parent == tmp_path / "checkpoints"
    assert trainer.max_epochs == 7
    assert [trainer.limit_train_batches, trainer.limit_val_batches, trainer.limit_test_batches] == [3] * 3
    assert trainer.precision == "32-true"


@pytest.mark.parametrize(
    "wrong", [{"precision": "foo"}, {"strategy": "foo"}, {"accelerator": "foo"}, {"devices": "0"}]
)
def test_what_the_machine_does_not_have_is_told(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(UserError, match=r"trainer\.\*: "):
        make_trainer(replace(CPU, **wrong), tmp_path, validated=True)


@pytest.mark.parametrize("frozen", [0, 2])
def test_several_processes_wait_for_no_gradient_of_layers_that_are_frozen_at_first(
    tmp_path: Path, frozen: int
) -> None:
    config = TrainConfig()
    config.model.frozen_epochs = frozen
    trainer = make_trainer(replace(CPU, devices="2"), tmp_path, validated=True, trained=config)
    assert trainer.strategy._ddp_kwargs.get("find_unused_parameters", False) is (frozen > 0)


def test_on_a_cpu_channels_come_last_where_that_is_asked_for() -> None:
    assert not on_gpu(CPU)
    assert not channels_last(CPU)
    assert channels_last(replace(CPU, channels_last="yes"))
