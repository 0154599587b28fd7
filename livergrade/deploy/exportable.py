"""All that grades an image in one module: the preprocessing, the views, the network and its temperature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from livergrade.data.augment import ViewParams, sampled, view_grids
from livergrade.deploy.resize import central_square
from livergrade.models.architecture import Normalisation

if TYPE_CHECKING:
    from livergrade.inference.grader import Grader


class ExportableModel(nn.Module):
    """Whole images to calibrated probabilities, in tensor operations alone, for export.

    Args:
        net: the network, ``float [B, 3, image_size, image_size]`` to logits ``[B, classes]``.
        size: side of the square that views are cut from, pixels.
        image_size: side of the views, pixels.
        border: as ``augment.border``.
        degrees: angles of the views, anticlockwise.
        normalisation: mean and standard deviation of the channels, of images scaled to [0, 1].
        temperature: what the logits are divided by (Guo et al., ICML 2017); 1 leaves them as they are.
    """

    grids: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(
        self,
        net: nn.Module,
        *,
        size: int,
        image_size: int,
        border: str,
        degrees: Sequence[float],
        normalisation: Normalisation,
        temperature: float,
    ) -> None:
        super().__init__()
        self.net, self.size, self.border, self.temperature = net, size, border, temperature
        drawn = replace(ViewParams.upright(len(degrees)), degrees=torch.tensor(degrees, dtype=torch.float32))
        self.register_buffer("grids", view_grids(drawn, source=size, size=image_size, border=border))
        for name, values in zip(("mean", "deviation"), normalisation, strict=True):
            self.register_buffer(name, torch.tensor(values).view(3, 1, 1) * 255)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Grade images of one size.

        Args:
            images: ``uint8 [B, height, width, 3]``, RGB.

        Returns:
            Probabilities, ``float32 [B, classes]``, the mean over the views; and those of each view,
            ``float32 [B, views, classes]``.
        """
        squares = central_square(images, self.size)
        views = len(self.grids)
        source = squares.unsqueeze(1).expand(-1, views, -1, -1, -1).flatten(0, 1)
        grids = self.grids.unsqueeze(0).expand(images.shape[0], -1, -1, -1, -1).flatten(0, 1)
        # Whole levels, as the CPU's views have them; without that probabilities differ ten times as much.
        levels = sampled(source, grids, self.border).round()
        shown = (levels - self.mean) / self.deviation
        logits = self.net(shown).float().unflatten(0, (images.shape[0], views))
        per_view = (logits / self.temperature).softmax(2)
        return per_view.mean(1), per_view


def portable(grader: Grader) -> ExportableModel:
    """All that a grader does with an image file."""
    return ExportableModel(
        grader.net,
        size=grader.size,
        image_size=grader.image_size,
        border=grader.border,
        degrees=grader.degrees,
        normalisation=grader.normalisation,
        temperature=grader.temperature or 1.0,
    ).eval()
