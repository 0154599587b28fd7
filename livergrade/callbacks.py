"""What a run keeps and shows while it trains: two checkpoints and the time left."""

from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from tqdm import tqdm

from livergrade.checkpoints import LastCheckpoint


def run_callbacks(checkpoints: Path, *, validated: bool, progress: bool, minutes: float) -> list[Callback]:
    """The callbacks of a run.

    Args:
        checkpoints: folder for ``best.ckpt`` and ``last.ckpt``.
        validated: there is a validation side to choose the best epoch by (lowest ``val/loss_smooth``).
        progress: show a bar.
        minutes: between two checkpoints within an epoch.
    """
    best = ModelCheckpoint(
        dirpath=checkpoints,
        filename="best",
        monitor="val/loss_smooth",
        save_weights_only=True,
        enable_version_counter=False,
    )
    # Not the same callback: one with ``save_last`` can leave the first epoch as the last.
    last = LastCheckpoint(checkpoints / "last.ckpt", minutes)
    # Best comes first: last then holds the best score up to date, for a resumed run to beat.
    callbacks: list[Callback] = [best, last] if validated else [last]
    return [*callbacks, RunProgress()] if progress else callbacks


class RunProgress(Callback):
    """One bar over all epochs, so that the time left is the run's and not the epoch's."""

    bar: "tqdm[Any]"

    def _open(self, trainer: L.Trainer, text: str, total: int, done: int = 0) -> None:
        hidden = not trainer.is_global_zero
        self.bar = tqdm(total=total, initial=done, desc=text, unit="step", mininterval=1, disable=hidden)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Open the bar where a resumed run stands."""
        epochs, steps = trainer.max_epochs or 1, int(trainer.num_training_batches)
        self._open(trainer, "training", epochs * steps, trainer.global_step)

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Go on by one; tqdm draws once a second at most."""
        self.bar.update()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Name the epoch, and how the one before it validated."""
        self.bar.set_description(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}", refresh=False)
        if (accuracy := trainer.callback_metrics.get("val/accuracy")) is not None:
            self.bar.set_postfix_str(f"val/accuracy {accuracy:.3f}", refresh=False)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Close the bar."""
        self.bar.close()

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Open a bar over all loaders."""
        self._open(trainer, "grading", int(sum(trainer.num_test_batches)))

    def on_test_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Any,  # noqa: ANN401
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Go on by one."""
        self.bar.update()

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Close the bar."""
        self.bar.close()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Leave the screen in order."""
        if hasattr(self, "bar"):
            self.bar.close()
