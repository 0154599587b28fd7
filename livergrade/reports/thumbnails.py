"""Thumbnails of the worst misgraded images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from livergrade.io.files import atomic_write
from livergrade.io.images import ImageError, read_rgb
from livergrade.io.inside import Inside, OutsideError
from livergrade.io.pixel_reading import AS_FILED, PixelReading

THUMBNAIL = 360
"""Shorter side of a thumbnail, px."""


def write_thumbnails(
    images: Sequence[str],
    root: Path,
    folder: Path,
    *,
    outside: bool = False,
    reading: PixelReading = AS_FILED,
) -> None:
    """Write a thumbnail ``<position in images>.jpg`` of each image; unreadable images are skipped.

    Args:
        images: paths below ``root``.
        root: root folder of the images.
        folder: output folder, created if missing.
        outside: whether images may lie outside ``root``; else such an image is skipped, too.
        reading: how the images are read.
    """
    below = Inside(root, outside=outside)
    folder.mkdir(parents=True, exist_ok=True)
    for place, image in enumerate(images):
        try:
            pixels = read_rgb(below.path(image), shorter_side=THUMBNAIL, reading=reading)
        except (ImageError, OutsideError):
            continue
        with atomic_write(folder / f"{place}.jpg") as part:
            Image.fromarray(pixels).save(part, "JPEG", quality=85)
