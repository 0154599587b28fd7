"""Curves read back from TensorBoard."""

from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from livergrade.training.history import read_history


def write(folder: Path, epochs: dict[int, float], second: int = 0) -> None:
    with SummaryWriter(str(folder)) as writer:
        for epoch, loss in epochs.items():
            writer.add_scalar("loss/train", loss, epoch)
            writer.add_scalar("recall/val/poor", 0.5, epoch)
            writer.add_scalar("loss/test", 9.0, epoch)
            writer.add_scalar("accuracy/patients", 0.5, epoch)
    (newest,) = (path for path in folder.iterdir() if not path.name.endswith(".here"))
    newest.rename(folder / f"events.out.tfevents.{second}.here")  # as if they were begun seconds apart


def test_one_row_an_epoch_without_the_test(tmp_path: Path) -> None:
    write(tmp_path, {1: 1.0, 2: 0.5})
    history = read_history(tmp_path)
    assert history.columns.tolist() == ["epoch", "train/loss", "val/recall/poor"]
    assert history["train/loss"].tolist() == [1.0, 0.5]


def test_an_epoch_trained_again_after_a_resume_counts_once(tmp_path: Path) -> None:
    write(tmp_path, {1: 1.0, 2: 0.75})
    write(tmp_path, {2: 0.5, 3: 0.25}, second=1)
    history = read_history(tmp_path)
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history["train/loss"].tolist() == [1.0, 0.5, 0.25]


def test_nothing_logged_is_an_empty_table(tmp_path: Path) -> None:
    assert read_history(tmp_path).empty
