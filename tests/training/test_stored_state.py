"""A run is resumed from the state that it would itself have written, or it is told what is wrong with it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from livergrade.errors import UserError
from livergrade.training.stored_state import best_weights, restore
from tests.conftest import TINY, train
from tests.training.tasks import resumed

pytestmark = pytest.mark.usefixtures("unreported")
FIT, GROUP = "loops.fit_loop", "optimizer_states.0.param_groups.0"
STEPS = f"{FIT}.epoch_loop.automatic_optimization.optim_progress"


@pytest.fixture(scope="module")
def whole(small: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with all kinds of state: AdamW, a schedule, an average of the weights."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train(*TINY, *small, "optim=adamw", "optim.ema=0.9", f"hydra.run.dir={folder}", outputs=folder.parent)
    return folder


@pytest.fixture
def damaged(whole: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the run whose last checkpoint has another value at a place; ``...`` takes it out."""

    def change(place: str, value: Any, name: str = "last.ckpt") -> Path:
        run = Path(shutil.copytree(whole, tmp_path / "run"))
        content = torch.load(run / "checkpoints" / name, weights_only=True)
        put(content, place, value)
        torch.save(content, run / "checkpoints" / name)
        return run

    return change


def put(content: Any, place: str, value: Any) -> None:
    """Follow the longest keys that are there."""
    words, node = place.split("."), content
    while True:
        key: int | str
        if words[0].isdecimal():
            key, words = int(words[0]), words[1:]
        else:
            length = next((n for n in range(len(words), 0, -1) if ".".join(words[:n]) in node), len(words))
            key, words = ".".join(words[:length]), words[length:]
        if not words:
            break
        node = node[key]
    if value is ...:
        del node[key]
    else:
        node[key] = value


WRONG: list[tuple[str, Any, str]] = [
    ("epoch", -1, "epoch is -1"),
    ("epoch", 3, "contradict each other"),
    ("global_step", torch.ones(3), "global_step is a tensor"),
    ("global_step", 10**30, "18 digits"),
    ("loops", [], "loops is a list"),
    (FIT, ..., "loops lacks fit_loop"),
    (f"{FIT}.epoch_progress.current.completed", 10**9, "contradict"),
    (f"{FIT}.epoch_progress", 3, "epoch_progress is 3"),
    (f"{STEPS}.optimizer.step.total.completed", "many", "'many'"),
    ("callbacks", None, "callbacks is None"),
    ("callbacks.LastCheckpoint", ..., "LastCheckpoint is None"),
    ("callbacks.LastCheckpoint.measured", {"a\x1b": 0.5}, "measured"),
    ("callbacks.LastCheckpoint.step", 0.5, "step is 0.5"),
    ("callbacks.AveragedWeights.other", {}, "other lacks"),
    ("callbacks.AveragedWeights.shown", 2, "shown is 2"),
    ("optimizer_states", [], "param_groups is None"),
    ("optimizer_states", 3, "param_groups is None"),
    ("optimizer_states.0.state", [1], "state is a list of 1"),
    ("optimizer_states.0.state", {10**9: {}}, "belongs to no weight"),
    ("optimizer_states.0.state.0.exp_avg", ..., "lacks exp_avg"),
    ("optimizer_states.0.state.0.exp_avg", torch.ones(2), r"shape \[2\], not of shape \[16, 3, 3, 3\]"),
    ("optimizer_states.0.state.0.step", torch.tensor(-1.0), "below 0"),
    ("optimizer_states.0.state.0.step", torch.tensor(torch.nan), "not finite"),
    (f"{GROUP}.betas", "x", "betas is 'x'"),
    (f"{GROUP}.betas", (0.5, 0.5), "not the run's own"),
    (f"{GROUP}.maximize", True, "not the run's own"),
    (f"{GROUP}.amsgrad", True, "not the run's own"),
    (f"{GROUP}.lr", ..., "lacks lr"),
    (f"{GROUP}.lr", 1e6, "more than optim.lr"),
    (f"{GROUP}.params", [0], "a list of 1"),
    ("lr_schedulers", [], "lr_schedulers is a list of 0"),
    ("lr_schedulers.0.last_epoch", float("nan"), "is nan"),
    ("lr_schedulers.0.base_lrs", [9.0], "not the run's own"),
    ("state_dict.net.conv1.0.weight", torch.ones(1), "shape"),
    ("state_dict.net.conv1.0.weight", ..., "lacks net.conv1.0.weight"),
    ("state_dict.net.evil", torch.ones(1), "has net.evil"),
    ("state_dict.net.conv1.0.weight", torch.full((16, 3, 3, 3), torch.inf), "not finite"),
    ("state_dict", [], "state_dict is a list"),
    ("hyper_parameters.classes", ["well", "moderate", "poor"], "its grades are"),
    ("hyper_parameters", 5, "its grades are None"),
    ("GradingData", ..., "GradingData is None"),
    ("GradingData.batches", 10**6, "contradict"),
    ("seen", torch.ones(1, 2), r"seen is a tensor of shape \[1, 2\]"),
    ("seen", torch.full((1, 4, 7), 1e6), "the cohort does not have"),
]


