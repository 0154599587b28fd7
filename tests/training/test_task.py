"""The network as Lightning trains and tests it."""

from pathlib import Path

import lightning as L
import pytest
import torch

from livergrade.errors import UserError
from tests.training.tasks import CLASSES, batches, loader, task, trainer

pytestmark = pytest.mark.usefixtures("narrow")


def test_a_grade_that_is_absent_has_no_figure(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.fit(task(), loader([0, 1, 2, 0]), loader([0, 0, 1]))
    logged = run.callback_metrics
    assert {"train/recall/well", "val/recall/poor", "val/macro_auroc"} <= set(logged)
    assert not [name for name in logged if name.startswith("val/") and name.endswith("/well")]


def test_one_grade_alone_has_neither_kappa_nor_auroc(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.fit(task(), loader([0, 1, 2, 0]), loader([1, 1]))
    assert "val/accuracy" in run.callback_metrics
    assert not [
        name
        for name in run.callback_metrics
        if name.startswith("val/") and ("kappa" in name or "auroc" in name)
    ]


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"not a finite number in epoch 1 \(train\), batch 1, images .*optim\.lr"
    ):
        trainer(tmp_path).fit(task(), loader([0, 1, 2, 0], spoil=True))


def test_answers_that_are_no_numbers_are_an_error(tmp_path: Path) -> None:
    """torchmetrics would count them as the first grade."""
    with pytest.raises(UserError, match=r"not a finite number in epoch 1 \(val\), batch 1, images"):
        trainer(tmp_path).validate(task(), loader([0, 1, 2, 0], spoil=True))


def test_hyperparameters_are_plain_values() -> None:
    def kinds(values: object) -> set[type]:
        inside = values.values() if isinstance(values, dict) else values if isinstance(values, list) else ()
        return {type(values)}.union(*(kinds(value) for value in inside))

    assert kinds(dict(task().hparams)) <= {str, int, float, bool, list, dict, type(None)}


def test_the_epoch_is_chosen_by_a_smoothed_loss(tmp_path: Path) -> None:
    module = task(lr=1e-5)
    run = trainer(tmp_path)
    run.fit_loop.max_epochs = 3
    losses, smooth = [], []

    class Watch(L.Callback):
        def on_train_epoch_end(self, trainer, *_: object) -> None:
            losses.append(float(trainer.callback_metrics["val/loss"]))
            smooth.append(float(trainer.callback_metrics["val/loss_smooth"]))

    run.callbacks.append(Watch())
    run.fit(module, loader([0, 1, 2, 0]), loader([0, 1, 2]))
    first, second, third = losses
    halves = [first, (first + second) / 2, ((first + second) / 2 + third) / 2]
    assert smooth == pytest.approx(halves, rel=1e-5)
    assert float(module.state_dict()["smooth_loss"]) == pytest.approx(
        smooth[-1]
    )  # and a resume goes on from it


def test_a_frozen_network_keeps_its_weights_and_statistics(tmp_path: Path) -> None:
    module = task(frozen=True, lr=0.1)
    before = {name: tensor.clone() for name, tensor in module.net.state_dict().items()}
    trainer(tmp_path).fit(module, loader([0, 1, 2, 0]))
    changed = {
        name for name, tensor in module.net.state_dict().items() if not torch.equal(tensor, before[name])
    }
    assert changed == {"fc.weight", "fc.bias"}


class Watch(L.Callback):
    """What the network and the optimizer hold after each epoch, and the rate of each."""

    def __init__(self) -> None:
        self.held: list[dict[str, torch.Tensor]] = []
        self.remembered: list[int] = []
        self.rates: list[float] = []

    def on_train_batch_start(self, trainer, module, *_: object) -> None:
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_epoch_end(self, trainer, module) -> None:
        self.held.append({name: tensor.clone() for name, tensor in module.net.state_dict().items()})
        self.remembered.append(len(trainer.optimizers[0].state))


def watched(folder: Path, epochs: int, precision: str = "32-true", **changed: object) -> Watch:
    """What epochs of two steps each leave, the start in front."""
    module, watch = task(model="timm", backbone="test_resnet", lr=0.01, **changed), Watch()
    watch.held.append({name: tensor.clone() for name, tensor in module.net.state_dict().items()})
    run = trainer(folder, precision=precision)
    run.fit_loop.max_epochs = epochs
    run.callbacks.append(watch)
    training = torch.utils.data.DataLoader(batches([0, 1, 2, 0]) * 2, batch_size=None)
    run.fit(module, training, loader([0, 1, 2]))
    return watch


def changed(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> set[str]:
    return {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_in_the_first_epochs_the_head_alone_is_trained_and_then_everything(
    tmp_path: Path, precision: str
) -> None:
    watch = watched(
        tmp_path,
        3,
        precision,
        frozen_epochs=2,
        layer_decay=0.5,
        warmup_epochs=0.0,
        weight_decay=0.1,
        mixup=0.2,
    )
    start, first, second, third = watch.held
    head = {"fc.weight", "fc.bias"}
    assert changed(start, first) == changed(first, second) == head  # neither statistics nor weight decay
    assert changed(second, third) == set(start)
    assert watch.remembered == [2, 2, len(list(task(model="timm", backbone="test_resnet").net.parameters()))]
    assert watch.rates == pytest.approx([0.01] * 5 + [0.005])  # of the cosine's two steps, the second is half


def fitted(folder: Path, grades: list[int], **changed: object) -> tuple[float, float]:
    """The loss that a step makes small, and the one that is logged."""
    module, made_small = task(lr=0.0, **changed), []
    trained = module.training_step
    module.training_step = lambda *step: made_small.append(trained(*step)) or made_small[-1]  # type: ignore[method-assign]
    run = trainer(folder)
    run.fit(module, loader(grades))
    return float(made_small[0].detach()), float(run.callback_metrics["train/loss"])


def test_the_logged_loss_is_plain_whatever_is_made_small(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = task().state_dict()

    def start(folder: str, **changed: object) -> tuple[float, float]:
        torch.manual_seed(0)
        return fitted(tmp_path / folder, [0, 1, 2, 0], **changed)

    plain, logged = start("plain")
    assert plain == pytest.approx(logged, rel=1e-5)
    small, same = start("neighbours", neighbours=0.4)
    assert same == logged
    assert small != pytest.approx(plain)
    small, same = start("weights", class_weights=[0.5, 2.0, 1.0])
    assert same == logged
    assert small != pytest.approx(plain)
    assert task(class_weights=[1.0, 2.0, 3.0], neighbours=0.1).state_dict().keys() == state.keys()


def test_mixed_embeddings_of_a_frozen_network(tmp_path: Path) -> None:
    module = task(frozen=True, mixup=0.4, head="corn", lr=0.1)
    batch = batches([0, 1, 2, 0])[0]
    batch["embedding"] = torch.randn(4, 2048)
    del batch["view"]
    before = module.net.fc.conditional_weight.clone()
    trainer(tmp_path).fit(module, torch.utils.data.DataLoader([batch], batch_size=None))
    assert not torch.equal(module.net.fc.conditional_weight, before)


def test_two_grades_are_trained_with_every_option(tmp_path: Path) -> None:
    module = task(CLASSES[:2], head="corn", neighbours=0.1, class_weights=[1.0, 2.0], mixup=0.2)
    run = trainer(tmp_path)
    run.fit(module, loader([0, 1, 1, 0]), loader([0, 1]))
    assert "val/quadratic_kappa" in run.callback_metrics


def test_targets_and_weights_go_with_half_precision(tmp_path: Path) -> None:
    module = task(neighbours=0.1, class_weights=[0.5, 2.0, 1.0], mixup=0.2, head="corn")
    run = trainer(tmp_path, precision="bf16-true")
    run.fit(module, loader([0, 1, 2, 0]), loader([0, 1, 2]))
    assert run.callback_metrics["train/loss"].isfinite()
