"""Image files that were stored in part."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livergrade.io.images import ImageError, read_rgb

_Y, _X = np.mgrid[0:96, 0:128]
PICTURE = np.dstack([_X * 2, _Y * 2, (_X * _Y) % 251]).astype(np.uint8)


def stored(form: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("form", "options", "reason"),
    [
        ("JPEG", {}, "no end marker"),
        ("JPEG", {"progressive": True}, "no end marker"),
        ("PNG", {}, "does not match its checksum"),
    ],
)
def test_a_copy_that_was_interrupted_is_refused(
    tmp_path: Path, form: str, options: dict[str, object], reason: str
) -> None:
    """Of the right size, and zeros from somewhere on, which decoders make grey or black."""
    content, path = stored(form, **options), tmp_path / "image"
    for share in (0.3, 0.6, 0.97):
        whole = int(len(content) * share)
        for rest in (bytes(len(content) - whole), b""):
            path.write_bytes(content[:whole] + rest)
            with pytest.raises(ImageError, match=f"is damaged or cut short: .*{reason}.*; copy it again"):
                read_rgb(path)


def test_a_changed_byte_of_a_png_is_noticed(tmp_path: Path) -> None:
    content, path = bytearray(stored("PNG")), tmp_path / "image"
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ImageError, match="does not match its checksum"):
        read_rgb(path)


def test_what_follows_the_end_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "image"
    for content in (
        stored("JPEG"),
        stored("JPEG", progressive=True),
        stored("PNG"),
        stored("JPEG", restart_marker_rows=1),
    ):
        path.write_bytes(content)
        right = read_rgb(path)
        path.write_bytes(content + bytes(5000))
        assert (read_rgb(path) == right).all()


def test_a_thumbnail_within_a_jpeg_is_not_its_end(tmp_path: Path) -> None:
    exif, path = Image.Exif(), tmp_path / "image"
    exif[0x927C] = stored("JPEG")
    content = stored("JPEG", exif=exif)
    path.write_bytes(content[: len(content) * 3 // 4] + bytes(len(content) // 4))
    with pytest.raises(ImageError, match="no end marker"):
        read_rgb(path)
