"""Checkpoints: written atomically in the background, and the state from which a run resumes."""

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
from lightning.pytorch.plugins.io import TorchCheckpointIO

from livergrade.errors import UserError
from livergrade.io.disk import free_space
from livergrade.io.files import atomic_write
from livergrade.io.safe_load import safe_load
from livergrade.io.write_below import is_plain_file
from livergrade.training.checkpoint_writer import BackgroundWriter, finish_copies

log = logging.getLogger(__name__)

AGREE_EVERY = 8
"""Batches after which several processes on GPUs agree whether to save or to stop."""


class WholeCheckpointIO(TorchCheckpointIO):
    """Write a checkpoint to a temporary file in the target folder and rename it when it is complete.

    Lightning's default builds the file in memory and moves it from the system's temporary folder. That took
    three times as long, and the move is not atomic if the temporary folder is on another disk.

    Lightning's ``ModelCheckpoint`` also restores the paths that a checkpoint names, and later deletes what is
    there, whole folders too. So the paths are replaced when a checkpoint is read, and only files that this
    object wrote are deleted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.written: set[Path] = set()
        self.given: dict[Path, dict[str, Any]] = {}

    def save_checkpoint(
        self,
        checkpoint: Mapping[str, Any],
        path: str | Path,
        storage_options: Any = None,  # noqa: ANN401 - Lightning's signature
    ) -> None:
        """Write ``checkpoint``."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        try:
            # Given a path, PyTorch closes the file without releasing Python's lock: training stands still.
            with atomic_write(Path(path)) as part, part.open("wb") as file:
                torch.save(checkpoint, file)
            self.written.add(Path(path).absolute())
        except (OSError, RuntimeError) as error:
            # PyTorch's writer reports a full disk as a RuntimeError.
            if isinstance(error, RuntimeError) and not re.search("StreamWriter|unexpected pos", str(error)):
                raise
            reason = str(error).splitlines()[0]
            fix = "No checkpoint to resume from was written before: free disk space, then start a new run"
            if (Path(path).parent / "last.ckpt").is_file():
                fix = "Earlier checkpoints are intact: free disk space, then resume with train.resume="
                fix += str(Path(path).parent.parent)
            raise UserError(
                f"{path}: can't be written ({reason}; {free_space(Path(path))}). {fix}"
            ) from error

    def load_checkpoint(
        self,
        path: str | Path,
        map_location: Any = None,  # noqa: ANN401 - Lightning's signature
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        """Read a checkpoint as data, on the CPU, whatever Lightning or the environment asks for.

        The paths in it are replaced by those of the folder that it lies in. What :func:`give_checkpoint` gave
        is not read again: what was checked is what is loaded.

        Raises:
            UserError: the file is damaged, could run code, or is no checkpoint.
        """
        if (given := self.given.pop(Path(path).absolute(), None)) is not None:
            return given
        content = safe_load(Path(path), fix="start a new run")
        if not isinstance(content, dict):
            raise UserError(f"{path}: is not a checkpoint; start a new run")
        return with_own_paths(content, Path(path).parent)

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint that this object wrote; anything else stays."""
        path = Path(path).absolute()
        if path in self.written and is_plain_file(path):
            path.unlink(missing_ok=True)
        else:
            log.warning("%s: is not removed, since this run did not write it", path)


def with_own_paths(content: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Replace the paths in the state of ``ModelCheckpoint`` by those of ``best.ckpt`` in a folder.

    Args:
        content: of a checkpoint; changed in place.
        folder: the folder of the run's checkpoints.

    Returns:
        ``content``; of the stored best score only a single number is kept.
    """
    callbacks = content.get("callbacks")
    if not isinstance(callbacks, dict):
        return content
    for key in callbacks:
        if not str(key).startswith("ModelCheckpoint"):
            continue
        state = callbacks[key] if isinstance(callbacks[key], dict) else {}
        score, kth_value = state.get("best_model_score"), state.get("kth_value")
        best = str(folder.resolve() / "best.ckpt")
        known = _is_number(score) and _is_number(kth_value) and Path(best).is_file()
        callbacks[key] = {
            "dirpath": str(folder.resolve()),
            "best_model_score": score if known else None,
            "best_model_path": best if known else "",
            "best_k_models": {best: score} if known else {},
            "kth_best_model_path": best if known else "",
            "kth_value": kth_value if known else torch.tensor(torch.inf),
            "last_model_path": "",
        }
    return content


def _is_number(value: object) -> bool:
    if not isinstance(value, torch.Tensor) or value.numel() != 1 or not value.is_floating_point():
        return False
    return not bool(value.isnan())


def checkpoint_writer() -> BackgroundWriter:
    """Return the checkpoint writer of a trainer: it copies the state at once and writes in the background."""
    return BackgroundWriter(WholeCheckpointIO())


def save_now(trainer: L.Trainer, path: Path) -> None:
    """Write the weights and wait until they are on disk."""
    trainer.save_checkpoint(path, weights_only=True)
    trainer.strategy.checkpoint_io.teardown()


def give_checkpoint(trainer: L.Trainer, path: Path, content: dict[str, Any]) -> None:
    """Have the trainer load this content when it loads the file, which is not read again."""
    writer = trainer.strategy.checkpoint_io
    whole = writer.files if isinstance(writer, BackgroundWriter) else writer
    assert isinstance(whole, WholeCheckpointIO)
    whole.given[path.absolute()] = content


class LastCheckpoint(Checkpoint):
    """Keep one checkpoint from which a run can resume, however it ends.

    It is written after each epoch, every ``minutes`` within an epoch, and when a signal asks the run to stop:
    Ctrl-C, SIGTERM, or the signal that a cluster sends before it takes the machine away. The run acts on the
    signal between two batches, because there is no state to resume from within a batch; several processes on
    GPUs do so within :data:`AGREE_EVERY` batches; a second signal ends the run at once. In the last batch of
    an epoch the epoch is finished first.

    Args:
        path: the checkpoint file.
        minutes: time between two checkpoints within an epoch.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)

    def __init__(self, path: Path, minutes: float) -> None:
        self.path, self.seconds = path, 60 * minutes
        self.last_saved = 0.0
        self.received_signal = 0
        self.previous_handlers: dict[int, Any] = {}
        self.last_metrics: dict[str, float] = {}
        self.step = 0

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """After a resume, log the last epoch's metrics again: they may not have reached the log."""
        if self.last_metrics and trainer.logger:
            named = dict(self.last_metrics)
            trainer.logger.log_metrics(named, int(named.pop("epoch", 0)) + 1)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Install the signal handlers, and have weights copied until the optimizer changes them."""
        self.last_saved = time.monotonic()
        if trainer.world_size == 1 and isinstance(trainer.strategy.checkpoint_io, BackgroundWriter):
            trainer.strategy.checkpoint_io.until_next_step(trainer.optimizers)
        with contextlib.suppress(ValueError):  # not the main thread: only that one can set signal handlers
            for number in self.SIGNALS:
                if (handler := signal.getsignal(number)) not in (None, signal.SIG_IGN):
                    self.previous_handlers[number] = handler
                    signal.signal(number, self._on_signal)

    def on_before_optimizer_step(
        self, trainer: L.Trainer, pl_module: L.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Let the copies of the weights be finished before these change."""
        finish_copies(trainer)

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Save if a checkpoint is due or a signal came; after the last batch, the end of the epoch saves."""
        # Processes must agree, for which GPUs make the host wait: they do so every so many batches.
        every = 1 if trainer.world_size == 1 or pl_module.device.type == "cpu" else AGREE_EVERY
        if (batch_idx + 1) % every:
            return
        due = time.monotonic() - self.last_saved >= self.seconds
        request = self._max_over_processes(trainer, self.received_signal or int(due))
        if request and not trainer.is_last_batch:
            self._save(trainer)
            self._stop_if_signalled(trainer, request)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save, after the epoch's metrics were computed."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.last_metrics = metrics | {
            "epoch": float(trainer.current_epoch)
        }  # from 0, as all in a checkpoint
        self.step = trainer.global_step - 1  # as above
        self._save(trainer)
        self._stop_if_signalled(trainer, self._max_over_processes(trainer, self.received_signal))

    def state_dict(self) -> dict[str, Any]:
        """Return the last epoch's metrics: they reach TensorBoard only after the checkpoint is written."""
        return {"measured": self.last_metrics, "step": self.step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the last epoch's metrics and their step."""
        self.last_metrics, self.step = state_dict["measured"], state_dict["step"]

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Restore the previous signal handlers."""
        self._restore_handlers()
        finish_copies(trainer)
        if isinstance(trainer.strategy.checkpoint_io, BackgroundWriter):
            trainer.strategy.checkpoint_io.until_next_step(())

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Restore the previous signal handlers."""
        self._restore_handlers()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.received_signal:
            raise SystemExit(128 + number)
        self.received_signal = number
        log.warning("%s: saving after this batch", signal.Signals(number).name)

    def _max_over_processes(self, trainer: L.Trainer, request: int) -> int:
        """Return the largest request of any process: 0 nothing, 1 save, above 1 save and stop by signal."""
        if trainer.world_size == 1:
            return request
        on_device = torch.tensor(request, device=trainer.strategy.root_device)
        return int(trainer.strategy.reduce(on_device, reduce_op="max"))

    def _save(self, trainer: L.Trainer) -> None:
        if isinstance(trainer.logger, TensorBoardLogger) and trainer.is_global_zero:
            trainer.logger.experiment.flush()  # a killed run keeps the curves of the previous epochs
        trainer.save_checkpoint(self.path)
        self.last_saved = time.monotonic()

    def _stop_if_signalled(self, trainer: L.Trainer, number: int) -> None:
        """End the run if a signal came; SIGUSR1 and SIGUSR2 are passed on to the cluster's handler."""
        if number <= 1:
            return
        trainer.strategy.checkpoint_io.teardown()  # wait until it is on disk
        self._restore_handlers()
        handler = signal.getsignal(number)
        if (
            number == self.received_signal
            and number in (signal.SIGUSR1, signal.SIGUSR2)
            and callable(handler)
        ):
            handler(number, None)
        raise SystemExit(128 + number)

    def _restore_handlers(self) -> None:
        for number, handler in self.previous_handlers.items():
            signal.signal(number, handler)
        self.previous_handlers.clear()
