"""The size of the pixels of a slide or an image, as a table gives it."""

from __future__ import annotations

import re

LIKELY_UM = (0.05, 20.0)
"""Plausible pixel sizes of a slide or an image, µm; a TIFF's print resolution is far outside."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)


def read_mpp(cell: str) -> float | None:
    """Read a cell of the column ``mpp`` of a table of slides or images.

    Returns:
        µm per pixel, of a slide at full resolution; None for a blank cell.

    Raises:
        ValueError: it is no number, or no plausible size; the message says so without naming the row.
    """
    text = cell.strip()
    if not text:
        return None
    number = float(text) if _NUMBER.fullmatch(text) else None
    if number is None or not LIKELY_UM[0] <= number <= LIKELY_UM[1]:
        reason = "is not a number" if number is None else "is not a size of a microscope's pixels"
        raise ValueError(
            f"mpp {text[:60]!r} {reason}; give µm per pixel, {LIKELY_UM[0]:g} to {LIKELY_UM[1]:g}, as 0.25"
        )
    return number