@pytest.fixture(scope="module")
def ready(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Any, ...]]:
    """A copy of the run whose last checkpoint may be written over, and what resumes it."""
    run = Path(shutil.copytree(whole, tmp_path_factory.mktemp("ready") / "run"))
    return run, resumed(run)


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        pytest.param(*one, id=str(number), marks=[pytest.mark.slow] * (number % 6 > 0))
        for number, one in enumerate(WRONG)
    ],
)
def test_a_state_that_no_run_writes_is_refused_in_one_line(
    place: str, value: Any, told: str, whole: Path, ready: tuple[Path, tuple[Any, ...]]
) -> None:
    run, parts = ready
    content = torch.load(whole / "checkpoints" / "last.ckpt", weights_only=True)
    put(content, place, value)
    torch.save(content, run / "checkpoints" / "last.ckpt")
    message = rf"last\.ckpt: can't resume from it, .*{told}.*start a new run"
    with pytest.raises(UserError, match=message) as refused:
        restore(*parts, run)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 900


def test_nothing_of_the_folder_is_changed_before_the_state_is_read(
    damaged: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = damaged(f"{GROUP}.weight_decay", -5.0)
    before = {
        path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != "train.log"
    }
    with pytest.raises(SystemExit):
        train(f"train.resume={run}", "trainer.max_epochs=2", outputs=tmp_path)
    assert (
        "last.ckpt: can't resume from it, optimizer_states[0].param_groups[0].weight_decay"
        in capsys.readouterr().err
    )
    assert {path: path.read_bytes() for path in before} == before


def test_the_checkpoint_to_be_tested_is_read_before_training(damaged: Callable[..., Path]) -> None:
    run = damaged("state_dict.net.conv1.0.weight", torch.ones(2), "best.ckpt")
    with pytest.raises(UserError, match=r"best\.ckpt: can't be tested, state_dict\.net\.conv1.*move it away"):
        restore(*resumed(run), run)


def test_what_no_run_writes_is_not_loaded_and_the_rest_is(damaged: Callable[..., Path], whole: Path) -> None:
    run = damaged("lr_schedulers.0.step", "evil")
    trainer, task, data, config = resumed(run)
    restore(trainer, task, data, config, run)
    last = run / "checkpoints" / "last.ckpt"
    last.unlink()  # it is not read again
    loaded = trainer.strategy.load_checkpoint(last)
    stored = torch.load(whole / "checkpoints" / "last.ckpt", weights_only=True)
    assert loaded["lr_schedulers"] == stored["lr_schedulers"]
    assert loaded["loops"]["fit_loop"] == stored["loops"]["fit_loop"]
    assert loaded["optimizer_states"][0]["param_groups"] == stored["optimizer_states"][0]["param_groups"]
    for name in ("state_dict", "GradingData", "callbacks"):
        assert loaded[name].keys() == stored[name].keys()
    best = best_weights(run / "checkpoints" / "best.ckpt", task)
    assert set(best) == {"pytorch-lightning_version", "state_dict"}


def test_fewer_epochs_than_are_done_are_refused(whole: Path) -> None:
    trainer, task, data, config = resumed(whole)
    config.trainer.max_epochs = 0
    with pytest.raises(UserError, match=r"1 epochs of this run are done.*trainer\.max_epochs=1 or more"):
        restore(trainer, task, data, config, whole)


def test_another_number_of_processes_within_an_epoch_is_refused(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, task, data, config = resumed(whole)
    monkeypatch.setattr(
        "livergrade.training.stored_state._training_state",
        lambda *_: {
            "GradingData": {"batches": 1, "processes": 2},
            "loops": {"fit_loop": {"epoch_progress": {"current": {"processed": 0}}}},
        },
    )
    with pytest.raises(UserError, match="an epoch of 2 process"):
        restore(trainer, task, data, config, whole)
