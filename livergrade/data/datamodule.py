"""The LightningDataModule: a cohort and its split become batches of views."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from livergrade.config import AugmentConfig, DataConfig
from livergrade.data.augment import make_views
from livergrade.data.cache import decoded, working_size
from livergrade.data.cohort import Cohort

Batch = dict[str, Tensor]
Key = tuple[float, ...]  # row of the cohort, number of the angle, mirrored, factor of each channel's density


class Views(Dataset[Batch]):
    """Cached images by view key; a whole batch is gathered in one indexing of the array."""

    def __init__(self, images: NDArray[np.uint8], grades: NDArray[np.int64]) -> None:
        self.images = images
        self.grades = grades

    def __getitems__(self, keys: Sequence[Key]) -> Batch:
        """Gather ``image uint8 [B,S,S,3]``, ``density [B,3]`` and ``grade, row, angle, mirrored [B]``."""
        drawn = np.array(keys)
        rows = drawn[:, 0].astype(np.int64)
        arrays = {
            "image": self.images[rows],
            "grade": self.grades[rows],
            "row": rows,
            "angle": drawn[:, 1].astype(np.int64),
            "mirrored": drawn[:, 2] > 0,
            "density": drawn[:, 3:].astype(np.float32),
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _as_gathered(batch: Batch) -> Batch:
    """Collate nothing: ``Views`` hands out whole batches (named, so that workers can be sent it)."""
    return batch


class ViewPlan(Sampler[Key]):
    """Which views a pass shows, and in which order.

    All that is random comes from a generator seeded by (seed, epoch), so that an epoch is the same whatever
    the batch size, the number of workers or of processes, and after a resume.

    Args:
        rows: the rows of the cohort that take part.
        angles: how many angles there are.
        views: ``all``, ``upright``, ``sample`` (one drawn each epoch) or a number as text: so many, drawn
            each epoch when ``shuffle``, else spread evenly over the circle.
        seed: of the draws.
        shuffle: in random order; otherwise by row, then angle.
        flip: mirror half of the views, drawn each epoch.
        stain: standard deviation of the log of each channel's optical density, drawn each epoch.
        rank: of this process.
        world: number of processes; each gets every ``world``-th view, the last ones repeated to equal length.
    """

    def __init__(
        self,
        rows: NDArray[np.int64],
        angles: int,
        views: str,
        *,
        seed: int = 0,
        shuffle: bool = False,
        flip: bool = False,
        stain: float = 0.0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.rows, self.angles, self.seed = rows, angles, seed
        self.shuffle, self.flip, self.stain, self.rank, self.world = shuffle, flip, stain, rank, world
        self.count = {"all": angles, "upright": 1, "sample": 1}.get(views) or int(views)
        self.drawn = shuffle and views not in ("all", "upright")
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this at the start of every epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return -(-len(self.rows) * self.count // self.world)

    def __iter__(self) -> Iterator[Key]:
        generator = np.random.default_rng([self.seed, self.epoch])
        if self.drawn:
            chosen = generator.random((len(self.rows), self.angles)).argsort(1)[:, : self.count]
        else:
            spread = np.arange(self.count) * self.angles // self.count
            chosen = np.broadcast_to(spread, (len(self.rows), self.count))
        mirrored = generator.integers(0, 2, chosen.size) if self.flip else np.zeros(chosen.size)
        density = np.exp(self.stain * generator.standard_normal((chosen.size, 3)))
        keys = np.column_stack([np.repeat(self.rows, self.count), chosen.ravel(), mirrored, density])
        if self.shuffle:
            generator.shuffle(keys)
        padded = np.resize(keys, (len(self) * self.world, keys.shape[1]))
        return map(tuple, padded[self.rank :: self.world].tolist())


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
    """

    def __init__(
        self,
        cohort: Cohort,
        split: pd.DataFrame,
        data: DataConfig,
        augment: AugmentConfig,
        cache_folder: Path,
        seed: int,
    ) -> None:
        super().__init__()
        self.cohort, self.split, self.data, self.augment = cohort, split, data, augment
        self.cache_folder, self.seed = cache_folder, seed
        self.angles = round(360 / augment.step_degrees)
        self.test_splits = [side for side in ("test", "val") if (split["split"] == side).any()]
        self.views: Views | None = None

    def prepare_data(self) -> None:
        """Decode once, in one process, before the others start."""
        if self.data.cache != "ram":
            self._decoded()

    def setup(self, stage: str) -> None:
        """Open the decoded images."""
        if self.views is None:
            codes = {grade: code for code, grade in enumerate(self.cohort.classes)}
            grades = np.array([codes[grade] for grade in self.cohort.table["grade"]], dtype=np.int64)
            self.views = Views(self._decoded(), grades)

    def _decoded(self) -> NDArray[np.uint8]:
        size = working_size(self.data.image_size, self.augment.border)
        return decoded(self.cohort, size, self.cache_folder, self.data.cache)

    def _loader(self, side: str, views: str, *, train: bool = False) -> DataLoader[Batch]:
        assert self.views is not None
        world = self.trainer.world_size if self.trainer else 1
        plan = ViewPlan(
            np.flatnonzero(self.split["split"] == side),
            self.angles,
            views,
            seed=self.seed,
            shuffle=train,
            flip=train and self.augment.flip,
            stain=self.augment.stain if train else 0.0,
            rank=self.trainer.global_rank if self.trainer else 0,
            world=world,
        )
        # The last batch is dropped where it would be a single view: batch norm can't be trained on one.
        lonely = train and len(plan) > 1 and len(plan) % self.data.batch_size == 1
        return DataLoader(
            self.views,
            batch_size=self.data.batch_size,
            sampler=plan,
            num_workers=self.data.workers,
            collate_fn=_as_gathered,  # type: ignore[arg-type]
            pin_memory=torch.cuda.is_available(),
            persistent_workers=self.data.workers > 0,
            drop_last=lonely,
        )

    def train_dataloader(self) -> DataLoader[Batch]:
        """The training views of an epoch, shuffled."""
        return self._loader("train", self.augment.train_views, train=True)

    def val_dataloader(self) -> DataLoader[Batch] | list[Any]:
        """The validation views, or nothing where the split has no validation side."""
        return self._loader("val", self.augment.val_views) if "val" in self.test_splits else []

    def test_dataloader(self) -> list[DataLoader[Batch]]:
        """The views that are graded, one loader a side in the order of ``test_splits``."""
        return [self._loader(side, self.augment.test_views) for side in self.test_splits]

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Make the views where the batch now is."""
        degrees = batch["angle"].float() * self.augment.step_degrees
        view = make_views(
            batch["image"],
            degrees,
            batch["mirrored"],
            batch["density"] if self.augment.stain else None,
            size=self.data.image_size,
            border=self.augment.border,
        )
        return {"view": view, "grade": batch["grade"], "row": batch["row"], "degrees": degrees}
