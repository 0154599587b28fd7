"""The optimiser and its learning rates."""

from pathlib import Path

import lightning as L
import pytest
import torch

from livergrade.config.schema import OptimConfig
from livergrade.training.optim import cosine_schedule, make_optimizer
from tests.training.tasks import batches, task

pytestmark = pytest.mark.usefixtures("narrow")


def test_schedule_warms_up_and_ends_at_zero(tmp_path: Path) -> None:
    network = {"model": "timm", "backbone": "test_resnet"}  # of which the rate knows nothing
    module = task(schedule="cosine", lr=0.1, warmup_epochs=1.0, **network)
    run = L.Trainer(
        max_epochs=10, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False
    )
    rates = []

    class Watch(L.Callback):
        def on_train_batch_start(self, trainer, *_: object) -> None:
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    run.callbacks.append(Watch())
    run.fit(module, torch.utils.data.DataLoader(batches([0, 1, 2]) * 4, batch_size=None))
    assert len(rates) == 40
    assert rates[:4] == sorted(rates[:4])
    assert max(rates) == pytest.approx(0.1)
    assert rates[-1] < 0.001


def test_sgd_of_the_paper_is_plain(tmp_path: Path) -> None:
    module = task(name="sgd", lr=0.001, momentum=0.0, weight_decay=0.0, schedule="constant")
    optimizer = module.configure_optimizers()
    assert isinstance(optimizer, torch.optim.SGD)
    group = optimizer.param_groups[0]
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.001, 0.0, 0.0)


def test_layers_below_the_head_learn_more_slowly() -> None:
    module = task(layer_decay=0.5, lr=0.1, schedule="constant")
    groups = module.configure_optimizers().param_groups
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    assert len(rates) == len(list(module.net.parameters()))
    assert rates[id(module.net.fc.weight)] == groups[0]["lr"] == 0.1  # the head's is the one that is logged
    assert rates[id(module.net.layer4[2].conv1.weight)] == 0.05
    assert rates[id(module.net.layer4[0].conv1.weight)] == 0.0125
    assert min(rates.values()) == rates[id(module.net.conv1.weight)] == 0.1 * 0.5**18


def test_rates_rise_over_the_warmup_and_fall_along_a_cosine() -> None:
    optimizer = make_optimizer(torch.nn.Linear(2, 1), OptimConfig(name="sgd", lr=1.0), fused=False)
    schedule, rates = cosine_schedule(optimizer, 11, warmup=3), []
    for _ in range(12):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert rates[7] == pytest.approx(0.5)  # half-way between the warm-up and the end
    assert rates[11] == pytest.approx(0)
    assert rates[3:] == sorted(rates[3:], reverse=True)


def test_while_the_head_alone_is_trained_the_rate_stays_and_warmup_comes_after() -> None:
    optimizer = make_optimizer(torch.nn.Linear(2, 1), OptimConfig(name="sgd", lr=1.0), fused=False)
    schedule, rates = cosine_schedule(optimizer, 11, warmup=3, frozen=4), []
    for _ in range(16):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[:8] == pytest.approx([1, 1, 1, 1, 0.25, 0.5, 0.75, 1.0])
    assert rates[15] == pytest.approx(0)
