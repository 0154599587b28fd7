"""What a run keeps and shows while it trains: two checkpoints, maps of a few images, and the time left."""

from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor
from tqdm import tqdm

from livergrade.models.hooks import has_maps
from livergrade.training.checkpoints import LastCheckpoint
from livergrade.training.ema import AveragedWeights


def run_callbacks(
    checkpoints: Path,
    *,
    validated: bool,
    progress: bool,
    minutes: float,
    map_epochs: int = 0,
    ema: float | None = None,
) -> list[Callback]:
    """The callbacks of a run.

    Args:
        checkpoints: folder for ``best.ckpt`` and ``last.ckpt``.
        validated: there is a validation side to choose the best epoch by (lowest ``val/loss_smooth``).
        progress: show a bar.
        minutes: between two checkpoints within an epoch.
        map_epochs: epochs between maps of validation images; 0: none.
        ema: decay of the average of the weights; None: no average.
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
    if ema is not None:
        callbacks.insert(0, AveragedWeights(ema))
    if validated and map_epochs:
        callbacks.append(ValidationMaps(map_epochs))
    return [*callbacks, RunProgress()] if progress else callbacks


class ValidationMaps(Callback):
    """The same few validation images in TensorBoard, each with its class-activation map of every grade.

    Shown after the first epoch and every so many: two upright views of each grade, the first that come.

    Args:
        every: epochs.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self.views: dict[int, list[Tensor]] = {}

    def _due(self, trainer: L.Trainer) -> bool:
        shown = isinstance(trainer.logger, TensorBoardLogger) and trainer.is_global_zero
        return shown and trainer.current_epoch % self.every == 0

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: Any,  # noqa: ANN401
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the first views of each grade; a frozen network's batches have none."""
        if not self._due(trainer) or "view" not in batch or not has_maps(pl_module.get_submodule("net")):
            return
        for number in (batch["degrees"] == 0).nonzero().flatten().tolist():
            kept = self.views.setdefault(int(batch["grade"][number]), [])
            if len(kept) < 2:
                kept.append(batch["view"][number].clone())

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Draw their maps: a row a view, the true grades in order; the view, then a map for each grade."""
        kept, self.views = [view for grade in sorted(self.views) for view in self.views[grade]], {}
        if not kept:
            return
        from livergrade.data.augment import as_seen
        from livergrade.explanations.maps import class_activation
        from livergrade.reports.overlay import overlay

        views = torch.stack(kept)
        _, maps = class_activation(pl_module.get_submodule("net"), views.to(pl_module.dtype))
        rows = []
        for view, heats in zip(views, maps["hires_cam"].cpu().numpy(), strict=True):
            seen = as_seen(view, trainer.datamodule.normalisation)  # type: ignore[attr-defined]
            most = float(np.abs(heats).max())
            rows.append(np.concatenate([seen, *(overlay(seen, heat, most) for heat in heats)], axis=1))
        assert isinstance(trainer.logger, TensorBoardLogger)
        picture = np.concatenate(rows)
        trainer.logger.experiment.add_image("maps/val", picture, trainer.global_step, dataformats="HWC")


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
