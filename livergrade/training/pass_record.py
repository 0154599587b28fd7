"""Results of each view in a pass over the data, kept on the device until the end of the pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from livergrade.evaluation.predictions import GradedViews

FACTS = 4
"""Columns before the probabilities: row, degrees, grade, loss."""


@dataclass(frozen=True)
class GradedBatchViews:
    """The views of a pass and their predictions.

    Attributes:
        values: on the CPU, ``float32 [views, 4 + classes]``: row in the cohort, degrees, grade, loss,
            probabilities.
    """

    values: Tensor

    @property
    def grade(self) -> Tensor:
        """The true grades, ``int64 [views]``."""
        return self.values[:, 2].long()

    @property
    def loss(self) -> Tensor:
        """Cross-entropy of each view, ``float32 [views]``."""
        return self.values[:, 3]

    @property
    def probabilities(self) -> Tensor:
        """Predicted probabilities, ``float32 [views, classes]``."""
        return self.values[:, FACTS:]

    def without_duplicates(self) -> GradedBatchViews:
        """Return the views without duplicates, sorted by row and angle."""
        first = np.unique(self.values[:, :2].numpy(), axis=0, return_index=True)[1]
        return GradedBatchViews(self.values[torch.from_numpy(first)])

    def of_whole_images(self) -> GradedBatchViews:
        """Return the views without those of images that have fewer than others: where a pass was cut."""
        _, image, views = np.unique(self.values[:, 0].numpy(), return_inverse=True, return_counts=True)
        return GradedBatchViews(self.values[torch.from_numpy(views[image] == views.max())])

    def graded(self) -> GradedViews:
        """Return the predictions for ``predictions.csv``."""
        values = self.values.numpy()
        return GradedViews(values[:, 0].astype(np.int64), values[:, 1], values[:, FACTS:])


class PassRecord:
    """Results of this process in a pass, one tensor per batch.

    A metric update in each step costs milliseconds and a synchronisation; metrics are computed once, at the
    end of the pass.

    Args:
        parts: tensors ``float32 [views, 4 + classes]`` with the columns of :class:`GradedBatchViews`.
    """

    def __init__(self, parts: Iterable[Tensor] = ()) -> None:
        self.parts = list(parts)

    def add(self, batch: dict[str, Tensor], losses: Tensor, probabilities: Tensor) -> None:
        """Store a batch: ``row``, ``degrees``, ``grade``, loss and probabilities of each view."""
        facts = torch.stack([batch["row"], batch["degrees"], batch["grade"], losses], 1)
        self.parts.append(torch.cat([facts, probabilities], 1))

    def concatenated(self, device: torch.device) -> Tensor:
        """Return all batches as one tensor, ``float32 [views, 4 + classes]``."""
        return torch.cat([part.to(device) for part in self.parts])

    def latest_are_finite(self, latest: int) -> bool:
        """Return whether the ``latest`` last batches are finite; this waits for the device."""
        return bool(torch.stack([part.isfinite().all() for part in self.parts[-latest:]]).all())

    def first_not_finite(self) -> tuple[int, list[int]] | None:
        """Return the first batch (from 0) with a value that is not finite, and its cohort rows, or None."""
        for batch_index, part in enumerate(self.parts):
            if not part.isfinite().all():
                return batch_index, list(dict.fromkeys(part[:, 0].long().tolist()))
        return None
