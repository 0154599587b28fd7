"""Turned views with tensor operations only, level for level as OpenCV computes them on a CPU, for export.

A view's pixel lies between four pixels of the crop. Where it lies, and the level that it gets, is rounded in
between, and OpenCV's versions differ: 5 computes in float32 and rounds a product and a sum at once (a fused
multiply-add); 4 knows places of 1/32 pixel only. This follows the version that is installed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from livergrade.data.augment import ViewParams, affine_maps

LANES = 16
"""Pixels that OpenCV 5 computes at once; it takes the last columns, too few for that, one by one."""


class TurnedViews(nn.Module):
    """Views of center crops, each at every angle.

    Args:
        degrees: angles, anticlockwise.
        source: side of the crops, pixels.
        size: side of the views, pixels.
        border: as ``augment.border``.
        in_steps: whether places are rounded to 1/32 pixel, as `places_in_steps` finds.
    """

    places: Tensor
    reach: Tensor

    def __init__(
        self, degrees: Sequence[float], *, source: int, size: int, border: str, in_steps: bool
    ) -> None:
        super().__init__()
        self.size, self.count, self.in_steps = size, len(degrees), in_steps
        angles = replace(ViewParams.upright(self.count), degrees=torch.tensor(degrees, dtype=torch.float32))
        rows = affine_maps(angles, source, size, border).transpose(0, 1).numpy()  # [2, views, 3]
        find = _stepped_places if in_steps else _fused_places
        places = np.stack([[find(row, size) for row in axis] for axis in rows]).reshape(2, -1)
        # How far views look beyond the crop; the four pixels around a place then lie inside.
        self.margin = max(0, -math.floor(places.min()), math.floor(places.max()) + 2 - source)
        self.register_buffer("places", torch.from_numpy(places))
        self.black, last = border == "black", source - 1
        reach = np.arange(-self.margin, source + self.margin)
        reach = np.where(reach < 0, -1 - reach, np.where(reach > last, 2 * last + 1 - reach, reach))
        self.register_buffer("reach", torch.from_numpy(reach))

    def forward(self, crops: Tensor) -> Tensor:
        """Turn center crops.

        Args:
            crops: integer pixel values from 0 to 255, ``float32 [B, 3, source, source]``.

        Returns:
            Integer pixel values, ``float32 [B * views, 3, size, size]``, of each crop all views.
        """
        if self.black:
            wide = F.pad(crops, (self.margin,) * 4)
        else:
            wide = crops.index_select(2, self.reach).index_select(3, self.reach)
        side = len(self.reach)
        pixels = wide.flatten(2).mT  # [B, side * side, 3]
        first = self.places.floor()
        right, down = (self.places - first).unsqueeze(2)
        column, row = (first + self.margin).int()
        corner = row * side + column
        top_left, top_right, low_left, low_right = (
            pixels[:, beside:].index_select(1, corner) for beside in (0, 1, side, side + 1)
        )
        upper, lower = _between(top_left, top_right, right), _between(low_left, low_right, right)
        values = _between(upper, lower, down)
        levels = (values + 0.5).floor() if self.in_steps else values.round()
        return levels.reshape(-1, self.size, self.size, 3).permute(0, 3, 1, 2)


def places_in_steps() -> bool:
    """Whether this OpenCV rounds places to 1/32 pixel, as versions 4 do: then 1/100 pixel is none."""
    step = np.array([[0, 255], [0, 255]], np.uint8)
    shifted = np.array([[1, 0, 0.01], [0, 1, 0]], np.float32)
    warped = cv2.warpAffine(step, shifted, (1, 1), None, cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return int(warped[0, 0]) == 0


def _fused_places(steps: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Where OpenCV 5 looks for each pixel along one axis of the crop, ``float32 [size, size]``.

    Args:
        steps: crop pixels for each column and each row of the view, and place of its first pixel.
        size: side of the view.
    """
    across, down, shift = steps
    column, row = (line.astype(np.float32) for line in np.ogrid[:size, :size][::-1])
    product = column.astype(np.float64) * across  # exact
    fused = (product + (row * down + shift)).astype(np.float32)
    one_by_one = (product + row * down).astype(np.float32) + shift
    places: NDArray[np.float32] = np.where(column < size // LANES * LANES, fused, one_by_one)
    return places


def _stepped_places(steps: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """The same of OpenCV 4: in 1/1024 pixel, rounded to 1/32."""
    across, down, shift = steps.astype(np.float64)
    row, column = (line.astype(np.float64) for line in np.ogrid[:size, :size])
    fine = np.rint(column * across * 1024) + np.rint((row * down + shift) * 1024)
    places: NDArray[np.float32] = (np.floor((fine + 16) / 32) / 32).astype(np.float32)
    return places


def _between(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """Interpolate, with one rounding to float32 for product and sum: both fit into float64."""
    return (first.double() + share.double() * (second - first).double()).float()
