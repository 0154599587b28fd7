"""Samplers and datasets of views: the views of an epoch, and batches of them from the decoded images."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from livergrade.config.schema import AugmentConfig
from livergrade.config.views import view_count
from livergrade.data.augment import ViewParams
from livergrade.data.cache import UncachedImages

Batch = dict[str, Tensor]


class ViewKey(NamedTuple):
    """A view: which image, at which angle, and what training varies, by default unchanged.

    Attributes:
        row: row of the image in the cohort's table.
        angle: index of the angle.
        mirrored: 1 if flipped left to right.
        side: side of the square crop as a fraction of the image side.
        right: its offset to the right, from -1 to 1 of the remaining margin.
        down: its offset downwards.
        red: factor of the optical density of the red channel.
        green: that of the green channel.
        blue: that of the blue channel.
        contrast: factor of the distance from mid-grey.
        brightness: additive offset as a fraction of white.
    """

    row: int
    angle: int
    mirrored: float = 0
    side: float = 1
    right: float = 0
    down: float = 0
    red: float = 1
    green: float = 1
    blue: float = 1
    contrast: float = 1
    brightness: float = 0


def view_params(degrees: Tensor, varied: Tensor) -> ViewParams:
    """Return the parameters of a batch of views.

    Args:
        degrees: ``float32 [B]``.
        varied: ``float32 [B, 9]``, the fields of :class:`ViewKey` after the angle.
    """
    column = dict(zip(ViewKey._fields[2:], varied.unbind(1), strict=True))
    return ViewParams(
        degrees=degrees,
        mirrored=column["mirrored"] > 0,
        window=torch.stack([column["side"], column["right"], column["down"]], 1),
        density=torch.stack([column["red"], column["green"], column["blue"]], 1),
        light=torch.stack([column["contrast"], column["brightness"]], 1),
    )


class Views(Dataset[Batch]):
    """Dataset of cached images by view key; a whole batch is read with one array indexing.

    Args:
        images: ``uint8 [images, S, S, 3]``, or None if they are already on the device.
        grades: grade of each row of the cohort.
    """

    def __init__(self, images: NDArray[np.uint8] | UncachedImages | None, grades: NDArray[np.int64]) -> None:
        self.images = images
        self.grades = grades

    def __getitems__(self, table: NDArray[np.float64]) -> Batch:
        """Gather ``image uint8 [B,S,S,3]``, ``varied float32 [B,9]`` and ``grade, row, angle int64 [B]``.

        Args:
            table: view keys, ``float64 [B, 11]``.
        """
        rows, angles = table[:, :2].astype(np.int64).T
        arrays = {"grade": self.grades[rows], "row": rows, "angle": angles}
        arrays["varied"] = table[:, 2:].astype(np.float32)
        if self.images is not None:
            arrays["image"] = self.images[rows]
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


def identity_collate(batch: Batch) -> Batch:
    """Return the batch unchanged: ``Views`` returns whole batches. Named, so that workers can unpickle it."""
    return batch


class Embedded(Dataset[Batch]):
    """Dataset of the embeddings of a frozen network, by view key.

    Args:
        keys: the views.
        embeddings: ``float32 [views, features]``, in the order of ``keys``.
        grades: grade of each row of the cohort.
    """

    def __init__(self, keys: Sequence[ViewKey], embeddings: Tensor, grades: NDArray[np.int64]) -> None:
        self.places: dict[tuple[float, ...], int] = {key: place for place, key in enumerate(keys)}
        self.embeddings = embeddings
        self.grades = grades

    def __getitems__(self, table: NDArray[np.float64]) -> Batch:
        """Gather ``embedding [B, features]`` and ``grade, row, angle [B]``.

        Args:
            table: view keys, ``float64 [B, 11]``.
        """
        rows, angles = table[:, :2].astype(np.int64).T
        return {
            "embedding": self.embeddings[[self.places[tuple(key)] for key in table.tolist()]],
            "grade": torch.from_numpy(self.grades[rows]),
            "row": torch.from_numpy(rows),
            "angle": torch.from_numpy(angles),
        }


class ViewSampler(Sampler[ViewKey]):
    """Sampler of the views of an epoch, and their order.

    All randomness comes from a generator seeded by (seed, epoch), so that an epoch does not depend on the
    batch size, the number of workers or processes, or a resume.

    Args:
        rows: rows of the cohort to sample from.
        views: ``all``, ``upright``, ``sample`` (one random view per epoch) or a number as text: so many,
            drawn at random per epoch if ``train``, else spread evenly over the circle.
        augment: the angles, and the random augmentations of training.
        train: shuffled and with the random augmentations; otherwise ordered by row, then angle.
        seed: random seed.
        rank: rank of this process.
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
        self.skipped = (0, 0)
        self.angles = round(360 / augment.step_degrees)
        count = 1 if views == "sample" else view_count(views, self.angles)
        if count is None:
            raise ValueError(
                f"views={views}: must be all, upright, sample or a number from 1 to {self.angles}"
            )
        self.count = count
        self.sampled = train and views not in ("all", "upright")
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; Lightning calls this at the start of every epoch."""
        self.epoch = epoch

    def resume(self, epoch: int, shown: int) -> None:
        """Start at an epoch, and skip its first ``shown`` views (per process), which were already used."""
        self.epoch = epoch
        self.skipped = (epoch, shown)

    def __len__(self) -> int:
        return -(-len(self.rows) * self.count // self.world)

    def __iter__(self) -> Iterator[ViewKey]:
        return (ViewKey(int(row), int(angle), *varied) for row, angle, *varied in self.table().tolist())

    def table(self) -> NDArray[np.float64]:
        """View keys of this process in the epoch, ``float64 [views, 11]``, in their order."""
        generator = np.random.default_rng([self.seed, self.epoch])
        if self.sampled:
            chosen = generator.random((len(self.rows), self.angles)).argsort(1)[:, : self.count]
        else:
            spread = np.arange(self.count) * self.angles // self.count
            chosen = np.broadcast_to(spread, (len(self.rows), self.count))
        keys = np.column_stack(
            [np.repeat(self.rows, self.count), chosen.ravel(), self._random_params(generator, chosen.size)]
        )
        if self.train:
            order = np.arange(len(keys))
            generator.shuffle(order)  # many times as fast as shuffling the rows, with the same result
            keys = keys[order]
        padded = np.resize(keys, (len(self) * self.world, keys.shape[1]))
        epoch, skipped = self.skipped
        return padded[self.rank :: self.world][skipped if epoch == self.epoch else 0 :]

    def _random_params(self, generator: np.random.Generator, views: int) -> NDArray[np.float64]:
        """Fields of :class:`ViewKey` after the angle; the number of draws does not depend on the options."""
        if not self.train:
            return np.tile(ViewKey(0, 0)[2:], (views, 1))
        varied = self.augment
        mirrored = generator.integers(0, 2, (views, 1)) * varied.flip
        density = np.exp(varied.stain * generator.standard_normal((views, 3)))
        share = 1 - (1 - varied.crop) * generator.random((views, 1))
        place = generator.uniform(-1, 1, (views, 2)) * (varied.crop < 1)
        contrast = np.exp(varied.contrast * generator.standard_normal((views, 1)))
        brightness = varied.brightness * generator.standard_normal((views, 1))
        return np.hstack([mirrored, share, place, density, contrast, brightness])


class ViewBatches(Sampler[NDArray[np.float64]]):
    """Batches of the view keys of a pass, each one array: a Python object for each view would cost more.

    Args:
        views: their sampler, or the view keys themselves.
        batch_size: views of a batch.
        drop_last: leave out a last batch of fewer views.
    """

    def __init__(
        self, views: ViewSampler | Sequence[ViewKey], batch_size: int, *, drop_last: bool = False
    ) -> None:
        self.sampler, self.batch_size, self.drop_last = views, batch_size, drop_last

    def __len__(self) -> int:
        return (len(self.sampler) + (0 if self.drop_last else self.batch_size - 1)) // self.batch_size

    def __iter__(self) -> Iterator[NDArray[np.float64]]:
        """Look the views up with the first batch: Lightning may ask for an iterator, then set the epoch."""
        views = self.sampler
        table = views.table() if isinstance(views, ViewSampler) else np.array(views, np.float64)
        end = len(table) // self.batch_size * self.batch_size if self.drop_last else len(table)
        for first in range(0, end, self.batch_size):
            yield table[first : first + self.batch_size]
