"""Distance of images from the training images with tensor operations only, for export.

:func:`livergrade.evaluation.ood.appearance` measures colour with NumPy and sharpness with OpenCV; this does
the same in whole numbers and float64, so that both distances agree to rounding.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from livergrade.evaluation.ood import Reference

GREY = (9798, 19235, 3735)
"""Shares of red, green and blue in a grey value, of 2**15, as OpenCV rounds them."""


class TrainingDistance(nn.Module):
    """Distance of center crops from the training images.

    Args:
        reference: appearance of the training images.
    """

    density: Tensor
    centre: Tensor
    whitening: Tensor

    def __init__(self, reference: Reference) -> None:
        super().__init__()
        levels = torch.arange(1, 257, dtype=torch.float64)
        self.register_buffer("density", -torch.log(levels / 256))
        self.register_buffer("centre", torch.tensor(reference["centre"], dtype=torch.float64))
        self.register_buffer("whitening", torch.tensor(reference["whitening"], dtype=torch.float64))

    def forward(self, crops: Tensor) -> Tensor:
        """Measure center crops.

        Args:
            crops: integer pixel values from 0 to 255, ``float32 [B, 3, size, size]``.

        Returns:
            Distance, ``float64 [B]``.
        """
        density = self.density[crops.long()].flatten(2)
        mean = density.mean(2)
        deviation = (density - mean.unsqueeze(2)).square().mean(2).sqrt()
        features = torch.cat([mean, deviation, _log_sharpness(crops).unsqueeze(1)], 1)
        whitened = (features - self.centre) @ self.whitening.mT
        return whitened.square().sum(1).sqrt()


def _log_sharpness(crops: Tensor) -> Tensor:
    """Logarithm of the mean absolute Laplacian of the grey image, ``float64 [B]``."""
    red, green, blue = crops.unbind(1)
    weighted = red * GREY[0] + green * GREY[1] + blue * GREY[2]  # below 2**24: exact in float32
    grey = ((weighted + 2**14) / 2**15).floor()
    wide = F.pad(grey.unsqueeze(1), (1, 1, 1, 1), mode="reflect").squeeze(1)
    around = wide[:, :-2, 1:-1] + wide[:, 2:, 1:-1] + wide[:, 1:-1, :-2] + wide[:, 1:-1, 2:]
    mean = (around - 4 * grey).abs().double().mean((1, 2))
    return (mean.float().double() + 0.01).log()  # the mean as OpenCV's type has it
