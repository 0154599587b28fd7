"""Image quality control: tissue content, focus, pen marks, tissue folds and overexposure.

All measures are computed at about 1 µm per pixel, so that the limits are valid at any resolution.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

UM = 1.0  # µm per pixel of the measured image


@dataclass(frozen=True)
class Quality:
    """Quality measures of one image.

    Attributes:
        tissue: fraction of the image that is tissue: coloured or dark.
        focus: standard deviation of the Laplacian of the grey image (0 to 255) over the tissue.
        pen: fraction of the image in hues that do not occur in H&E (green, blue, black ink).
        fold: fraction of the tissue with more than twice the optical density of a single section.
        burnt: fraction of the image saturated in all three channels, excluding glass around tissue.
    """

    tissue: float
    focus: float
    pen: float
    fold: float
    burnt: float


@dataclass(frozen=True)
class Limits:
    """Limits of an acceptable image; same fields as :class:`Quality`."""

    tissue: float
    focus: float
    pen: float
    fold: float
    burnt: float


def measure(image: NDArray[np.uint8], mpp: float) -> Quality:
    """Measure the quality of one image.

    Args:
        image: ``uint8 [height, width, 3]``, RGB.
        mpp: µm per pixel.
    """
    factor = min(1.0, mpp / UM)
    if factor < 1:
        image = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA).astype(np.uint8)
    hue, saturation, _ = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    tissue = (cv2.medianBlur(saturation, 5) > 20) | (grey < 120)
    # In OpenCV's hue range of 180, H&E lies between violet (about 115) and red (about 10, wrapped).
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
    """Reasons for rejecting an image; empty if it is accepted."""
    problems = []
    for item in fields(Limits):
        value, limit = getattr(quality, item.name), getattr(limits, item.name)
        is_minimum = item.name in ("tissue", "focus")
        if value < limit if is_minimum else value > limit:
            text = f"{value:.3g} {'below' if is_minimum else 'above'} {limit:g}"
            problems.append(f"{item.name} {text}")
    return problems
