from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livergrade.data.images import SUFFIXES, ImageError, read_rgb

GRADIENT = np.dstack([np.tile(np.linspace(40, 220, 32), (24, 1))] * 3).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".bmp", ".webp"])
def test_every_format_is_read(tmp_path: Path, suffix: str) -> None:
    assert suffix in SUFFIXES
    path = tmp_path / f"tissue with blanks, ä{suffix}"
    Image.fromarray(GRADIENT).save(path, quality=95)
    read = read_rgb(path)
    assert read.shape == (24, 32, 3)
    assert read.dtype == np.uint8
    assert np.abs(read.astype(int) - GRADIENT).mean() < 4


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_colour_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "image.tif"
    Image.fromarray(GRADIENT).convert(mode).save(path)
    read = read_rgb(path)
    assert read.shape == (24, 32, 3)
    assert np.abs(read.mean() - GRADIENT.mean()) < 12


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    Image.fromarray(GRADIENT[..., 0].astype(np.uint16) * 257).save(path)
    np.testing.assert_array_equal(read_rgb(path), GRADIENT)


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    path = tmp_path / "clear.png"
    Image.new("RGBA", (8, 8), (10, 20, 30, 0)).save(path)
    assert (read_rgb(path) == 255).all()


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(GRADIENT).save(path, exif=exif)
    assert read_rgb(path).shape == (32, 24, 3)


def test_reduction_is_antialiased(tmp_path: Path) -> None:
    checks = (np.indices((256, 320)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(checks).save(tmp_path / "checks.png")
    reduced = read_rgb(tmp_path / "checks.png", shorter_side=64)
    assert reduced.shape == (64, 80, 3)
    assert np.abs(reduced[4:-4, 4:-4].astype(int) - 127).max() <= 3


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"not a picture at all", "is not a readable"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "can't be opened|is damaged|not a readable"),
    ],
)
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=reason):
        read_rgb(path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"image{suffix}"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError):
        read_rgb(path)


def test_several_pages_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    page = Image.fromarray(GRADIENT)
    page.save(path, save_all=True, append_images=[page])
    with pytest.raises(ImageError, match="2 pages"):
        read_rgb(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="does not exist"):
        read_rgb(tmp_path / "nowhere.png")
