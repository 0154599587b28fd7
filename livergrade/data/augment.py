"""Compute the views of a batch from cached images, on the network's device, in one warp and one colour step.

A view is one image at one angle. As in the paper (equation 1), the rotation is about the image centre. It is
composed with mirror and crop into one affine map, so that every pixel is interpolated only once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Normalisation = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class ViewParams:
    """Transformation parameters of each view of a batch.

    Attributes:
        degrees: ``float [B]``, counter-clockwise.
        mirrored: ``bool [B]``, left-right flip before the rotation.
        window: ``float [B, 3]``: side of the square crop as a fraction of the image side; and its
            offset right and down, from -1 to 1 of the remaining margin.
        density: ``float [B, 3]``, factor of each channel's optical density: by the Beer–Lambert law,
            the exponent of the transmittance.
        light: ``float [B, 2]``: contrast, the factor of the distance from mid-grey; and brightness, an
            additive offset as a fraction of white.
    """

    degrees: Tensor
    mirrored: Tensor
    window: Tensor
    density: Tensor
    light: Tensor

    @classmethod
    def upright(cls, views: int, device: torch.device | None = None) -> ViewParams:
        """Parameters of the unchanged images, made on the device: to send them would make the host wait."""
        one = torch.ones(views, 1, device=device)
        return cls(
            degrees=torch.zeros(views, device=device),
            mirrored=torch.zeros(views, dtype=torch.bool, device=device),
            window=F.pad(one, (0, 2)),
            density=one.expand(views, 3),
            light=F.pad(one, (0, 1)),
        )


def make_views(
    images: Tensor, params: ViewParams, *, size: int, border: str, normalisation: Normalisation
) -> Tensor:
    """Rotate, mirror, crop, colour and normalise a batch.

    Args:
        images: ``uint8 [B, S, S, 3]``, as cached.
        params: transformation of each image, on the images' device.
        size: side of the views, pixels.
        border: ``black``, ``reflect`` or ``crop``, as ``augment.border``.
        normalisation: mean and standard deviation per channel, for images scaled to [0, 1].

    Returns:
        ``float32 [B, 3, size, size]`` on the images' device, normalised.
    """
    maps = affine_maps(params, images.shape[1], size, border)
    if images.device.type == "cpu":
        # Here one uint8 warp and one lookup table per view are several times faster than batched tensors.
        levels = torch.arange(256.0).div(255).expand(len(images), 3, 256)
        tables = _coloured(levels.unsqueeze(2), params, normalisation).squeeze(2)
        return _warped(images, maps, tables, size, border)
    return _coloured(grid_sampled(images, maps, size, border) / 255, params, normalisation)


def as_seen(view: Tensor, normalisation: Normalisation) -> NDArray[np.uint8]:
    """Undo the normalisation of one view ``float [3, H, W]``; returns ``uint8 [H, W, 3]``."""
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in normalisation)
    image = view.float().cpu() * deviation + mean
    pixels: NDArray[np.uint8] = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    return pixels


def affine_maps(params: ViewParams, source: int, size: int, border: str) -> Tensor:
    """Affine maps from view pixels to source pixels, ``float32 [B, 2, 3]``: for x and y, right, down, shift.

    Args:
        params: transformation of each view; only angle, mirroring and window are used.
        source: side of the images, pixels.
        size: side of the views, pixels.
        border: as in :func:`make_views`.
    """
    angle = torch.deg2rad(params.degrees)
    whole = source / math.sqrt(2) if border == "crop" else source  # side of the usable square
    share, *place = params.window.unbind(1)
    cos, sin = angle.cos() * whole / size * share, angle.sin() * whole / size * share
    sign = 1 - 2 * params.mirrored.float()
    rows = torch.stack([torch.stack([sign * cos, -sign * sin], -1), torch.stack([sin, cos], -1)], -2)
    # The window is placed in the rotated and mirrored image, so its centre is mapped in the same way.
    centre = torch.stack(place, -1) * ((1 / share - 1) * size / 2).unsqueeze(1)
    shift = (source - 1) / 2 + ((centre - (size - 1) / 2).unsqueeze(1) * rows).sum(-1)
    return torch.cat([rows, shift.unsqueeze(-1)], -1)


def _coloured(transmittance: Tensor, params: ViewParams, normalisation: Normalisation) -> Tensor:
    """Apply stain, contrast and brightness to transmittances ``[B, 3, H, W]`` in [0, 1], and normalise."""
    contrast, brightness = params.light[:, :, None, None, None].unbind(1)
    stained = transmittance.pow(params.density[:, :, None, None])
    image = ((stained - 0.5) * contrast + 0.5 + brightness).clamp(0, 1)
    mean, std = _channels(normalisation, transmittance.device)
    return (image - mean) / std


@lru_cache
def _channels(normalisation: Normalisation, device: torch.device) -> list[Tensor]:
    """Cached constants: copying them with every batch would make the host wait for the device."""
    return [torch.tensor(values, device=device).view(3, 1, 1) for values in normalisation]


def _warped(images: Tensor, maps: Tensor, tables: Tensor, size: int, border: str) -> Tensor:
    """Warp each image in uint8 and apply a lookup table for each channel, ``[B, 3, 256]``."""
    mode = cv2.BORDER_CONSTANT if border == "black" else cv2.BORDER_REFLECT
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    views = np.empty((len(images), 3, size, size), np.float32)
    for image, matrix, table, view in zip(images.numpy(), maps.numpy(), tables.numpy(), views, strict=True):
        warped = cv2.warpAffine(image, matrix, (size, size), None, flags, mode, (0, 0, 0))
        for plane, levels, channel in zip(cv2.split(warped), table[:, None], view, strict=True):
            cv2.LUT(plane, levels, channel)
    return torch.from_numpy(views)


def grid_sampled(images: Tensor, maps: Tensor, size: int, border: str) -> Tensor:
    """Warp a whole batch, as on a GPU: pixel values ``float32 [B, 3, size, size]`` from 0 to 255.

    Args:
        images: ``uint8 [B, S, S, 3]``.
        maps: of :func:`affine_maps`.
        size: side of the views, pixels.
        border: as in :func:`make_views`.
    """
    source = images.permute(0, 3, 1, 2).float()
    padding = "zeros" if border == "black" else "reflection"
    grid = _grid(maps, images.shape[1], size)
    return F.grid_sample(source, grid, mode="bilinear", padding_mode=padding, align_corners=False)


def _grid(maps: Tensor, source: int, size: int) -> Tensor:
    """Convert affine maps in pixels to grids in [-1, 1] of the source, ``float32 [B, size, size, 2]``.

    Products of single numbers, and no product of matrices: autocast would compute that one in bf16 and
    TensorFloat-32 would cut its inputs, and either misplaces pixels by up to several.
    """
    steps = torch.arange(size, device=maps.device, dtype=maps.dtype)
    right, down, shift = (maps * (2 / source)).unbind(-1)  # each [B, 2]: x and y
    across = steps[:, None] * right[:, None, None] + (shift + (1 / source - 1))[:, None, None]
    return steps[:, None, None] * down[:, None, None] + across
