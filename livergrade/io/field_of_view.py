"""How much tissue an image shows."""

from __future__ import annotations

from pathlib import Path

from livergrade.io.images import read_header


def field_of_view(path: Path, mpp: float) -> float:
    """Shorter side of an image, µm. A network sees the square of that side, whatever its size in pixels.

    Args:
        path: the image; only its header is read.
        mpp: size of its pixels as they are in the file, µm.

    Raises:
        ImageError: it can't be opened.
    """
    return mpp * min(read_header(path).size)
