"""The central square of an image as matrix products, to the levels that Pillow gives it, for export.

:func:`livergrade.io.images.read_square` reduces with Pillow: where the image is large whole blocks of
pixels to their mean, then with the bicubic kernel along one axis and the other. Both are linear, so that one
matrix an axis does them, made of the image's sides alone: a graph of tensor operations can take any size.
"""

from __future__ import annotations

import torch
from torch import Tensor

REDUCING_GAP = 3.0
"""As in ``read_rgb``: blocks are averaged as long as so many times the pixels remain that are asked for."""
SUPPORT = 2.0
"""Half the width of the bicubic kernel, in pixels of the result."""


def central_square(images: Tensor, size: int) -> Tensor:
    """The central square of every image, reduced or enlarged to ``size`` pixels a side.

    Pillow rounds after the blocks, too; here that is left out, so that some pixels of an image that has
    blocks (whose shorter side is at least ``6 * size``) differ by one level.

    Args:
        images: ``uint8 [B, height, width, 3]``.
        size: side of the square, pixels.

    Returns:
        Whole levels, ``float32 [B, 3, size, size]``, 0 to 255.
    """
    height, width = (_side(images, axis) for axis in (1, 2))
    shorter = torch.minimum(height, width)
    across = _weights(torch.arange(images.shape[2], device=images.device), width, shorter, size)
    down = _weights(torch.arange(images.shape[1], device=images.device), height, shorter, size)
    rows = _levels(images.permute(0, 3, 1, 2).float() @ across.mT)
    return _levels(down @ rows)


def _side(images: Tensor, axis: int) -> Tensor:
    """Pixels along an axis as ``float64 []``, so that a program for any size can compute with it."""
    return torch.full((), images.shape[axis], dtype=torch.float64, device=images.device)


def _weights(pixels: Tensor, side: Tensor, shorter: Tensor, size: int) -> Tensor:
    """How much of each pixel along an axis goes into each of the square's, ``float32 [size, pixels]``.

    Args:
        pixels: 0 to ``side`` - 1, ``int64 [pixels]``.
        side: of the image along this axis, ``float64 []``.
        shorter: of its two sides the shorter, ``float64 []``.
        size: side of the square.
    """
    reduced = (side * (size / shorter)).round().clamp(min=size)  # before the square is cut from it
    block = (side / reduced / REDUCING_GAP).floor().clamp(min=1)
    scale = side / block / reduced
    first = ((reduced - size) / 2).floor()
    centres = (torch.arange(size, device=pixels.device) + first + 0.5) * scale
    place = (pixels / block).floor()  # of the block that a pixel lies in
    sharing = torch.minimum(block, side - place * block)  # pixels of that block: the last one may have fewer
    weights = _bicubic((place + 0.5 - centres[:, None]) / scale.clamp(min=1)) / sharing
    return (weights / weights.sum(1, keepdim=True)).float()


def _bicubic(distance: Tensor) -> Tensor:
    """Keys' kernel (IEEE Trans. Acoust. Speech Signal Process. 29, 1981) with a = -1/2, as Pillow has it."""
    d = distance.abs()
    near = (1.5 * d - 2.5) * d * d + 1
    far = ((-0.5 * d + 2.5) * d - 4) * d + 2
    return torch.where(d < 1, near, torch.where(d < SUPPORT, far, 0.0))


def _levels(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255)
