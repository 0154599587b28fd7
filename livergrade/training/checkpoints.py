"""Checkpoints that are written whole, while training goes on, and where a run can go on from."""

import contextlib
import logging
import re
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.plugins.io import AsyncCheckpointIO, TorchCheckpointIO

from livergrade.errors import UserError
from livergrade.io.disk import free_space
from livergrade.io.files import atomic_write
from livergrade.io.safe_load import safe_load

log = logging.getLogger(__name__)


class WholeCheckpointIO(TorchCheckpointIO):
    """Write a checkpoint straight to the disk, beside its name, and rename it when it is whole.

    Lightning's own gathers the file in memory first and moves it from the system's temporary folder, which
    took three times as long and is no rename where that folder is on another disk.
    """

    def save_checkpoint(
        self,
        checkpoint: Mapping[str, Any],
        path: str | Path,
        storage_options: Any = None,  # noqa: ANN401 - Lightning's signature
    ) -> None:
        """Write ``checkpoint``."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        try:
            with atomic_write(Path(path)) as part:
                torch.save(checkpoint, part)
        except (OSError, RuntimeError) as error:
            # PyTorch's writer tells a full disk as a RuntimeError.
            if isinstance(error, RuntimeError) and not re.search("StreamWriter|unexpected pos", str(error)):
                raise
            reason = str(error).splitlines()[0]
            raise UserError(
                f"{path}: can't be written ({reason}; {free_space(Path(path))}). "
                "What was saved before is whole: "
                f"make room, then go on with train.resume={Path(path).parent.parent}"
            ) from error


def checkpoint_writer() -> AsyncCheckpointIO:
    """What a trainer writes its checkpoints with: a copy is taken at once and written in the background."""
    return AsyncCheckpointIO(WholeCheckpointIO())


def save_now(trainer: L.Trainer, path: Path) -> None:
    """Write the weights and wait until they are on the disk."""
    trainer.save_checkpoint(path, weights_only=True)
    trainer.strategy.checkpoint_io.teardown()


def checkpoint_position(path: Path, *, fix: str) -> str:
    """Read a checkpoint that a run is to go on from, and say where in training it was written.

    Raises:
        UserError: it is damaged, could run code, or no run goes on from it; ``fix`` says what to do.
    """
    content = safe_load(path, fix=fix)  # Lightning's own message names no file
    if not isinstance(content, dict) or not {"epoch", "global_step", "state_dict", "loops"} <= content.keys():
        raise UserError(f"{path}: no run can go on from it, it holds no state of training; {fix}")
    return f"step {content['global_step']}, in epoch {content['epoch'] + 1}"


class LastCheckpoint(Checkpoint):
    """Keep in one file what a run goes on from, however it ends.

    It is written after each epoch, every so often within one, and once more when a signal asks the run to
    end: Ctrl-C, SIGTERM, or what a cluster sends before it takes the machine away. Such a signal is heeded
    between two batches, since in the middle of one there is no state to go on from; a second one ends the
    run at once. In the last batch of an epoch the epoch is finished first.

    Args:
        path: of the checkpoint.
        minutes: between two that are written within an epoch.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)

    def __init__(self, path: Path, minutes: float) -> None:
        self.path, self.seconds = path, 60 * minutes
        self.saved = 0.0
        self.asked = 0
        self.before: dict[int, Any] = {}
        self.measured: dict[str, float] = {}
        self.step = 0

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log once more what the last epoch before a resume may not have logged."""
        if self.measured and trainer.logger:
            trainer.logger.log_metrics(self.measured, self.step)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Watch for signals."""
        self.saved = time.monotonic()
        with contextlib.suppress(ValueError):  # not the main thread, which alone hears signals
            for number in self.SIGNALS:
                if (before := signal.getsignal(number)) not in (None, signal.SIG_IGN):
                    self.before[number] = before
                    signal.signal(number, self._ask)

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Save where it is time or the run is to end, unless the epoch's end will."""
        due = time.monotonic() - self.saved >= self.seconds
        wanted = self._agreed(trainer, self.asked or int(due))
        if wanted and not trainer.is_last_batch:
            self._save(trainer)
            self._end(trainer, wanted)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save, after the epoch was measured."""
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.measured = figures | {"epoch": float(trainer.current_epoch)}
        self.step = trainer.global_step - 1  # as Lightning counts it
        self._save(trainer)
        self._end(trainer, self._agreed(trainer, self.asked))

    def state_dict(self) -> dict[str, Any]:
        """The last epoch's figures: they reach TensorBoard only after the checkpoint is written."""
        return {"measured": self.measured, "step": self.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take them up."""
        self.measured, self.step = state_dict["measured"], state_dict["step"]

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave signals to whom they were."""
        self._give_back()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Leave signals to whom they were."""
        self._give_back()

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise SystemExit(128 + number)
        self.asked = number
        log.warning("%s: saving after this batch", signal.Signals(number).name)

    def _agreed(self, trainer: L.Trainer, wanted: int) -> int:
        """The most that any process wants: 0 nothing, 1 a checkpoint, more the end by that signal."""
        if trainer.world_size == 1:
            return wanted
        there = torch.tensor(wanted, device=trainer.strategy.root_device)
        return int(trainer.strategy.reduce(there, reduce_op="max"))

    def _save(self, trainer: L.Trainer) -> None:
        weights = [
            each.detach().abs().max() for each in trainer.lightning_module.parameters() if each.numel()
        ]
        if (
            not torch.stack(weights).isfinite().all()
        ):  # the next batch's loss would tell, too late for the file
            raise UserError(
                f"weights are no finite numbers after step {trainer.global_step}; {self.path} holds those "
                "before. Lower optim.lr, or set trainer.precision=32-true."
            )
        if isinstance(trainer.logger, TensorBoardLogger) and trainer.is_global_zero:
            trainer.logger.experiment.flush()  # a killed run keeps the curves of the epochs before
        trainer.save_checkpoint(self.path)
        self.saved = time.monotonic()

    def _end(self, trainer: L.Trainer, number: int) -> None:
        """End the run if a signal is to; one that a cluster's software waits for is handed on to it."""
        if number <= 1:
            return
        trainer.strategy.checkpoint_io.teardown()  # on the disk now
        self._give_back()
        handler = signal.getsignal(number)
        if number == self.asked and number in (signal.SIGUSR1, signal.SIGUSR2) and callable(handler):
            handler(number, None)
        raise SystemExit(128 + number)

    def _give_back(self) -> None:
        for number, before in self.before.items():
            signal.signal(number, before)
        self.before.clear()
