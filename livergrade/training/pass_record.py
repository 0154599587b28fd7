"""What a pass over the data saw, kept on the device until its end."""

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
class SeenViews:
    """The views of a pass and what they were graded.

    Attributes:
        values: ``float32 [views, 4 + classes]``: row of the cohort, degrees, grade, loss, probabilities.
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
        """``float32 [views, classes]``."""
        return self.values[:, FACTS:]

    def each_once(self) -> SeenViews:
        """Without the views that were graded twice; in the order of row and angle."""
        first = np.unique(self.values[:, :2].cpu().numpy(), axis=0, return_index=True)[1]
        return SeenViews(self.values[torch.from_numpy(first).to(self.values.device)])

    def graded(self) -> GradedViews:
        """For ``predictions.csv``."""
        values = self.values.cpu().numpy()
        return GradedViews(values[:, 0].astype(np.int64), values[:, 1], values[:, FACTS:])


class PassRecord:
    """What this process saw of a pass, a tensor a batch.

    A metric update a step costs milliseconds and a synchronisation: a pass is measured once, at its end.

    Args:
        parts: ``float32 [views, 4 + classes]`` each, as :class:`SeenViews` has them.
    """

    def __init__(self, parts: Iterable[Tensor] = ()) -> None:
        self.parts = list(parts)

    def add(self, batch: dict[str, Tensor], losses: Tensor, probabilities: Tensor) -> None:
        """Keep a batch: its ``row``, ``degrees`` and ``grade``, each view's loss and its probabilities."""
        facts = torch.stack([batch["row"], batch["degrees"], batch["grade"], losses], 1)
        self.parts.append(torch.cat([facts, probabilities], 1))

    def together(self, device: torch.device) -> Tensor:
        """All of it, ``float32 [views, 4 + classes]``."""
        return torch.cat([part.to(device) for part in self.parts])

    def finite(self, latest: int) -> bool:
        """Whether the latest so many batches hold finite numbers alone; looking waits for the device."""
        return bool(torch.stack([part.isfinite().all() for part in self.parts[-latest:]]).all())

    def not_finite(self) -> tuple[int, list[int]] | None:
        """The first batch, from 0, with a number that is not finite, and its rows of the cohort, or None."""
        for number, part in enumerate(self.parts):
            if not part.isfinite().all():
                return number, list(dict.fromkeys(part[:, 0].long().tolist()))
        return None
