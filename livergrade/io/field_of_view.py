"""How much tissue an image shows."""

from __future__ import annotations

from pathlib import Path

from PIL.Image import Image

from livergrade.io.images import read_header


def field_of_view(image: Path | Image, mpp: float) -> float:
    """Shorter side of an image, µm. A network sees the square of that side, whatever its size in pixels.

    Args:
        image: a file, of which only the header is read, or a picture in memory.
        mpp: size of its pixels as they are in the file or in memory, µm.

    Raises:
        ImageError: it can't be opened.
    """
    return mpp * min((read_header(image) if isinstance(image, Path) else image).size)
