import io
import struct

import pytest
from PIL import Image

from livergrade.io.headers import refuse_jpeg, refuse_larger, refuse_tiff


def tiff(*entries: tuple[int, int, int, int], following: int = 0) -> bytes:
    """A TIFF with one directory of tag, kind, number of values, and value or its place."""
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + packed + struct.pack("<I", following)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ((273, 1, 3_000_000, 8), "its tag 273 has 3000000 values"),
        ((258, 3, 4_000_000_000, 8), "its tag 258 has 4000000000 values"),
        ((322, 4, 1, 2**31), "its tiles are 2147483648 × 1 px"),
    ],
)
def test_a_tiff_with_absurd_lists_or_tiles_is_refused(entry: tuple[int, int, int, int], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        refuse_tiff(io.BytesIO(tiff(entry)))


def test_a_large_tiff_with_more_tags_than_there_are_is_refused() -> None:
    head = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**60)
    with pytest.raises(ValueError, match="has 1152921504606846976 tags"):
        refuse_tiff(io.BytesIO(head + bytes(16)))


@pytest.mark.parametrize(
    "content", [b"", b"II", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0+\0\x08", b"no tiff at all"]
)
def test_what_is_too_short_is_left_to_the_decoder(content: bytes) -> None:
    refuse_tiff(io.BytesIO(content))
    refuse_jpeg(io.BytesIO(content), 1)


def test_whole_files_pass() -> None:
    for name in ("TIFF", "JPEG"):
        file = io.BytesIO()
        Image.new("RGB", (64, 64)).save(file, name, **({"progressive": True} if name == "JPEG" else {}))
        refuse_tiff(file)
        refuse_jpeg(file, 64 * 64)


def test_a_jpeg_with_thousands_of_scans_is_refused() -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "JPEG", progressive=True)
    with pytest.raises(ValueError, match="has more than 31 scans"):
        refuse_jpeg(io.BytesIO(file.getvalue()[:-2] + b"\xff\xda\0\x08" * 50), 64_000_000)


def test_pages_that_never_end_are_refused() -> None:
    entry = (256, 3, 1, 1)
    refuse_tiff(io.BytesIO(tiff(entry, following=8)))  # of an image the first directory counts
    with pytest.raises(ValueError, match="in a circle"):
        refuse_tiff(io.BytesIO(tiff(entry, following=8)), 5)
    directory = tiff(entry)[8:-4]
    many = b"".join(directory + struct.pack("<I", 8 + (at + 1) * 18) for at in range(50))
    with pytest.raises(ValueError, match="more than 5 pages"):
        refuse_tiff(io.BytesIO(b"II*\0\x08\0\0\0" + many), 5)


@pytest.mark.parametrize("kind", ["JPEG", "JPEG2000"])
def test_a_tile_that_says_it_is_larger_is_refused(kind: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (300, 200)).save(file, kind, **({"no_jp2": True} if kind == "JPEG2000" else {}))
    refuse_larger(file.getvalue(), 300, 200)
    refuse_larger(file.getvalue()[:10], 1, 1)
    with pytest.raises(ValueError, match="a tile says that it is 300 × 200 px"):
        refuse_larger(file.getvalue(), 128, 128)
