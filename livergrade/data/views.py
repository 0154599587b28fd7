"""Which views a pass shows, and how a batch of them is gathered from the decoded images."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from livergrade.config.schema import AugmentConfig
from livergrade.config.views import view_count
from livergrade.data.cache import Undecoded

Batch = dict[str, Tensor]
Key = tuple[float, ...]
"""A view: row of the cohort, number of the angle, then what :class:`ViewParams` holds but the degrees:
mirrored (1), window (3), density (3), light (2)."""

IDENTITY = (0, 1, 0, 0, 1, 1, 1, 1, 0)  # what is drawn for a view that nothing is done to


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


def as_gathered(batch: Batch) -> Batch:
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


class ViewSampler(Sampler[Key]):
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
        count = 1 if views == "sample" else view_count(views, self.angles)
        if count is None:
            raise ValueError(
                f"views={views}: must be all, upright, sample or a number from 1 to {self.angles}"
            )
        self.count = count
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
        """The columns of :data:`IDENTITY`; as many numbers are drawn whatever is varied."""
        if not self.train:
            return np.tile(IDENTITY, (views, 1))
        varied = self.augment
        mirrored = generator.integers(0, 2, (views, 1)) * varied.flip
        density = np.exp(varied.stain * generator.standard_normal((views, 3)))
        share = 1 - (1 - varied.crop) * generator.random((views, 1))
        place = generator.uniform(-1, 1, (views, 2)) * (varied.crop < 1)
        contrast = np.exp(varied.contrast * generator.standard_normal((views, 1)))
        brightness = varied.brightness * generator.standard_normal((views, 1))
        return np.hstack([mirrored, share, place, density, contrast, brightness])
