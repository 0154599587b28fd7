"""LightningDataModule: batches of views from a cohort and its split."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from livergrade.config.schema import AugmentConfig, DataConfig
from livergrade.data.augment import make_views
from livergrade.data.cache import UncachedImages, cached_size, decode, decoded_images
from livergrade.data.cohort import Cohort
from livergrade.data.views import (
    Batch,
    Embedded,
    ViewBatches,
    ViewKey,
    Views,
    ViewSampler,
    identity_collate,
    view_params,
)
from livergrade.io.bars import bar as progress_bar

log = logging.getLogger(__name__)


class GradingData(L.LightningDataModule):
    """Batches of views for training, validation and test.

    A batch is a dict: ``view float32 [B,3,H,W]`` (normalised, on the device), ``grade int64 [B]``,
    ``row int64 [B]`` (row in the cohort's table) and ``degrees float32 [B]``.

    Args:
        cohort: the images.
        split: table of the cohort's images in the same order, with the column ``split``.
        data: image size, batch size, workers and cache.
        augment: options of the views.
        cache_folder: folder of the decoded images.
        seed: seed of the training views.
        normalisation: mean and standard deviation per channel, for images scaled to [0, 1].
        gpu_share: share of the GPU's memory that this process may use; None: all of it.
    """

    def __init__(
        self,
        cohort: Cohort,
        split: pd.DataFrame,
        data: DataConfig,
        augment: AugmentConfig,
        cache_folder: Path,
        seed: int,
        normalisation: tuple[tuple[float, ...], tuple[float, ...]],
        gpu_share: float | None = None,
    ) -> None:
        super().__init__()
        self.cohort, self.split, self.data, self.augment = cohort, split, data, augment
        self.size = cached_size(data.image_size, augment.border)
        self.cache_folder, self.seed, self.normalisation = cache_folder, seed, normalisation
        self.gpu_share = gpu_share
        self.test_splits = [part for part in ("test", "val") if (split["split"] == part).any()]
        self.views: Views | None = None
        self.embedded: Embedded | None = None
        self.on_device: Tensor | None = None
        self.resumed: dict[str, int] = {}

    def state_dict(self) -> dict[str, int]:
        """Number of batches trained in this epoch, which :meth:`train_dataloader` skips after a resume.

        Taken from the training loop, because the loader prefetches batches.
        """
        trainer = self.trainer
        assert trainer is not None
        progress = trainer.fit_loop.epoch_loop.batch_progress
        batches = 0 if progress.is_last_batch else progress.current.processed  # type: ignore[attr-defined]
        return {"epoch": trainer.current_epoch, "batches": batches, "processes": trainer.world_size}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Restore the position within the epoch."""
        self.resumed = state_dict

    def prepare_data(self) -> None:
        """Decode the images once, in one process, before the other processes start."""
        if self.data.cache not in ("ram", "none"):
            self._decoded()

    def setup(self, stage: str) -> None:
        """Open the decoded images, and copy them to the device if requested or worthwhile."""
        if self.views is not None:
            return
        codes = {grade: code for code, grade in enumerate(self.cohort.classes)}
        grades = np.array([codes[grade] for grade in self.cohort.table["grade"]], dtype=np.int64)
        images = UncachedImages(self.cohort, self.size) if self.data.cache == "none" else self._decoded()
        device = self._device()
        if isinstance(images, np.ndarray) and self._store_on_device(device, images.nbytes):
            self.on_device = torch.tensor(images, device=device)
            log.info("%.0f MB of decoded images are on %s", images.nbytes / 1e6, device)
        self.views = Views(images if self.on_device is None else None, grades)

    def _device(self) -> torch.device:
        return self.trainer.strategy.root_device if self.trainer else torch.device("cpu")

    def _decoded(self) -> NDArray[np.uint8]:
        if self.data.cache == "ram":
            array = np.empty((len(self.cohort.table), self.size, self.size, 3), np.uint8)
            decode(self.cohort, self.size, array)
            return array
        return decoded_images(self.cohort, self.size, self.cache_folder, limit=self.data.cache_limit * 1e9)

    def squares(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Decoded center crops by row of the cohort, ``uint8 [rows, S, S, 3]``, from device, disk or RAM."""
        if self.on_device is not None:
            return np.asarray(self.on_device[torch.from_numpy(rows)].cpu().numpy(), np.uint8)
        assert self.views is not None
        assert self.views.images is not None
        return self.views.images[rows]

    def _store_on_device(self, device: torch.device, size: int) -> bool:
        """Whether to keep ``size`` bytes of images on the device: if requested, or if they are few for it.

        They may take a quarter of what is free on the GPU, and of the share of it that this process may use.
        """
        if self.data.cache != "auto" or device.type != "cuda":
            return self.data.cache == "device"
        free, total = torch.cuda.mem_get_info(device)
        allowed = (self.gpu_share or 1) * total
        return size < min(free, allowed - torch.cuda.memory_allocated(device)) / 4

    def _sampler(self, part: str, views: str) -> ViewSampler:
        return ViewSampler(
            np.flatnonzero(self.split["split"] == part),
            views,
            self.augment,
            train=part == "train",
            seed=self.seed,
            rank=self.trainer.global_rank if self.trainer else 0,
            world=self.trainer.world_size if self.trainer else 1,
        )

    def _loader(
        self, views: ViewSampler | Sequence[ViewKey], *, drop_last: bool = False
    ) -> DataLoader[Batch]:
        dataset = self.embedded or self.views
        assert dataset is not None
        return DataLoader(
            dataset,
            batch_sampler=ViewBatches(views, self.data.batch_size, drop_last=drop_last),  # type: ignore[arg-type]
            num_workers=self.data.workers,
            collate_fn=identity_collate,  # type: ignore[arg-type]
            pin_memory=self._device().type == "cuda",
            persistent_workers=self.data.workers > 0,
        )

    def train_dataloader(self) -> DataLoader[Batch]:
        """Shuffled training views of an epoch."""
        sampler = self._sampler("train", self.augment.train_views)
        if self.resumed:
            sampler.resume(self.resumed["epoch"], self.resumed["batches"] * self.data.batch_size)
        # Drop a last batch of a single view: batch norm can't be trained on it.
        return self._loader(sampler, drop_last=len(sampler) > 1 and len(sampler) % self.data.batch_size == 1)

    def val_dataloader(self) -> DataLoader[Batch] | list[Any]:
        """Validation views; empty if the split has no validation part."""
        has_val = "val" in self.test_splits
        return self._loader(self._sampler("val", self.augment.val_views)) if has_val else []

    def upright_validation_views(self, of_each_grade: int) -> list[int]:
        """Places in this process's validation pass of the first upright views of each grade, by grade.

        Args:
            of_each_grade: at most so many.
        """
        assert self.views is not None
        table = self._sampler("val", self.augment.val_views).table()
        upright = np.flatnonzero(table[:, 1] == 0)
        grades = self.views.grades[table[upright, 0].astype(np.int64)]
        return [
            int(place)
            for grade in range(len(self.cohort.classes))
            for place in upright[grades == grade][:of_each_grade]
        ]

    def test_dataloader(self) -> list[DataLoader[Batch]]:
        """Views to be graded, one loader per split part in the order of ``test_splits``."""
        return [self._loader(self._sampler(part, self.augment.test_views)) for part in self.test_splits]

    def views_of_a_run(self, epochs: int) -> list[ViewKey]:
        """All distinct views of this many training epochs, with validation and test."""
        samplers = [self._sampler(part, self.augment.test_views) for part in self.test_splits]
        if "val" in self.test_splits:
            samplers.append(self._sampler("val", self.augment.val_views))
        keys = {key for sampler in samplers for key in sampler}
        training = self._sampler("train", self.augment.train_views)
        for epoch in range(epochs):
            training.set_epoch(epoch)
            keys.update(training)
        return sorted(keys)

    def embed(
        self, keys: Sequence[ViewKey], embedded: Callable[[Tensor], Tensor], device: torch.device
    ) -> None:
        """Compute embeddings of the views, and return these instead of the views from now on.

        Args:
            keys: the views.
            embedded: maps views ``float32 [B,3,H,W]`` on the device to embeddings ``[B, features]``.
            device: device on which the views are computed.
        """
        self.embedded = None
        embeddings = []
        for batch in progress_bar(self._loader(keys), "embedding", leave=False):
            on_device = {name: tensor.to(device) for name, tensor in batch.items()}
            embeddings.append(embedded(self.on_after_batch_transfer(on_device, 0)["view"]).float().cpu())
        assert self.views is not None
        self.embedded = Embedded(keys, torch.cat(embeddings), self.views.grades)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Compute the views on the device of the batch, unless it holds their embeddings."""
        degrees = batch["angle"].float() * self.augment.step_degrees
        targets = {"grade": batch["grade"], "row": batch["row"], "degrees": degrees}
        if "embedding" in batch:
            return {"embedding": batch["embedding"]} | targets
        view = make_views(
            batch["image"] if self.on_device is None else self.on_device[batch["row"]],
            view_params(degrees, batch["varied"]),
            size=self.data.image_size,
            border=self.augment.border,
            normalisation=self.normalisation,
        )
        return {"view": view} | targets
