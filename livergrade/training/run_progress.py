"""How far a run is: a line an epoch in the log, and on a terminal a progress bar."""

from __future__ import annotations

import logging
import sys
import time
from datetime import timedelta
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback
from tqdm import tqdm

from livergrade.io.bars import bar

log = logging.getLogger(__name__)
in_file = logging.getLogger("livergrade.epochs")  # the job's log file only

_SHOWN = {
    "train/loss": "training loss",
    "val/loss": "validation loss",
    "val/accuracy": "validation accuracy",
}


class EpochLines(Callback):
    """Log one line an epoch: its number of all, losses, validation accuracy, seconds, and the time left.

    In ``train.log`` always. On the screen where no bar is: if that is a pipe or a file.

    Args:
        on_screen: whether they may appear there.
    """

    def __init__(self, on_screen: bool) -> None:
        self.on_screen = on_screen
        self.seconds: list[float] = []
        self.started = 0.0
        self.ended: tuple[int, int] | None = None

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Tell of the epoch before: its training metrics are computed after callbacks heard of its end."""
        self._tell(trainer)
        self.started = time.monotonic()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Take the time, with validation."""
        self.seconds.append(time.monotonic() - self.started)
        self.ended = trainer.current_epoch + 1, trainer.max_epochs or 1

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Tell of the last epoch."""
        self._tell(trainer)

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Tell of an epoch after which the run was stopped."""
        self._tell(trainer)

    def _tell(self, trainer: L.Trainer) -> None:
        if self.ended is None or not trainer.is_global_zero:
            return
        (epoch, epochs), self.ended = self.ended, None
        metrics = trainer.callback_metrics
        parts = [f"{label} {metrics[name]:.3f}" for name, label in _SHOWN.items() if name in metrics]
        latest = self.seconds[-10:]
        left = timedelta(seconds=round((epochs - epoch) * sum(latest) / len(latest)))
        parts.append(f"{self.seconds[-1]:.1f} s")
        parts += [f"{left} left"] if epoch < epochs else []
        on_screen = self.on_screen and not sys.stdout.isatty()
        (log if on_screen else in_file).info("epoch %d of %d: %s", epoch, epochs, ", ".join(parts))


class RunProgress(Callback):
    """One progress bar over all epochs, so that the time left is that of the run, not of the epoch."""

    bar: tqdm[Any]

    def _open(self, trainer: L.Trainer, text: str, total: int, done: int = 0) -> None:
        hidden = not trainer.is_global_zero
        self.bar = bar(total=total, initial=done, text=text, unit="step", mininterval=1, hidden=hidden)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Open the bar; a resumed run starts at its current step."""
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
        """Advance by one step; tqdm redraws at most once a second."""
        self.bar.update()

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Show the epoch and the validation accuracy of the previous epoch."""
        self.bar.set_description(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}", refresh=False)
        if (accuracy := trainer.callback_metrics.get("val/accuracy")) is not None:
            self.bar.set_postfix_str(f"validation accuracy {accuracy:.3f}", refresh=False)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Close the bar."""
        self.bar.close()

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Open a bar over all test loaders."""
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
        """Advance by one step."""
        self.bar.update()

    def on_test_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Close the bar."""
        self.bar.close()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Close the bar, so that the error message starts on a new line."""
        if hasattr(self, "bar"):
            self.bar.close()
