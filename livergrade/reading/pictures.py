"""An image of a cohort as a browser shows it: decoded by us, and without anything else that its file says."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from livergrade.io.images import ImageError, read_rgb
from livergrade.io.kept import file_sha256
from livergrade.io.pixel_reading import PixelReading
from livergrade.io.regular_files import is_regular
from livergrade.reading.store import RefusedError

LOSSLESS = 8_000_000
"""Pixels up to which a picture is sent without loss, as PNG; larger ones are JPEG of quality 95."""


SMALL, SMALL_QUALITY = 320, 85
"""Longer side of a picture of the contact sheet, pixels, and the quality of its JPEG."""


def picture(path: Path, sha256: str, reading: PixelReading) -> tuple[bytes, str]:
    """The picture and its media type.

    Args:
        path: the image's file.
        sha256: its content when the review was begun.
        reading: how it is read.

    Raises:
        RefusedError: the file is missing, damaged, or another one than when the review was begun.
    """
    image = _decoded(path, sha256, reading)
    content = io.BytesIO()
    if image.width * image.height <= LOSSLESS:
        image.save(content, "PNG", compress_level=1)
        return content.getvalue(), "image/png"
    image.save(content, "JPEG", quality=95, subsampling=0)
    return content.getvalue(), "image/jpeg"


def small_picture(path: Path, sha256: str, reading: PixelReading) -> bytes:
    """The picture for the contact sheet, as JPEG; arguments and errors as of `picture`."""
    return small_jpeg(_decoded(path, sha256, reading))


def small_jpeg(image: Image.Image) -> bytes:
    """An image as JPEG whose longer side is at most `SMALL` pixels."""
    content = io.BytesIO()
    image.thumbnail((SMALL, SMALL))
    image.save(content, "JPEG", quality=SMALL_QUALITY)
    return content.getvalue()


def _decoded(path: Path, sha256: str, reading: PixelReading) -> Image.Image:
    if not is_regular(path):
        raise RefusedError("the file of this image is no longer there; tell who runs the review")
    try:
        if file_sha256(path) != sha256:
            raise RefusedError("the file of this image was changed since the review began; tell who runs it")
        return Image.fromarray(read_rgb(path, reading=reading))
    except (ImageError, OSError):
        raise RefusedError("this image can't be read; tell who runs the review") from None
