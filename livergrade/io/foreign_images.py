"""What a file is that no decoder here reads, by its first bytes: a name has any suffix."""

from __future__ import annotations

from pathlib import Path

START_BYTES = 512

_FIRST_BYTES = (
    (b"GIF8", "a GIF"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"II\xbc", "a JPEG XR"),
    (b"8BPS", "a Photoshop file"),
    (b"gimp xcf", "a file of GIMP"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office or microscope file (OLE)"),
    (b"PK\3\4", "a ZIP archive or Office document"),
    (b"\x1f\x8b", "a file that is compressed with gzip"),
    (b"BZh", "a file that is compressed with bzip2"),
    (b"\xfd7zXZ", "a file that is compressed with xz"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "an array of NumPy"),
    (b"ZISRAWFILE", "a Zeiss file (.czi)"),
    (b"SIMPLE  =", "a FITS file"),
    (b"v/1\1", "an OpenEXR file"),
    (b"#?RADIANCE", "a Radiance file"),
    (b"qoif", "a QOI"),
    (b"DDS ", "a DDS file"),
    (b"BPG\xfb", "a BPG"),
    (b"SQLite format 3", "an SQLite database"),
    *((f"P{number}".encode() + blank, "a PNM") for number in range(1, 8) for blank in (b"\n", b" ", b"\r")),
)
_BRANDS = {b"avif": "an AVIF", b"avis": "an AVIF", b"heic": "a HEIC", b"heix": "a HEIC", b"mif1": "a HEIF"}
"""Kinds of ISO media files, as a telephone makes them."""
_LFS = b"version https://git-lfs"
_FIX = "save it as PNG"


def foreign_image(path: Path, read: str) -> str:
    """Say what a file is that is not read as an image, and what to do, as the end of one line.

    Args:
        path: the file.
        read: the formats that are read, for the message.
    """
    try:
        with path.open("rb") as file:
            start = file.read(START_BYTES)
    except OSError:
        start = b""
    if start.startswith(_LFS):
        return "is a pointer of Git LFS, not the file itself; fetch that with git lfs pull"
    if start[128:132] == b"DICM":
        return "is DICOM, and no image of it; name it as a slide"
    if not start.strip(b"\0"):
        return "begins with nothing but zeros: its copy was interrupted; copy it again"
    kind = next((kind for first, kind in _FIRST_BYTES if start.startswith(first)), None)
    if start[4:8] == b"ftyp":
        kind = _BRANDS.get(start[8:12], "a video")
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<svg", b"<?xml")):
        kind = "an SVG or another XML file"
    elif text.startswith((b"<!doctype", b"<html", b"<head")):
        return "is a web page, not an image; the download failed"
    return f"is {kind}, which is not read; {_FIX}" if kind else f"is not a readable {read} image"
