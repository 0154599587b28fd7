"""Scale of a run: how much tissue its training images show, and whether another image shows as much.

Every image is reduced to the same number of network pixels, whatever it shows. What must agree between
training and use is therefore not the size of a pixel in the file but the side of the square in micrometres,
the field of view: with it the size of a network pixel agrees, too.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from livergrade.io.files import write_json
from livergrade.io.json_files import in_file, read_json

FACTOR = 1.25
"""Fields of view that differ by less count as one scale: objectives differ by 2, scanners of one power by
about 1.1."""


class Scale(TypedDict):
    """Scale of a run's training images, as stored in ``scale.json``.

    Attributes:
        images: number of training images.
        low: smallest field of view, the side in µm of the square that is graded.
        median: median field of view.
        high: largest field of view.
        network_um: µm per network pixel at the median field of view.
    """

    images: int
    low: float
    median: float
    high: float
    network_um: float


def scale_of(fields: npt.NDArray[np.float64], pixels: float) -> Scale | None:
    """Summarise fields of view.

    Args:
        fields: of the training images, µm, ``[images]``; NaN where the size of a pixel is not known.
        pixels: network pixels along the side of the square.

    Returns:
        None if the size of a pixel is not known of every image.
    """
    if not len(fields) or np.isnan(fields).any():
        return None
    low, median, high = (float(value) for value in np.quantile(fields, (0, 0.5, 1)))
    return {
        "images": len(fields),
        "low": low,
        "median": median,
        "high": high,
        "network_um": median / pixels,
    }


def write_scale(run: Path, scale: Scale | None) -> None:
    """Write ``scale.json`` into a run's folder, if the scale is known."""
    if scale:
        write_json(scale, run / "scale.json")


def read_scale(path: Path) -> Scale | None:
    """Read ``scale.json``; None if the run has none, that is if its scale is not known.

    Raises:
        UserError: it is damaged.
    """
    if not os.path.lexists(path):
        return None
    scale = read_json(path, Scale)
    sides = (scale["low"], scale["median"], scale["high"])
    problems = []
    if not 0 < sides[0] <= sides[1] <= sides[2] <= 1e6:
        problems.append("low, median, high: are no rising fields of view in µm")
    if not 0 < scale["network_um"] <= sides[1]:
        problems.append("network_um: is not a size of a network pixel in µm")
    in_file(path, problems)
    return scale


def is_of_scale(field: float, scale: Scale) -> bool:
    """Whether a field of view, µm, is that of the training images, or differs by less than :data:`FACTOR`."""
    return scale["low"] / FACTOR <= field <= scale["high"] * FACTOR


def other_scale(field: float, scale: Scale) -> str | None:
    """Why an image of this field of view, µm, can't be graded by a run; None if it can."""
    if is_of_scale(field, scale):
        return None
    network_um = scale["network_um"] * field / scale["median"]
    more = field > scale["high"]
    fix = f"cut images of {scale['median']:.0f} µm" if more else "use an image that shows more tissue"
    return (
        f"shows {field:.0f} µm on its shorter side, {network_um:.3g} µm per network pixel, and the run's "
        f"training images {_sides(scale)} µm, {scale['network_um']:.3g} µm per network pixel; {fix}, or "
        "correct mpp"
    )


def in_words(scale: Scale | None) -> str:
    """One sentence on the scale of a run, for its report and its model card."""
    if scale is None:
        return "Scale: unknown. The size of a pixel (mpp) is not given for all training images."
    return (
        f"Scale: training images show {_sides(scale)} µm of tissue on their shorter side, "
        f"{scale['network_um']:.3g} µm per network pixel."
    )


def _sides(scale: Scale) -> str:
    low, median, high = (f"{scale[key]:.0f}" for key in ("low", "median", "high"))
    return median if low == high else f"{low} to {high} (median {median})"
