"""Whole runs on a pretended card (pretended_card.py): no mixed devices, no waits in a step, few operations.

The numbers are upper bounds that were counted when they were written; a change that needs more says so here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import lightning as L
import pytest
import torch

from livergrade.runs.environment import read_environment
from tests.conftest import TINY, command, train
from tests.pretended_card import CARD, Counts, pretended_card

pytestmark = pytest.mark.usefixtures("unreported", "undrawn")

OPERATIONS = {"test_resnet": 330, "vgg16": 330, "resnet50": 760, "cbam": 1854, "senet": 1022, "sknet": 1300}
"""Of a training step with AdamW in bf16, at most: views, network, loss, optimizer, and what is kept."""

WAITS = 4
"""Of the host in an epoch, at most: it reads each pass once, the smoothed loss, and all else may take one."""


class Steps(L.Callback):
    """Counts of each step of training, and of all else in an epoch."""

    def __init__(self, counts: Counts) -> None:
        self.counts, self.steps, self.between = counts, list[Counts](), list[Counts]()

    def on_train_epoch_start(self, *_: object) -> None:
        self.between.append(self.counts.taken())

    def on_train_batch_end(self, *_: object) -> None:
        self.steps.append(self.counts.taken())


@dataclass
class Card:
    """The pretended card, and what ran on it."""

    counts: Counts
    runs: list[Steps]


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    from livergrade.training import trainer

    callbacks = trainer.run_callbacks
    with pretended_card() as counts:
        found = Card(counts, [])

        def watched(*args: object, **named: object) -> list[L.Callback]:
            found.runs.append(Steps(counts))
            return [*callbacks(*args, **named), found.runs[-1]]

        monkeypatch.setattr(trainer, "run_callbacks", watched)
        yield found


def check(card: Card, operations: int, waits: int = WAITS) -> None:
    """The counts of a run, but for its first epoch, in which libraries look around."""
    (run,) = card.runs  # of two epochs
    assert len(run.steps) in (6, 10), "three steps an epoch, or five without validation"
    for step in run.steps[-2:]:  # the first of an epoch may swap the moving average
        assert not step.waits
        assert step.operations.total() <= operations
    for between in run.between[1:]:
        assert between.waits.total() <= waits, between.waits


LAST = (
    *("trainer.accelerator=auto", "trainer.map_patients=1", "trainer.map_epochs=0", "trainer.max_epochs=2"),
    "data.batch_size=4",
)


def test_a_run_from_training_to_maps(card: Card, small: list[str], tmp_path: Path) -> None:
    run, words = tmp_path / "run", ["augment.mixup=0.2", "optim.ema=0.9", "optim=adamw"]
    train(*TINY, *small, *LAST, *words, f"hydra.run.dir={run}", outputs=tmp_path)
    check(card, OPERATIONS["test_resnet"])
    image = next(Path(small_folder(small)).rglob("*.png"))
    command("predict", f"run={run}", str(image), f"out={tmp_path / 'graded'}", outputs=tmp_path)
    command("explain", f"run={run}", str(image), f"out={tmp_path / 'why'}", outputs=tmp_path)
    assert (tmp_path / "graded" / "images.csv").is_file()
    environment = (run / "environment.json").read_text()
    assert '"cuda:0"' in environment
    assert "bf16-mixed" in environment


@pytest.mark.slow
@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("model", ["vgg16", "resnet50", "cbam", "senet", "sknet"])
def test_each_network(card: Card, small: list[str], model: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = [f"model={model}", "optim=adamw", "trainer.map_epochs=1"]
    train(*small, *LAST, *words, f"hydra.run.dir={run}", outputs=tmp_path)
    check(card, OPERATIONS[model], waits=WAITS + 2)
    image = next(Path(small_folder(small)).rglob("*.png"))
    for name in ("predict", "explain"):
        command(name, f"run={run}", str(image), f"out={tmp_path / name}", outputs=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "more"),
    [
        (["augment.mixup=0.4", "optim.ema=0.9", "model.head=corn", "optim=sgd"], 60),
        (["data.cache=disk", "loss.class_weights=true", "loss.neighbours=0.1"], 0),
        (["data.cache=none", "augment.crop=0.8", "augment.border=crop"], 0),
        (["data.cache=device", "split.val_fraction=0", "optim.layer_decay=0.8"], 60),
        (["model.frozen=true", "augment.mixup=0.4"], 0),
    ],
)
def test_options_that_change_a_step(
    card: Card, small: list[str], words: list[str], more: int, tmp_path: Path
) -> None:
    train(*TINY, *small, *LAST, *words, f"hydra.run.dir={tmp_path / 'run'}", outputs=tmp_path)
    check(card, OPERATIONS["test_resnet"] + more)


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine has a card, and whoever asks for more than whether it is there fails."""

    def touched(*_: object, **__: object) -> None:
        pytest.fail("the card was used")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for name in ("_lazy_init", "get_device_name", "mem_get_info", "is_bf16_supported", "set_device"):
        monkeypatch.setattr(torch.cuda, name, touched)
    monkeypatch.setattr(torch.Tensor, "pin_memory", touched)


@pytest.mark.usefixtures("untouched")
def test_grading_on_the_cpu_leaves_the_card_alone(tiny_run: Path, tmp_path: Path, manifest: Path) -> None:
    image = next(manifest.parent.rglob("*.png"))
    command(
        "predict",
        f"run={tiny_run}",
        str(image),
        "accelerator=cpu",
        f"out={tmp_path / 'graded'}",
        outputs=tmp_path,
    )
    assert (tmp_path / "graded" / "images.csv").is_file()


@pytest.mark.slow
@pytest.mark.usefixtures("untouched")
def test_training_on_the_cpu_leaves_the_card_alone(small: list[str], tmp_path: Path) -> None:
    train(
        *TINY,
        *small,
        "trainer=cpu",
        "trainer.max_epochs=1",
        f"hydra.run.dir={tmp_path / 'run'}",
        outputs=tmp_path,
    )
    assert read_environment(tmp_path / "run" / "environment.json")["gpu"] is None


def test_a_mixture_of_devices_and_a_wait_are_seen() -> None:
    with pretended_card() as counts:
        images = torch.ones(4, device="cuda")
        with pytest.raises(RuntimeError, match="both devices"):
            images + torch.ones(4)
        with pytest.raises(TypeError, match="numpy"):
            images.numpy()
        assert images.device == CARD
        assert not counts.waits
        float(images.sum())
        images[images > 0].cpu()
        assert counts.waits.total() == 3
        host = torch.empty(4, pin_memory=True)
        host.copy_(images, non_blocking=True)
        assert host.isnan().all()  # it has not arrived
        torch.cuda.synchronize()
        assert host.eq(1).all()
        assert counts.operations["sum"] == 1
    assert not torch.cuda.is_available()


def small_folder(small: list[str]) -> str:
    """Folder of the tiny cohort."""
    manifest = next(word for word in small if word.startswith("data.manifest="))
    return str(Path(manifest.partition("=")[2]).parent)
