"""The LightningDataModule: a cohort and its split become batches of views."""

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
from torch.utils.data import DataLoader, Sampler
from tqdm import tqdm

from livergrade.config.schema import AugmentConfig, DataConfig
from livergrade.data.augment import ViewParams, make_views
from livergrade.data.cache import Undecoded, cached_size, decode, decoded
from livergrade.data.cohort import Cohort
from livergrade.data.views import Batch, Embedded, Key, Views, ViewSampler, as_gathered
from livergrade.errors import UserError

log = logging.getLogger(__name__)


class GradingData(L.LightningDataModule):
    """Batches of a cohort's views for training, validation and test.

    A batch is a dict: ``view float32 [B,3,H,W]`` (normalised, on the device), ``grade int64 [B]``,
    ``row int64 [B]`` (of the cohort's table) and ``degrees float32 [B]``.

    Args:
        cohort: the images.
        split: the cohort's images in its order with the column ``split``.
        data: image size, batch size, workers and cache.
        augment: the views.
        cache_folder: where decoded images are kept.
        seed: of the views drawn to train on.
        normalisation: mean and standard deviation of the channels, of images scaled to [0, 1].
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
    ) -> None:
        super().__init__()
        self.cohort, self.split, self.data, self.augment = cohort, split, data, augment
        self.size = cached_size(data.image_size, augment.border)
        self.cache_folder, self.seed, self.normalisation = cache_folder, seed, normalisation
        self.test_splits = [side for side in ("test", "val") if (split["split"] == side).any()]
        self.views: Views | None = None
        self.embedded: Embedded | None = None
        self.on_device: Tensor | None = None
        self.resumed: dict[str, int] = {}

    def state_dict(self) -> dict[str, int]:
        """How many batches of the epoch were trained on, for :meth:`train_dataloader` to leave out.

        Counted by the loop and not by the loader, which is ahead of it.
        """
        trainer = self.trainer
        assert trainer is not None
        within = trainer.fit_loop.epoch_loop.batch_progress
        batches = 0 if within.is_last_batch else within.current.processed  # type: ignore[attr-defined]
        return {"epoch": trainer.current_epoch, "batches": batches, "processes": trainer.world_size}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Start there.

        Raises:
            UserError: within the epoch that many processes had each their share of the views, and now there
                are more or fewer.
        """
        assert self.trainer is not None
        if state_dict["batches"] and state_dict["processes"] != self.trainer.world_size:
            raise UserError(
                f"trainer.devices: this run was stopped within an epoch of {state_dict['processes']} "
                f"process(es) and can't go on with {self.trainer.world_size}; start as many"
            )
        self.resumed = state_dict

    def prepare_data(self) -> None:
        """Decode once, in one process, before the others start."""
        if self.data.cache not in ("ram", "none"):
            self._decoded()

    def setup(self, stage: str) -> None:
        """Open the decoded images, and lay them on the device where that is wanted or pays."""
        if self.views is not None:
            return
        codes = {grade: code for code, grade in enumerate(self.cohort.classes)}
        grades = np.array([codes[grade] for grade in self.cohort.table["grade"]], dtype=np.int64)
        images = Undecoded(self.cohort, self.size) if self.data.cache == "none" else self._decoded()
        device = self.trainer.strategy.root_device if self.trainer else torch.device("cpu")
        if isinstance(images, np.ndarray) and self._belongs_on(device, images.nbytes):
            self.on_device = torch.tensor(images, device=device)
            log.info("%.0f MB of decoded images are on %s", images.nbytes / 1e6, device)
        self.views = Views(images if self.on_device is None else None, grades)

    def _decoded(self) -> NDArray[np.uint8]:
        if self.data.cache == "ram":
            array = np.empty((len(self.cohort.table), self.size, self.size, 3), np.uint8)
            decode(self.cohort, self.size, array)
            return array
        return decoded(self.cohort, self.size, self.cache_folder, limit=self.data.cache_limit * 1e9)

    def squares(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Decoded images by row of the cohort, ``uint8 [rows, S, S, 3]``, wherever they lie."""
        if self.on_device is not None:
            return np.asarray(self.on_device[torch.from_numpy(rows)].cpu().numpy(), np.uint8)
        assert self.views is not None
        assert self.views.images is not None
        return self.views.images[rows]

    def _belongs_on(self, device: torch.device, size: int) -> bool:
        """Whether so many bytes of images lie on the device: if asked, or on a GPU with room to spare."""
        if self.data.cache != "auto" or device.type != "cuda":
            return self.data.cache == "device"
        return size < torch.cuda.mem_get_info(device)[0] / 4

    def _plan(self, side: str, views: str) -> ViewSampler:
        return ViewSampler(
            np.flatnonzero(self.split["split"] == side),
            views,
            self.augment,
            train=side == "train",
            seed=self.seed,
            rank=self.trainer.global_rank if self.trainer else 0,
            world=self.trainer.world_size if self.trainer else 1,
        )

    def _loader(self, views: Sampler[Key] | Sequence[Key], *, drop_last: bool = False) -> DataLoader[Batch]:
        shown = self.embedded or self.views
        assert shown is not None
        return DataLoader(
            shown,
            batch_size=self.data.batch_size,
            sampler=views,
            num_workers=self.data.workers,
            collate_fn=as_gathered,  # type: ignore[arg-type]
            pin_memory=torch.cuda.is_available(),
            persistent_workers=self.data.workers > 0,
            drop_last=drop_last,
        )

    def train_dataloader(self) -> DataLoader[Batch]:
        """The training views of an epoch, shuffled."""
        plan = self._plan("train", self.augment.train_views)
        if self.resumed:
            plan.resume(self.resumed["epoch"], self.resumed["batches"] * self.data.batch_size)
        # The last batch is dropped where it would be a single view: batch norm can't be trained on one.
        return self._loader(plan, drop_last=len(plan) > 1 and len(plan) % self.data.batch_size == 1)

    def val_dataloader(self) -> DataLoader[Batch] | list[Any]:
        """The validation views, or nothing where the split has no validation side."""
        validated = "val" in self.test_splits
        return self._loader(self._plan("val", self.augment.val_views)) if validated else []

    def test_dataloader(self) -> list[DataLoader[Batch]]:
        """The views that are graded, one loader a side in the order of ``test_splits``."""
        return [self._loader(self._plan(side, self.augment.test_views)) for side in self.test_splits]

    def views_of_a_run(self, epochs: int) -> list[Key]:
        """Every view that so many epochs of training, their validation and the test show; each once."""
        plans = [self._plan(side, self.augment.test_views) for side in self.test_splits]
        if "val" in self.test_splits:
            plans.append(self._plan("val", self.augment.val_views))
        shown = {key for plan in plans for key in plan}
        training = self._plan("train", self.augment.train_views)
        for epoch in range(epochs):
            training.set_epoch(epoch)
            shown.update(training)
        return sorted(shown)

    def embed(self, keys: Sequence[Key], embedded: Callable[[Tensor], Tensor], device: torch.device) -> None:
        """Show these embeddings of the views from now on, instead of the views.

        Args:
            keys: the views.
            embedded: makes of views ``float32 [B,3,H,W]`` on the device their embeddings ``[B, features]``.
            device: where the views are made.
        """
        self.embedded = None
        passed = []
        for batch in tqdm(self._loader(keys), "embedding", leave=False):
            there = {name: tensor.to(device) for name, tensor in batch.items()}
            passed.append(embedded(self.on_after_batch_transfer(there, 0)["view"]).float().cpu())
        assert self.views is not None
        self.embedded = Embedded(keys, torch.cat(passed), self.views.grades)

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Make the views where the batch now is, unless it holds their embeddings."""
        degrees = batch["angle"].float() * self.augment.step_degrees
        facts = {"grade": batch["grade"], "row": batch["row"], "degrees": degrees}
        if "embedding" in batch:
            return {"embedding": batch["embedding"]} | facts
        mirrored, window, density, light = torch.split(batch["drawn"], [1, 3, 3, 2], 1)
        view = make_views(
            batch["image"] if self.on_device is None else self.on_device[batch["row"]],
            ViewParams(degrees, mirrored[:, 0] > 0, window, density, light),
            size=self.data.image_size,
            border=self.augment.border,
            normalisation=self.normalisation,
        )
        return {"view": view} | facts
