"""Center crop and resize as matrix products that reproduce Pillow's pixel values, for export.

:func:`livergrade.io.images.read_square` resizes with Pillow: large images are first reduced by averaging
blocks of pixels, then resized with the bicubic kernel along each axis. Both steps are linear, so one matrix
per axis does both. The matrix depends only on the image size: the exported graph accepts any size, and takes
the middle of a very long image alone, as ``read_square`` does.
"""

from __future__ import annotations

import torch
from torch import Tensor

from livergrade.io.images import LONGEST

REDUCING_GAP = 3.0
"""As in ``read_rgb``: after block averaging, at least this many times the requested pixels remain."""
SUPPORT = 2.0
"""Half the width of the bicubic kernel, in pixels of the result."""
ONE = 2**22
"""Weights are stored as whole numbers of 1/``ONE``; sums of levels with them are exact in float64."""


def center_crop(images: Tensor, size: int) -> Tensor:
    """Return the center crop of each image, resized to ``size`` × ``size`` pixels.

    Each level is Pillow's, but for two cases. Pillow also rounds after block averaging; this function does
    not, so that in images that are block-averaged (shorter side at least ``6 * size``) some pixels differ by
    one level. So may a few in images taller than wide, of which Pillow 13 reduces the columns first.

    Args:
        images: ``uint8 [B, height, width, 3]``.
        size: side of the crop, pixels.

    Returns:
        Integer pixel values, ``float32 [B, 3, size, size]``, 0 to 255.
    """
    height, width = (_length(images, axis) for axis in (1, 2))
    shorter = torch.minimum(height, width)
    horizontal = _weights(torch.arange(images.shape[2], device=images.device), width, shorter, size)
    vertical = _weights(torch.arange(images.shape[1], device=images.device), height, shorter, size)
    rows = _levels(images.permute(0, 3, 1, 2).double() @ horizontal.mT)
    return _levels(vertical @ rows).float()


def _length(images: Tensor, axis: int) -> Tensor:
    """Return the pixels along an axis as a tensor ``float64 []``: the size stays dynamic in the export."""
    return torch.full((), images.shape[axis], dtype=torch.float64, device=images.device)


def _weights(pixels: Tensor, side: Tensor, shorter: Tensor, size: int) -> Tensor:
    """Return the weight of each image pixel in each crop pixel along an axis, ``float64 [size, pixels]``.

    They are whole numbers, of `ONE`, as Pillow's are.

    Args:
        pixels: 0 to ``side`` - 1, ``int64 [pixels]``.
        side: length of the image along this axis, ``float64 []``.
        shorter: the shorter of the image's two sides, ``float64 []``.
        size: side of the crop.
    """
    cut = torch.minimum(side, LONGEST * shorter)  # the middle of a very long image
    pixels = pixels - ((side - cut) / 2).floor()
    outside, side = (pixels < 0) | (pixels >= cut), cut
    reduced = (side * (size / shorter)).round().clamp(min=size)  # resized length before the crop
    block = (side / reduced / REDUCING_GAP).floor().clamp(min=1)
    scale = side / block / reduced
    first = ((reduced - size) / 2).floor()
    centres = (torch.arange(size, device=pixels.device) + first + 0.5) * scale
    block_index = (pixels / block).floor()  # block that contains the pixel
    block_pixels = torch.minimum(block, side - block_index * block)  # the last block may be smaller
    weights = _bicubic((block_index + 0.5 - centres[:, None]) / scale.clamp(min=1)) / block_pixels
    weights = torch.where(outside, 0.0, weights)
    return (weights / weights.sum(1, keepdim=True) * ONE).round()


def _bicubic(distance: Tensor) -> Tensor:
    """Keys' kernel (IEEE Trans. Acoust. Speech Signal Process. 29, 1981) with a = -1/2, as in Pillow."""
    d = distance.abs()
    near = (1.5 * d - 2.5) * d * d + 1
    far = ((-0.5 * d + 2.5) * d - 4) * d + 2
    return torch.where(d < 1, near, torch.where(d < SUPPORT, far, 0.0))


def _levels(sums: Tensor) -> Tensor:
    """Weighted sums of levels to levels, as Pillow rounds: half a level goes up."""
    return (sums / ONE + 0.5).floor().clamp(0, 255)
