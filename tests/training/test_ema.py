"""Averaged weights."""

from collections.abc import Callable
from pathlib import Path

import lightning as L
import pytest
import torch

from livergrade.training.ema import AveragedWeights
from tests.training.tasks import batches, loader, task, trainer

pytestmark = pytest.mark.usefixtures("narrow", "unreported")


class Watch(L.Callback):
    """What the network holds after each step, and when it is validated."""

    def __init__(self) -> None:
        self.start: dict[str, torch.Tensor] = {}
        self.learnt: list[dict[str, torch.Tensor]] = []
        self.validated: list[dict[str, torch.Tensor]] = []

    def on_fit_start(self, trainer, pl_module) -> None:
        self.start = held(pl_module)

    def on_train_batch_end(self, trainer, pl_module, *_: object) -> None:
        self.learnt.append(held(pl_module))

    def on_validation_epoch_end(self, trainer, pl_module) -> None:
        self.validated.append(held(pl_module))


def held(module: L.LightningModule) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.net.state_dict().items()}


def assert_averaged(watch: Watch, decay: float, found: dict[str, torch.Tensor]) -> None:
    for name in ("fc.weight", "layer1.0.conv1.weight", "bn1.running_mean", "bn1.running_var"):
        average = watch.start[name]
        for step, learnt in enumerate(watch.learnt, 1):
            keeps = min(decay, (1 + step) / (10 + step))
            average = keeps * average + (1 - keeps) * learnt[name]
        torch.testing.assert_close(found[name], average)
        assert not torch.equal(found[name], watch.learnt[-1][name])


def test_the_average_of_weights_and_statistics_is_validated_and_left(tmp_path: Path) -> None:
    module, watch = task(lr=0.01), Watch()
    run = trainer(tmp_path)
    run.callbacks = [AveragedWeights(0.3), watch]
    training = torch.utils.data.DataLoader(batches([0, 1, 2, 0]) * 5, batch_size=None)
    run.fit(module, training, loader([0, 1, 2]))
    assert_averaged(watch, 0.3, watch.validated[0])
    assert_averaged(watch, 0.3, held(module))


def test_the_average_of_layers_that_are_frozen_at_first_is_what_they_are(tmp_path: Path) -> None:
    network = {"model": "timm", "backbone": "test_resnet"}
    module, watch = task(lr=0.01, frozen_epochs=1, warmup_epochs=0.0, **network), Watch()
    run = trainer(tmp_path)
    run.fit_loop.max_epochs = 2
    run.callbacks = [AveragedWeights(0.3), watch]
    training = torch.utils.data.DataLoader(batches([0, 1, 2, 0]) * 3, batch_size=None)
    run.fit(module, training, loader([0, 1, 2]))
    for name in ("layer1.0.conv1.weight", "bn1.running_mean"):
        assert torch.equal(watch.validated[0][name], watch.start[name])
    assert not torch.equal(watch.validated[0]["fc.weight"], watch.start["fc.weight"])
    assert_averaged(watch, 0.3, held(module))


def test_without_validation_the_average_is_left_too(tmp_path: Path) -> None:
    module, watch = task(lr=0.01), Watch()
    run = trainer(tmp_path)
    run.callbacks = [AveragedWeights(0.99), watch]
    run.fit(module, torch.utils.data.DataLoader(batches([0, 1, 2, 0]) * 3, batch_size=None))
    assert_averaged(watch, 0.99, held(module))


@pytest.mark.slow
def test_the_tested_checkpoint_has_the_average(run: Callable[..., Path]) -> None:
    folder = run("optim.ema=0.9")
    best, last = (
        torch.load(folder / "checkpoints" / name, weights_only=True) for name in ("best.ckpt", "last.ckpt")
    )
    state = last["callbacks"]["AveragedWeights"]
    assert state["shown"]  # the epoch ended with its validation, and the network holds what was validated
    assert all(torch.equal(best["state_dict"][name], tensor) for name, tensor in last["state_dict"].items())
    assert not torch.equal(state["other"]["fc.weight"], best["state_dict"]["net.fc.weight"])
