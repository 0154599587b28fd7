"""Which checkpoints are kept."""

from pathlib import Path

import lightning as L
import torch

from livergrade.training.callbacks import run_callbacks


class Scripted(L.LightningModule):
    """Trains nothing; its validation losses are given."""

    def __init__(self, losses: list[float]) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        self.losses = losses

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        return self.layer(batch).mean()

    def validation_step(self, batch: torch.Tensor, batch_idx: int) -> None:
        self.log("val/loss_smooth", self.losses[self.current_epoch])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(folder: Path, losses: list[float], epochs: int, resume: bool = False) -> None:
    loader = torch.utils.data.DataLoader(torch.ones(4, 1), batch_size=2)
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        logger=False,
        callbacks=run_callbacks(folder, validated=True, progress=False, minutes=60),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    trainer.fit(Scripted(losses), loader, loader, ckpt_path=folder / "last.ckpt" if resume else None)


def epoch(folder: Path, name: str) -> int:
    return torch.load(folder / f"{name}.ckpt", weights_only=True)["epoch"]


def test_best_is_the_lowest_loss_and_last_is_the_last_epoch(tmp_path: Path) -> None:
    fit(tmp_path, [3.0, 1.0, 2.0, 4.0, 5.0, 6.0, 7.0], epochs=7)
    assert epoch(tmp_path, "best") == 1
    assert epoch(tmp_path, "last") == 6
    assert {path.name for path in tmp_path.iterdir()} == {"best.ckpt", "last.ckpt"}


def test_a_resumed_run_still_knows_the_best(tmp_path: Path) -> None:
    losses = [3.0, 1.0, 2.0, 0.5]
    fit(tmp_path, losses, epochs=2)
    fit(tmp_path, losses, epochs=3, resume=True)
    assert (epoch(tmp_path, "best"), epoch(tmp_path, "last")) == (1, 2)
    fit(tmp_path, losses, epochs=4, resume=True)
    assert (epoch(tmp_path, "best"), epoch(tmp_path, "last")) == (3, 3)
