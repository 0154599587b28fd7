"""Checkpoints written whole, and runs that are stopped and gone on with."""

import functools
import signal
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch

from livergrade.errors import UserError
from livergrade.training.checkpoints import WholeCheckpointIO, checkpoint_writer, with_own_paths
from livergrade.training.task import GradingTask
from tests.conftest import TINY, train

pytestmark = pytest.mark.usefixtures("unreported")


class Unwritable:
    def __reduce__(self):
        raise RuntimeError("no")


def test_what_was_written_before_stays_if_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "checkpoints" / "last.ckpt"
    writer = WholeCheckpointIO()
    writer.save_checkpoint({"epoch": 1}, path)
    with pytest.raises(RuntimeError):
        writer.save_checkpoint({"epoch": 2, "more": Unwritable()}, path)
    assert writer.load_checkpoint(path) == {"epoch": 1}
    assert [file.name for file in path.parent.iterdir()] == ["last.ckpt"]


def test_a_resume_is_advised_only_where_there_is_something_to_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(content: object, file: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(UserError, match=r"No checkpoint to resume from.*start a new run$"):
            WholeCheckpointIO().save_checkpoint({"epoch": 1}, tmp_path / "checkpoints" / "last.ckpt")
    WholeCheckpointIO().save_checkpoint({"epoch": 1}, tmp_path / "checkpoints" / "last.ckpt")
    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(UserError, match=rf"Earlier checkpoints are intact.*train\.resume={tmp_path}$"):
        WholeCheckpointIO().save_checkpoint({"epoch": 2}, tmp_path / "checkpoints" / "best.ckpt")


def test_what_is_written_in_the_background_is_as_it_was(tmp_path: Path) -> None:
    writer, weights = checkpoint_writer(), torch.ones(1_000_000)
    writer.save_checkpoint({"state_dict": {"weights": weights}}, tmp_path / "last.ckpt")
    weights.zero_()  # as the next step would
    writer.teardown()
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]["weights"].eq(1).all()


