"""The LightningDataModule: a cohort and its split become batches of views."""

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler
from tqdm import tqdm

from livergrade.config.schema import AugmentConfig, DataConfig
from livergrade.data.augment import Drawn, make_views
from livergrade.data.cache import Undecoded, decode, decoded, working_size
from livergrade.data.cohort import Cohort
from livergrade.errors import UserError

log = logging.getLogger(__name__)

Batch = dict[str, Tensor]
Key = tuple[float, ...]
"""A view: row of the cohort, number of the angle, then what :class:`Drawn` holds but the degrees: mirrored
(1), window (3), density (3), light (2)."""

AS_IT_IS = (0, 1, 0, 0, 1, 1, 1, 1, 0)  # what is drawn for a view that nothing is done to


class Views(Dataset[Batch]):
    """Cached images by view key; a whole batch is gathered in one indexing of the array.

    Args:
        images: ``uint8 [images, S, S, 3]``, or None if they lie on the device already.
        grades: of the cohort's rows.
    """

    def __init__(self, images: NDArray[np.uint8] | Undecoded | None, grades: NDArray[np.int64]) -> None:
        self.images = images
        self.grades = grades

    def __getitems__(self, keys: Sequence[Key]) -> Batch:
        """Gather ``image uint8 [B,S,S,3]``, ``drawn float32 [B,9]`` and ``grade, row, angle int64 [B]``."""
        key = np.array(keys)
        rows, angles = key[:, :2].astype(np.int64).T
        arrays = {"grade": self.grades[rows], "row": rows, "angle": angles}
        arrays["drawn"] = key[:, 2:].astype(np.float32)
        if self.images is not None:
            arrays["image"] = self.images[rows]
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


def _as_gathered(batch: Batch) -> Batch:
    """Collate nothing: ``Views`` hands out whole batches (named, so that workers can be sent it)."""
    return batch


class Embedded(Dataset[Batch]):
    """What a frozen network makes of each view, by view key.

    Args:
        keys: the views.
        embeddings: ``float32 [views, features]``, in their order.
        grades: of the cohort's rows.
    """

    def __init__(self, keys: Sequence[Key], embeddings: Tensor, grades: NDArray[np.int64]) -> None:
        self.places = {key: place for place, key in enumerate(keys)}
        self.embeddings = embeddings
        self.grades = grades

    def __getitems__(self, keys: Sequence[Key]) -> Batch:
        """Gather ``embedding [B, features]`` and ``grade, row, angle [B]``."""
        rows, angles = np.array(keys)[:, :2].astype(np.int64).T
        return {
            "embedding": self.embeddings[[self.places[key] for key in keys]],
            "grade": torch.from_numpy(self.grades[rows]),
            "row": torch.from_numpy(rows),
            "angle": torch.from_numpy(angles),
        }


class ViewPlan(Sampler[Key]):
    """Which views a pass shows, and in which order.

    All that is random comes from a generator seeded by (seed, epoch), so that an epoch is the same whatever
    the batch size, the number of workers or of processes, and after a resume.

    Args:
        rows: the rows of the cohort that take part.
        views: ``all``, ``upright``, ``sample`` (one drawn each epoch) or a number as text: so many, drawn
            each epoch when ``train``, else spread evenly over the circle.
        augment: the angles, and in training what else is drawn.
        train: shuffled and with all that ``augment`` varies; otherwise by row, then angle.
        seed: of the draws.
        rank: of this process.
        world: number of processes; each gets every ``world``-th view, the last ones repeated to equal length.
    """

    def __init__(
        self,
        rows: NDArray[np.int64],
        views: str,
        augment: AugmentConfig,
        *,
        train: bool = False,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.rows, self.augment, self.train, self.seed = rows, augment, train, seed
        self.rank, self.world = rank, world
        self.shown = (0, 0)
        self.angles = round(360 / augment.step_degrees)
        self.count = {"all": self.angles, "upright": 1, "sample": 1}.get(views) or int(views)
        self.sampled = train and views not in ("all", "upright")
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Lightning calls this at the start of every epoch."""
        self.epoch = epoch

    def resume(self, epoch: int, shown: int) -> None:
        """Start at an epoch, and leave out the views that were shown of it (to each process) before."""
        self.epoch = epoch
        self.shown = (epoch, shown)

    def __len__(self) -> int:
        return -(-len(self.rows) * self.count // self.world)

    def __iter__(self) -> Iterator[Key]:
        generator = np.random.default_rng([self.seed, self.epoch])
        if self.sampled:
            chosen = generator.random((len(self.rows), self.angles)).argsort(1)[:, : self.count]
        else:
            spread = np.arange(self.count) * self.angles // self.count
            chosen = np.broadcast_to(spread, (len(self.rows), self.count))
        keys = np.column_stack(
            [np.repeat(self.rows, self.count), chosen.ravel(), self._drawn(generator, chosen.size)]
        )
        if self.train:
            generator.shuffle(keys)
        padded = np.resize(keys, (len(self) * self.world, keys.shape[1]))
        epoch, shown = self.shown
        here = padded[self.rank :: self.world][shown if epoch == self.epoch else 0 :]
        return map(tuple, here.tolist())

    def _drawn(self, generator: np.random.Generator, views: int) -> NDArray[np.float64]:
        """The columns of :data:`AS_IT_IS`; as many numbers are drawn whatever is varied."""
        if not self.train:
            return np.tile(AS_IT_IS, (views, 1))
        varied = self.augment
        mirrored = generator.integers(0, 2, (views, 1)) * varied.flip
        density = np.exp(varied.stain * generator.standard_normal((views, 3)))
        share = 1 - (1 - varied.crop) * generator.random((views, 1))
        place = generator.uniform(-1, 1, (views, 2)) * (varied.crop < 1)
        contrast = np.exp(varied.contrast * generator.standard_normal((views, 1)))
        brightness = varied.brightness * generator.standard_normal((views, 1))
        return np.hstack([mirrored, share, place, density, contrast, brightness])


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
        self.size = working_size(data.image_size, augment.border)
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

    def _plan(self, side: str, views: str) -> ViewPlan:
        return ViewPlan(
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
            collate_fn=_as_gathered,  # type: ignore[arg-type]
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
            Drawn(degrees, mirrored[:, 0] > 0, window, density, light),
            size=self.data.image_size,
            border=self.augment.border,
            normalisation=self.normalisation,
        )
        return {"view": view} | facts
