"""BMP of run lengths."""

import struct
from pathlib import Path

import numpy as np
import pytest

from livergrade.io.bmp_runs import RLE4, RLE8
from livergrade.io.images import ImageError, read_rgb

SIDE = 16
ROW = bytes((SIDE, 1))
NEXT, END, SKIP = b"\0\0", b"\0\1", b"\0\2\3\0"


def bmp(path: Path, runs: bytes, kind: int = RLE8) -> Path:
    """A BMP of 16 x 16 pixels whose second colour is (10, 20, 30)."""
    palette = bytes(4) + bytes((30, 20, 10, 0)) + bytes(4 * 14)
    start = 54 + len(palette)
    head = struct.pack("<2sIHHI", b"BM", start + len(runs), 0, 0, start)
    bits = 8 if kind == RLE8 else 4
    head += struct.pack("<IiiHHIIiiII", 40, SIDE, SIDE, 1, bits, kind, len(runs), 0, 0, 16, 0)
    path.write_bytes(head + palette + runs)
    return path


@pytest.mark.parametrize(
    ("runs", "kind"),
    [
        ((ROW + NEXT) * SIDE + END, RLE8),
        ((ROW + NEXT) * (SIDE - 1) + ROW + END, RLE8),
        ((b"\0\5" + bytes([1] * 5) + b"\0" + bytes((11, 1)) + NEXT) * SIDE + END, RLE8),
        ((bytes((SIDE + 4, 1)) + NEXT) * SIDE + END, RLE8),  # beyond the end of the row
        ((b"\0\5\x11\x11\x10\0" + bytes((11, 0x11)) + NEXT) * SIDE + END, RLE4),
    ],
)
def test_runs_that_give_every_pixel_are_read(tmp_path: Path, runs: bytes, kind: int) -> None:
    pixels = read_rgb(bmp(tmp_path / "a.bmp", runs, kind))
    assert pixels.shape == (SIDE, SIDE, 3)
    assert (pixels == np.array((10, 20, 30))).all()


@pytest.mark.parametrize(
    "runs",
    [
        SKIP + (ROW + NEXT) * SIDE + END,
        (ROW + NEXT) * 3 + bytes((SIDE - 1, 1)) + NEXT + (ROW + NEXT) * (SIDE - 4) + END,
        (ROW + NEXT) * (SIDE - 1) + END,
        (ROW + NEXT) * (SIDE - 1),
        b"",
    ],
)
def test_runs_that_leave_pixels_out_are_refused(tmp_path: Path, runs: bytes) -> None:
    with pytest.raises(ImageError, match=r"is a BMP whose runs \(RLE\) leave pixels out; save it as RGB"):
        read_rgb(bmp(tmp_path / "a.bmp", runs))
