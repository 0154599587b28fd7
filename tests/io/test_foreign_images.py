"""What a file is that is not read as an image."""

from __future__ import annotations

from pathlib import Path

import pytest

from livergrade.io.images import ImageError, read_header


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"GIF89a" + bytes(30), "is a GIF, which is not read; save it as PNG"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "is a JPEG 2000"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "is a JPEG XL"),
        (b"\0\0\0\x1cftypavif", "is an AVIF"),
        (b"\0\0\0\x1cftypheic", "is a HEIC"),
        (b"\0\0\0\x1cftypisom", "is a video"),
        (b"8BPS\0\1", "is a Photoshop file"),
        (b"%PDF-1.7", "is a PDF document"),
        (b"P6\n16 16\n255\n", "is a PNM"),
        (b"\x1f\x8b\x08", "compressed with gzip"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS.*git lfs pull"),
        (b"\n<!DOCTYPE html><html>", "is a web page, not an image; the download failed"),
        (b"<svg>", "is an SVG or another XML file"),
        (bytes(128) + b"DICM", "is DICOM"),
        (bytes(4096), "begins with nothing but zeros"),
        (b"no image", "is not a readable PNG, JPEG"),
    ],
)
def test_a_file_that_is_not_read_is_told_by_what_it_is(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=what):
        read_header(path)
