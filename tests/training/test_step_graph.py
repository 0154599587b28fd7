"""Recorded steps: when they are, what stays as it was, and what happens where they can't be."""

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from livergrade.config.schema import TrainConfig
from livergrade.errors import UserError
from livergrade.training.setup import make_task
from livergrade.training.step_graph import RecordedSteps
from livergrade.training.task import GradingTask
from livergrade.training.trainer import make_trainer

BATCH = 4


class Recorder:
    """In the place of PyTorch's recording: passes that warm up, and a network that counts its replays."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.recorded, self.replays = error, [], 0

    def __call__(self, net: nn.Module, sample: tuple[torch.Tensor, ...], allow_unused_input: bool) -> None:
        self.recorded.append((tuple(sample[0].shape), net.training, torch.is_autocast_enabled("cpu")))
        one_by_one = net.forward
        for _ in range(3):
            one_by_one(*sample)
        if self.error:
            raise self.error

        def replay(views: torch.Tensor) -> torch.Tensor:
            self.replays += 1
            return one_by_one(views)

        net.forward = replay  # type: ignore[method-assign]


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    found = Recorder()
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", found)
    return found


@pytest.fixture
def task(monkeypatch: pytest.MonkeyPatch) -> GradingTask:
    """A network that says it is on a GPU."""
    config = TrainConfig()
    config.model.name, config.model.backbone, config.data.image_size = "timm", "test_resnet", 32
    monkeypatch.setattr(GradingTask, "device", torch.device("cuda"))
    monkeypatch.setattr(GradingTask, "current_epoch", 0)
    return make_task(config, config.data.classes, "")


def batch(count: int = BATCH) -> dict[str, torch.Tensor]:
    return {"view": torch.randn(count, 3, 32, 32), "grade": torch.arange(count) % 3}


def trainer(processes: int = 1) -> SimpleNamespace:
    precision = SimpleNamespace(forward_context=lambda: torch.autocast("cpu", torch.bfloat16))
    return SimpleNamespace(world_size=processes, precision_plugin=precision)


def begin(
    steps: RecordedSteps, task: GradingTask, given: dict[str, torch.Tensor], processes: int = 1
) -> None:
    steps.on_train_batch_start(trainer(processes), task, given, 0)


def test_the_first_whole_batch_is_recorded_and_later_ones_are_replayed(recorder, task) -> None:
    steps = RecordedSteps(batch=BATCH, compiled=False)
    before = {name: tensor.clone() for name, tensor in task.net.state_dict().items()}
    begin(steps, task, batch(BATCH - 1))
    assert not recorder.recorded
    begin(steps, task.eval(), batch())
    begin(steps, task, batch())
    assert recorder.recorded == [((BATCH, 3, 32, 32), True, True)], (
        "once, in training, in the run's precision"
    )
    after = task.net.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before), "to warm up changed the network"

    task.net.train()
    task.net(batch()["view"])
    assert recorder.replays == 1
    task.net(batch(BATCH - 1)["view"])
    with torch.no_grad():
        task.net(batch()["view"])
    task.net.eval()(batch()["view"])
    assert recorder.replays == 1, "batches of another size, and what is not training, are not replayed"

    steps.on_train_end(trainer(), task)
    task.net.train()(batch()["view"])
    assert recorder.replays == 1
    assert "forward" not in vars(task.net)


def test_a_network_is_recorded_once_all_of_it_is_trained(recorder, task, monkeypatch) -> None:
    monkeypatch.setattr(task.model, "frozen_epochs", 1)
    steps = RecordedSteps(batch=BATCH, compiled=False)
    begin(steps, task, {"embedding": torch.zeros(BATCH, 8), "grade": torch.zeros(BATCH)})
    assert not recorder.recorded
    monkeypatch.setattr(GradingTask, "current_epoch", 1)
    begin(steps, task, batch())
    assert len(recorder.recorded) == 1


@pytest.mark.parametrize(
    ("device", "processes", "compiled", "reason"),
    [
        ("cpu", 1, False, "only a GPU has CUDA graphs"),
        ("cuda", 2, False, "several processes exchange gradients within a step"),
        ("cuda", 1, True, "torch.compile has changed the network"),
    ],
)
def test_where_steps_can_not_be_recorded_it_is_said_once(
    recorder, task, monkeypatch, caplog, device: str, processes: int, compiled: bool, reason: str
) -> None:
    monkeypatch.setattr(GradingTask, "device", torch.device(device))
    caplog.set_level(logging.WARNING)
    steps = RecordedSteps(batch=BATCH, compiled=compiled)
    for _ in range(2):
        begin(steps, task, batch(), processes)
    assert caplog.messages == [f"trainer.graph=true has no effect: {reason}"]
    assert not recorder.recorded


def test_a_network_that_can_not_be_recorded_ends_the_run_with_what_to_do(task, monkeypatch) -> None:
    failing = Recorder(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore lines"))
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", failing)
    before = {name: tensor.clone() for name, tensor in task.net.state_dict().items()}
    steps = RecordedSteps(batch=BATCH, compiled=False)
    with pytest.raises(
        UserError, match=r"\(CUDA out of memory\. Tried to allocate 2 GiB\); set trainer\.graph=f"
    ):
        begin(steps, task, batch())
    assert all(torch.equal(before[name], tensor) for name, tensor in task.net.state_dict().items())
    assert "forward" not in vars(task.net)
    steps.on_exception(trainer(), task, KeyboardInterrupt())


def test_the_option_alone_has_a_run_record_its_steps(tmp_path: Path) -> None:
    config = TrainConfig()
    config.trainer.accelerator = "cpu"
    for wanted in (False, True):
        config.trainer.graph = wanted
        made = make_trainer(config.trainer, tmp_path, validated=True, trained=config)
        assert any(isinstance(each, RecordedSteps) for each in made.callbacks) == wanted
    tested = make_trainer(config.trainer, tmp_path, validated=True)
    assert not any(isinstance(each, RecordedSteps) for each in tested.callbacks)
