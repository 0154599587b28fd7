"""Image quality control: tissue content, focus, pen marks, tissue folds and overexposure.

All measures of :func:`measure` are computed at about 1 µm per pixel, so that the limits are valid at any
resolution. The limits of :func:`implausible` are absolute, so that they hold for a cohort that is wrong as a
whole. They were set on 1,121 colorectal and 10 liver images of three sources, tissue of two slides, and 150
images of the embedded cohort, none of which is called implausible; docs/caution.md has the figures.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import cv2
import numpy as np
from numpy.typing import NDArray

UM = 1.0  # µm per pixel of the measured image


LEAST_BRIGHT = 100.0
"""Brightness (mean of the channels, of 255) that 5 % of an image must exceed; real images: 140 or more."""
MOST_DARK = 230.0
"""Brightness below which 5 % of an image must be; real images with tissue: 138 or less."""
LEAST_CONTRAST = 8.0
"""Least standard deviation of the brightness; real images: 22 or more."""
LEAST_CORRELATION = 0.3
"""Of the brightness of neighbouring pixels; real images: 0.5 or more."""
MOST_GREEN = 5.0
"""By how much green may exceed the mean of red and blue, of 255; real images: 0.1 or less."""
LEAST_COLOUR = 12.0
"""Difference of the channels, of 255, that 5 % of an image must exceed; real images: 42 or more."""

BLACK = "nearly black images"
IMPLAUSIBLE = {
    BLACK: "save 10, 12 or 14 bits of a camera scaled to 8 bits, or expose longer",
    "nearly white images": "remove them from the cohort",
    "images without structure": "remove them from the cohort",
    "images of noise": "save the image, and not the bytes of another format",
    "negative images": "invert the colours: tissue is pink and violet, and glass is white",
    "greyscale images": "take the colour image: the network is trained on haematoxylin and eosin",
}
"""What an image may be that H&E is not, and what to do."""


_WORDS = {
    "tissue": "too little tissue: {}",
    "focus": "out of focus: sharpness {}",
    "pen": "pen marks: {}",
    "fold": "folds: {} of the tissue",
    "burnt": "overexposed: {}",
}
"""Why an image is rejected, by the measure."""


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


def implausible(image: NDArray[np.uint8]) -> str:
    """What an image is that H&E is not, a key of :data:`IMPLAUSIBLE`; empty for a plausible image.

    Args:
        image: ``uint8 [height, width, 3]``, RGB, not enlarged.
    """
    colour = image.astype(np.float32)
    brightness = colour.mean(2)
    dark, bright = np.percentile(brightness, (5, 95))
    if bright < LEAST_BRIGHT:
        return BLACK
    if dark > MOST_DARK:
        return "nearly white images"
    if brightness.std() < LEAST_CONTRAST:
        return "images without structure"
    if _correlation(brightness) < LEAST_CORRELATION:
        return "images of noise"
    red, green, blue = colour.mean((0, 1))
    if green - (red + blue) / 2 > MOST_GREEN:
        return "negative images"
    if np.percentile(colour.max(2) - colour.min(2), 95) < LEAST_COLOUR:
        return "greyscale images"
    return ""


def _correlation(brightness: NDArray[np.float32]) -> float:
    """Of each pixel with its neighbour, along rows or columns, whichever is lower; -1 to 1."""
    centred = brightness - brightness.mean()
    power = float((centred**2).mean())
    along = (centred[:, 1:] * centred[:, :-1]).mean(), (centred[1:] * centred[:-1]).mean()
    return float(min(along)) / power


def reasons(quality: Quality, limits: Limits) -> list[str]:
    """Why an image is rejected, in words with the value and its limit; empty if it is accepted."""
    problems = []
    for item in fields(Limits):
        value, limit = getattr(quality, item.name), getattr(limits, item.name)
        is_minimum = item.name in ("tissue", "focus")
        if value < limit if is_minimum else value > limit:
            shown = "{:.3g}".format if item.name == "focus" else _percent
            bound = "at least" if is_minimum else "at most"
            problems.append(f"{_WORDS[item.name].format(shown(value))}, {bound} {shown(limit)}")
    return problems


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"
