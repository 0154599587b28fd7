"""Make the views of a batch: one resample from the cached uint8 images, where the network runs.

A view is one image at one angle. The paper's rotation (its equation 1) turns about the image's centre; so
does this, composed with scale and mirror into one affine map, so that a pixel is interpolated once.
"""

import math

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


def make_views(
    images: Tensor,
    degrees: Tensor,
    mirrored: Tensor,
    density: Tensor | None,
    *,
    size: int,
    border: str,
    normalisation: tuple[tuple[float, ...], tuple[float, ...]],
) -> Tensor:
    """Turn, mirror, cut, stain and normalise a batch.

    Args:
        images: ``uint8 [B, S, S, 3]``, as cached.
        degrees: ``float [B]``, counter-clockwise.
        mirrored: ``bool [B]``, mirrored left to right before turning.
        density: ``float [B, 3]``, factor of each channel's optical density: by Beer and Lambert's law,
            transmittance to that power; None changes nothing.
        size: side of the views, pixels.
        border: ``black``, ``reflect`` or ``crop``, as ``augment.border``.
        normalisation: mean and standard deviation of the channels, of images scaled to [0, 1].

    Returns:
        ``float32 [B, 3, size, size]`` on the images' device, normalised.
    """
    maps = _affine_maps(degrees, mirrored, images.shape[1], size, border)
    # On a CPU one uint8 warp a view is several times faster than grid_sample over the batch.
    resample = _warp if images.device.type == "cpu" else _grid_sample
    views = resample(images, maps, size, border)
    transmittance = views / 255
    if density is not None:
        transmittance = transmittance.pow(density[:, :, None, None])
    mean, std = (torch.tensor(values, device=views.device).view(3, 1, 1) for values in normalisation)
    return (transmittance - mean) / std


def _affine_maps(degrees: Tensor, mirrored: Tensor, source: int, size: int, border: str) -> Tensor:
    """Maps from a view's pixel centres to the source's, ``float32 [B, 2, 3]``, pixels."""
    angle = torch.deg2rad(degrees)
    seen = source / math.sqrt(2) if border == "crop" else source  # side of the square that a view shows
    cos, sin = angle.cos() * seen / size, angle.sin() * seen / size
    sign = 1 - 2 * mirrored.float()
    rows = torch.stack([torch.stack([sign * cos, -sign * sin], -1), torch.stack([sin, cos], -1)], -2)
    shift = (source - 1) / 2 - rows.sum(-1) * (size - 1) / 2
    return torch.cat([rows, shift.unsqueeze(-1)], -1)


def _warp(images: Tensor, maps: Tensor, size: int, border: str) -> Tensor:
    mode = cv2.BORDER_CONSTANT if border == "black" else cv2.BORDER_REFLECT
    views = np.empty((len(images), size, size, 3), np.uint8)
    for image, matrix, view in zip(images.numpy(), maps.numpy(), views, strict=True):
        cv2.warpAffine(
            image, matrix, (size, size), view, cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, mode, (0, 0, 0)
        )
    return torch.from_numpy(views).permute(0, 3, 1, 2).float()


def _grid_sample(images: Tensor, maps: Tensor, size: int, border: str) -> Tensor:
    steps = torch.arange(size, device=images.device, dtype=maps.dtype)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    pixels = torch.stack([x, y, torch.ones_like(x)], -1) @ maps.mT.unsqueeze(1)
    grid = (2 * pixels + 1) / images.shape[1] - 1
    padding = "zeros" if border == "black" else "reflection"
    source = images.permute(0, 3, 1, 2).float()
    return F.grid_sample(source, grid, mode="bilinear", padding_mode=padding, align_corners=False)
