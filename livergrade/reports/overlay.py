"""A map over the picture that it explains."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image


def overlay(view: NDArray[np.uint8], heat: NDArray[np.float32], most: float) -> NDArray[np.uint8]:
    """A view in grey under a map: red speaks for the grade, blue against it, the stronger the more colour.

    Args:
        view: ``uint8 [S, S, 3]``.
        heat: ``float32 [h, w]``.
        most: the size of a value that is shown in full colour.
    """
    side = view.shape[:2][::-1]
    shown = np.asarray(Image.fromarray(np.asarray(heat, np.float32)).resize(side, Image.Resampling.BICUBIC))
    share = np.clip(shown / (most or 1), -1, 1)
    colour = colormaps["RdBu_r"](0.5 + share / 2)[..., :3]
    grey = np.repeat(view.mean(2, keepdims=True) / 255, 3, axis=2)
    strength = 0.75 * np.abs(share)[..., None] ** 0.7
    blended: NDArray[np.uint8] = (255 * (strength * colour + (1 - strength) * grey)).round().astype(np.uint8)
    return blended
