"""Is an image fit to be graded: enough tissue, in focus, without pen marks, folds or burnt-out parts?

Everything is measured on the image reduced to about 1 µm a pixel, so that limits hold at any resolution.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

UM = 1.0  # what a pixel is reduced to


@dataclass(frozen=True)
class Quality:
    """What was measured of one image.

    Attributes:
        tissue: share of the image that is tissue: coloured, or dark.
        focus: standard deviation of the Laplacian of the grey image (0 to 255) over the tissue.
        pen: share of the image in hues that haematoxylin and eosin do not have (green, blue, black ink).
        fold: share of the tissue in which more than twice a section's light is taken away.
        burnt: share of the image at the end of the scale in all three channels, and not glass around tissue.
    """

    tissue: float
    focus: float
    pen: float
    fold: float
    burnt: float


@dataclass(frozen=True)
class Limits:
    """What an image must keep within to be used; the names are those of :class:`Quality`."""

    tissue: float
    focus: float
    pen: float
    fold: float
    burnt: float


def measure(image: NDArray[np.uint8], mpp: float) -> Quality:
    """Measure one image.

    Args:
        image: ``uint8 [height, width, 3]``, RGB.
        mpp: µm a pixel.
    """
    factor = min(1.0, mpp / UM)
    if factor < 1:
        image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA).astype(np.uint8)
    hue, saturation, _ = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    tissue = (cv2.medianBlur(saturation, 5) > 20) | (grey < 120)
    # Of OpenCV's 180 hues, H&E lies between violet (about 115) and red (about 10, over the end).
    green_or_blue = (hue > 25) & (hue < 112) & (saturation > 80) & (grey < 200)
    black = (grey < 45) & (saturation < 60)
    density = -np.log10(np.maximum(image, 1) / 255).mean(2)
    detail = cv2.Laplacian(cv2.GaussianBlur(grey, (0, 0), 0.8), cv2.CV_32F)
    amount = max(int(tissue.sum()), 1)
    return Quality(
        tissue=float(tissue.mean()),
        focus=float(detail[tissue].std()) if tissue.any() else 0.0,
        pen=float((green_or_blue | black).mean()),
        fold=float((tissue & (cv2.blur(density, (9, 9)) > 0.9)).sum() / amount),
        burnt=float(((image == 255).all(2) & tissue).mean() + (image == 0).all(2).mean()),
    )


def reasons(quality: Quality, limits: Limits) -> list[str]:
    """Why an image is not to be used; empty where it is."""
    found = []
    for item in fields(Limits):
        value, limit = getattr(quality, item.name), getattr(limits, item.name)
        least = item.name in ("tissue", "focus")
        if value < limit if least else value > limit:
            shown = f"{value:.3g} {'below' if least else 'above'} {limit:g}"
            found.append(f"{item.name} {shown}")
    return found
