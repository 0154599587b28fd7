"""Overlay of an attribution map on its image."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image


def overlay(view: NDArray[np.uint8], heat: NDArray[np.float32], most: float) -> NDArray[np.uint8]:
    """Overlay a map on the view in grey: red supports the grade, blue opposes it, opacity shows the strength.

    Args:
        view: ``uint8 [S, S, 3]``.
        heat: ``float32 [h, w]``.
        most: absolute value that gets full colour.
    """
    size = view.shape[:2][::-1]
    resized = np.asarray(Image.fromarray(np.asarray(heat, np.float32)).resize(size, Image.Resampling.BICUBIC))
    share = np.clip(resized / (most or 1), -1, 1)
    colour = colormaps["RdBu_r"](0.5 + share / 2)[..., :3]
    grey = np.repeat(view.mean(2, keepdims=True) / 255, 3, axis=2)
    strength = 0.75 * np.abs(share)[..., None] ** 0.7
    blended: NDArray[np.uint8] = (255 * (strength * colour + (1 - strength) * grey)).round().astype(np.uint8)
    return blended
