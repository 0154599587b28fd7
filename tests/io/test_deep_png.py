"""PNG of 16 bits a sample: no bit is lost before it is scaled."""

import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from livergrade.io.images import ImageError, read_rgb
from livergrade.io.pixel_reading import PixelReading

DEEP = np.random.default_rng(0).integers(0, 65536, (20, 24, 4), dtype=np.uint16)


def png(path: Path, samples: np.ndarray, *chunks: tuple[bytes, bytes]) -> Path:
    """A PNG with further chunks behind its header."""
    content = imagecodecs.png_encode(samples)
    more = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    path.write_bytes(content[:33] + more + content[33:])
    return path


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_all_channels_are_scaled(tmp_path: Path, channels: int) -> None:
    samples = DEEP[..., :channels]
    truth = samples / 65535 * 255
    if channels in (2, 4):
        share = truth[..., -1:] / 255
        truth = truth[..., :-1] * share + 255 * (1 - share)
    read = read_rgb(png(tmp_path / "a.png", np.ascontiguousarray(samples.squeeze())))
    assert np.abs(read - (truth if channels > 2 else truth[..., :1])).max() < 1.5


def test_twelve_bits_in_sixteen(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", DEEP[..., :3] >> 4)
    with pytest.raises(ImageError, match=r"with values to 40\d\d, as of 12 bits in 16; give data\.bits=12"):
        read_rgb(path)
    np.testing.assert_array_equal(
        read_rgb(path, reading=PixelReading(12)), np.round((DEEP[..., :3] >> 4) / 4095 * 255)
    )


def test_significant_bits_tell_it(tmp_path: Path) -> None:
    raw, spread = DEEP[..., 0] >> 4, (DEEP[..., 0] >> 8) << 4
    path = png(tmp_path / "a.png", raw, (b"sBIT", b"\x0c"))
    np.testing.assert_array_equal(read_rgb(path)[..., 0], np.round(raw / 4095 * 255))
    path = png(tmp_path / "b.png", spread, (b"sBIT", b"\x0c"))  # as the standard has it, of a dark picture
    np.testing.assert_array_equal(read_rgb(path)[..., 0], np.round(spread / 257))


def test_a_colour_may_be_clear(tmp_path: Path) -> None:
    grey = np.full((20, 20), 20000, np.uint16)
    grey[:10] = 30000
    read = read_rgb(png(tmp_path / "a.png", grey, (b"tRNS", struct.pack(">H", 30000))))
    assert (read[:10] == 255).all()
    assert (read[10:] == 78).all()
