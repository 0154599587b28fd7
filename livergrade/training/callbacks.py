"""Callbacks of a training run: two checkpoints, maps of a few validation images, and how far it is."""

from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from livergrade.models.hooks import has_maps
from livergrade.training.checkpoints import LastCheckpoint
from livergrade.training.ema import AveragedWeights
from livergrade.training.run_progress import EpochLines, RunProgress


def run_callbacks(
    checkpoints: Path,
    *,
    validated: bool,
    progress: bool,
    minutes: float,
    map_epochs: int = 0,
    ema: float | None = None,
) -> list[Callback]:
    """Return the callbacks of a run.

    Args:
        checkpoints: folder for ``best.ckpt`` and ``last.ckpt``.
        validated: there is a validation split; the best epoch has the lowest ``val/loss_smooth``.
        progress: show a progress bar on a terminal, and elsewhere a line an epoch.
        minutes: time between two checkpoints within an epoch.
        map_epochs: epochs between maps of validation images; 0: none.
        ema: decay of the moving average of the weights; None: no average.
    """
    best = ModelCheckpoint(
        dirpath=checkpoints,
        filename="best",
        monitor="val/loss_smooth",
        save_weights_only=True,
        enable_version_counter=False,
    )
    # A separate callback: ModelCheckpoint with ``save_last`` can leave the first epoch as the last.
    last = LastCheckpoint(checkpoints / "last.ckpt", minutes)
    # Best runs first: last.ckpt then contains the updated best score, which a resumed run needs.
    callbacks: list[Callback] = [best, last] if validated else [last]
    if ema is not None:
        callbacks.insert(0, AveragedWeights(ema))
    if validated and map_epochs:
        callbacks.append(ValidationMaps(map_epochs))
    callbacks.append(EpochLines(on_screen=progress))
    return [*callbacks, RunProgress()] if progress else callbacks


class ValidationMaps(Callback):
    """Log the same few validation images to TensorBoard, each with the class-activation map of every grade.

    Logged after the first epoch and then every ``every`` epochs: the first two upright views of each grade.

    Args:
        every: number of epochs between two logs.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self.places: list[int] = []
        self.views: dict[int, Tensor] = {}

    def _due(self, trainer: L.Trainer) -> bool:
        can_log = isinstance(trainer.logger, TensorBoardLogger) and trainer.is_global_zero
        return can_log and trainer.current_epoch % self.every == 0

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Look up where in the pass these views come: to look for them on a GPU would make the host wait."""
        self.places, self.views = [], {}
        if self._due(trainer) and has_maps(pl_module.get_submodule("net")):
            self.places = trainer.datamodule.upright_validation_views(2)  # type: ignore[attr-defined]

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: Any,  # noqa: ANN401
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Keep the views in question; batches of a frozen network have embeddings, not views."""
        if not self.places or "view" not in batch:
            return
        first = batch_idx * trainer.datamodule.data.batch_size  # type: ignore[attr-defined]
        for place in self.places:
            if first <= place < first + len(batch["view"]):
                self.views[place] = batch["view"][place - first].clone()

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Log one row per view, sorted by true grade: the view, then its map for each grade."""
        collected = [self.views[place] for place in self.places if place in self.views]
        self.views = {}
        if not collected:
            return
        from livergrade.data.augment import as_seen
        from livergrade.explanations.maps import class_activation
        from livergrade.reports.overlay import overlay

        views = torch.stack(collected)
        _, maps = class_activation(pl_module.get_submodule("net"), views.to(pl_module.dtype))
        rows = []
        for view, heatmaps in zip(views.cpu(), maps["hires_cam"].cpu().numpy(), strict=True):
            pixels = as_seen(view, trainer.datamodule.normalisation)  # type: ignore[attr-defined]
            limit = float(np.abs(heatmaps).max())
            overlays = [overlay(pixels, heatmap, limit) for heatmap in heatmaps]
            rows.append(np.concatenate([pixels, *overlays], axis=1))
        assert isinstance(trainer.logger, TensorBoardLogger)
        image, epoch = np.concatenate(rows), trainer.current_epoch + 1
        trainer.logger.experiment.add_image("maps/val", image, epoch, dataformats="HWC")