def test_only_what_was_written_is_removed(tmp_path: Path) -> None:
    writer = WholeCheckpointIO()
    for name in ("bait", "folder.ckpt"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.txt").write_text("years")
    writer.save_checkpoint({"epoch": 1}, tmp_path / "checkpoints" / "best.ckpt")
    writer.save_checkpoint({"epoch": 1}, tmp_path / "checkpoints" / "turned.ckpt")
    (tmp_path / "checkpoints" / "turned.ckpt").unlink()
    (tmp_path / "checkpoints" / "turned.ckpt").symlink_to(tmp_path / "bait")
    for path in ("bait", "folder.ckpt", "bait/thesis.txt", "checkpoints/turned.ckpt", "checkpoints"):
        writer.remove_checkpoint(tmp_path / path)
    assert (tmp_path / "bait" / "thesis.txt").is_file()
    assert (tmp_path / "folder.ckpt" / "thesis.txt").is_file()
    assert (tmp_path / "checkpoints" / "best.ckpt").is_file()
    writer.remove_checkpoint(tmp_path / "checkpoints" / "best.ckpt")
    assert not (tmp_path / "checkpoints" / "best.ckpt").exists()


@pytest.mark.parametrize("score", [torch.tensor(0.5), "0.5", torch.ones(2), None])
def test_paths_that_a_checkpoint_names_are_forgotten(tmp_path: Path, score: object) -> None:
    (tmp_path / "best.ckpt").touch()
    state = {
        "best_model_path": "/home/somebody",
        "kth_best_model_path": "/home/somebody",
        "last_model_path": "/home/somebody",
        "dirpath": "/home",
        "best_k_models": {"/home/somebody": torch.tensor(0.1), "/home/other": torch.tensor(0.2)},
        "best_model_score": score,
        "kth_value": torch.tensor(0.5),
    }
    content = {"callbacks": {"ModelCheckpoint{'monitor': 'a'}": state, "LastCheckpoint": {"step": 1}}}
    own = with_own_paths(content, tmp_path)["callbacks"]["ModelCheckpoint{'monitor': 'a'}"]
    best = str(tmp_path / "best.ckpt")
    assert "somebody" not in str(own)
    assert own["dirpath"] == str(tmp_path)
    known = isinstance(score, torch.Tensor) and score.numel() == 1
    assert own["best_k_models"] == ({best: score} if known else {})
    assert own["best_model_path"] == own["kth_best_model_path"] == (best if known else "")
    assert content["callbacks"]["LastCheckpoint"] == {"step": 1}
    assert with_own_paths({"callbacks": 3}, tmp_path) == {"callbacks": 3}


# ── a run that is stopped ────────────────────────────────────────────────────────────────────────────────

STEPS = 4
"""Of an epoch: two patients of each grade to train on, two images each, two views, batches of six."""


@pytest.fixture(scope="module")
def words(small: list[str]) -> list[str]:
    """Two epochs with all that has a state: momentum, a schedule by step, batch norm, random views."""
    return [
        *(*TINY, *small, "optim=adamw", "optim.lr=0.001", "augment.train_views=2"),
        *("trainer.max_epochs=2", "trainer.save_minutes=60"),
    ]


@pytest.fixture(scope="module")
def unbroken(undrawn: None, words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nothing happened to."""
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    train(*words, f"hydra.run.dir={folder}", outputs=folder.parent)
    return folder


@pytest.fixture
def during_step(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], None]], None]:
    """Have something happen in the middle of a step of training, once; steps count from 1."""

    def arrange(step: int, happening: Callable[[], None]) -> None:
        trained, told = GradingTask.training_step, []

        @functools.wraps(trained)
        def watched(self: GradingTask, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
            loss = trained(self, batch, batch_idx)
            if self.global_step + 1 == step and not told:
                told.append(step)
                happening()
            return loss

        monkeypatch.setattr(GradingTask, "training_step", watched)

    return arrange


def assert_same(one: Path, other: Path) -> None:
    """The same weights to the bit, the same curves and predictions."""
    first, second = (torch.load(run / "checkpoints" / "last.ckpt", weights_only=True) for run in (one, other))
    assert first["global_step"] == second["global_step"] == 2 * STEPS
    assert all(
        torch.equal(tensor, second["state_dict"][name]) for name, tensor in first["state_dict"].items()
    )
    for table in ("history.csv", "predictions.csv"):
        pd.testing.assert_frame_equal(pd.read_csv(one / table), pd.read_csv(other / table), check_exact=True)


@pytest.mark.parametrize(
    ("step", "number"),
    [
        (STEPS + 2, signal.SIGTERM),
        *(
            pytest.param(step, number, marks=pytest.mark.slow)
            for step, number in (
                *((1, signal.SIGTERM), (STEPS, signal.SIGTERM), (2 * STEPS, signal.SIGTERM)),
                *((1, signal.SIGINT), (1, signal.SIGUSR1)),
            )
        ),
    ],
)
def test_a_run_that_is_told_to_stop_goes_on_to_the_same_end(
    words: list[str], unbroken: Path, during_step, step: int, number: int, tmp_path: Path, capfd
) -> None:
    run = tmp_path / "run"
    during_step(step, functools.partial(signal.raise_signal, number))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    before = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)]
    with pytest.raises(SystemExit) as end:
        train(*words, f"hydra.run.dir={run}", outputs=tmp_path)
    assert end.value.code == 128 + number
    assert before[1:] == [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGUSR1)]
    assert f"train.resume={run}" in capfd.readouterr().out
    assert torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == step
    assert not (run / "finished.json").exists()
    train(f"train.resume={run}", outputs=tmp_path)
    assert_same(unbroken, run)


@pytest.mark.slow
def test_a_run_that_dies_within_an_epoch_goes_on_from_within_it(
    words: list[str], unbroken: Path, during_step, tmp_path: Path
) -> None:
    def die() -> None:
        raise MemoryError("no more")

    run = tmp_path / "run"
    during_step(STEPS + 3, die)
    with pytest.raises((SystemExit, MemoryError)):
        train(*words, "trainer.save_minutes=0", f"hydra.run.dir={run}", outputs=tmp_path)
    assert torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == STEPS + 2
    train(f"train.resume={run}", outputs=tmp_path)
    assert_same(unbroken, run)


SMOOTH = (
    "optim.ema=0.9",
    "augment.mixup=0.4",
    "loss.neighbours=0.1",
    "loss.class_weights=true",
    "model.head=corn",
)


@pytest.mark.slow
@pytest.mark.parametrize("step", [STEPS + 2, STEPS, 2 * STEPS])
def test_averaged_weights_and_mixed_views_go_on_to_the_same_end(
    words: list[str], during_step, step: int, tmp_path: Path
) -> None:
    whole, run = tmp_path / "whole", tmp_path / "run"
    train(*words, *SMOOTH, f"hydra.run.dir={whole}", outputs=tmp_path)
    during_step(step, functools.partial(signal.raise_signal, signal.SIGTERM))
    with pytest.raises(SystemExit):
        train(*words, *SMOOTH, f"hydra.run.dir={run}", outputs=tmp_path)
    train(f"train.resume={run}", outputs=tmp_path)
    assert_same(whole, run)
    averages = [
        torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["callbacks"]["AveragedWeights"]
        for folder in (whole, run)
    ]
    assert averages[0]["shown"] == averages[1]["shown"]
    assert all(
        torch.equal(tensor, averages[1]["other"][name]) for name, tensor in averages[0]["other"].items()
    )


FIRST_FROZEN = ("model.frozen_epochs=1", "optim.layer_decay=0.8", "optim.ema=0.9")


@pytest.mark.slow
@pytest.mark.parametrize("step", [STEPS - 1, STEPS, STEPS + 1, STEPS + 2])
def test_a_network_that_is_frozen_at_first_goes_on_to_the_same_end(
    words: list[str], during_step, step: int, tmp_path: Path
) -> None:
    whole, run = tmp_path / "whole", tmp_path / "run"
    train(*words, *FIRST_FROZEN, f"hydra.run.dir={whole}", outputs=tmp_path)
    during_step(step, functools.partial(signal.raise_signal, signal.SIGTERM))
    with pytest.raises(SystemExit):
        train(*words, *FIRST_FROZEN, f"hydra.run.dir={run}", outputs=tmp_path)
    train(f"train.resume={run}", outputs=tmp_path)
    assert_same(whole, run)
