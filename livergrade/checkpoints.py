"""Checkpoints that are written whole, while training goes on."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.plugins.io import AsyncCheckpointIO, TorchCheckpointIO

from livergrade.files import written_whole


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
        with written_whole(Path(path)) as part:
            torch.save(checkpoint, part)


def checkpoint_writer() -> AsyncCheckpointIO:
    """What a trainer writes its checkpoints with: a copy is taken at once and written in the background."""
    return AsyncCheckpointIO(WholeCheckpointIO())


def save_now(trainer: L.Trainer, path: Path) -> None:
    """Write the weights and wait until they are on the disk."""
    trainer.save_checkpoint(path, weights_only=True)
    trainer.strategy.checkpoint_io.teardown()
