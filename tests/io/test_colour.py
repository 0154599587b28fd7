"""Images are converted to sRGB by their profile, whatever file it is in, or refused by their reason."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from livergrade.io.colour import ColourError, other_colours, to_srgb
from livergrade.io.images import ImageError, read_rgb
from livergrade.io.pixel_reading import PixelReading
from tests.io import profiles

P3 = profiles.rgb(profiles.DISPLAY_P3)
SEEN, MEANT = (200, 80, 130), (216, 69, 131)
"""Of Display P3, and the same colour in sRGB: through XYZ by hand, rounded."""
APPLY = PixelReading(icc="apply")


def in_srgb(colour: tuple[int, ...], primaries: tuple[tuple[float, ...], ...]) -> np.ndarray:
    """A colour of other primaries, with sRGB's curve, as sRGB: the matrices of the two, by hand."""
    level = np.array(colour) / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    light = np.linalg.solve(np.transpose(profiles.SRGB), np.transpose(primaries) @ linear).clip(0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_a_profile_is_applied_in_every_format(tmp_path: Path, suffix: str) -> None:
    exact: dict[str, dict[str, object]] = {
        "webp": {"lossless": True},
        "jpg": {"quality": 100, "subsampling": 0},
    }
    file = tmp_path / f"a.{suffix}"
    Image.new("RGB", (16, 16), SEEN).save(file, icc_profile=P3, **exact.get(suffix, {}))
    assert np.abs(read_rgb(file).astype(int) - SEEN).max() <= 1
    assert np.abs(read_rgb(file, reading=APPLY).astype(int) - MEANT).max() <= 2


def test_the_colours_are_those_of_the_matrices() -> None:
    rng = np.random.default_rng(0)
    colours = rng.integers(90, 256, (200, 3), dtype=np.uint8)
    converted = np.asarray(to_srgb(Image.fromarray(colours[None]), {"icc_profile": P3}))[0]
    expected = np.array([in_srgb(tuple(map(int, colour)), profiles.DISPLAY_P3) for colour in colours])
    assert np.abs(converted - expected).max() < 1.5
    assert np.abs(in_srgb(SEEN, profiles.DISPLAY_P3) - MEANT).max() < 1


@pytest.mark.parametrize("info", [{}, {"icc_profile": profiles.rgb()}, {"srgb": 0, "gamma": 1.0}])
def test_what_is_srgb_already_is_left_as_it_is(info: dict[str, object]) -> None:
    image = Image.new("RGB", (2, 2), SEEN)
    assert other_colours(info) is None
    assert to_srgb(image, info) is image


@pytest.mark.parametrize("mode", ["RGBA", "P", "PA", "LA", "L", "1", "RGBa"])
def test_white_stays_white_and_transparency_is_kept(mode: str) -> None:
    carried = {"icc_profile": profiles.grey(profiles.parametric(1.8)) if mode[0] in "L1" else P3}
    converted = to_srgb(Image.new("RGBA", (2, 2), "white").convert(mode), carried)
    assert converted.mode in ("RGB", "RGBA")
    assert converted.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
    half = Image.new("RGBA", (2, 2), (*SEEN, 128))
    assert to_srgb(half, {"icc_profile": P3}).getpixel((0, 0)) == (*MEANT, 128)


def test_grey_of_16_bits_is_converted_and_stays_grey(tmp_path: Path) -> None:
    carried = profiles.grey(profiles.parametric(1.0))  # linear: brighter in sRGB
    Image.fromarray(np.full((16, 16), 128 * 257, np.uint16)).save(tmp_path / "a.png", icc_profile=carried)
    assert read_rgb(tmp_path / "a.png")[0, 0].tolist() == [128] * 3
    assert read_rgb(tmp_path / "a.png", reading=APPLY)[0, 0].tolist() == pytest.approx([188] * 3, abs=1)


@pytest.mark.parametrize(
    ("mode", "carried", "told"),
    [
        ("RGB", b"no profile", "has a broken colour profile"),
        ("RGB", P3[:200], "has a broken colour profile"),
        ("RGB", profiles.grey(profiles.parametric(1.8)), "for GRAY pixels, and its own are RGB"),
        ("L", P3, "for RGB pixels, and its own are L"),
        ("CMYK", P3, "for RGB pixels, and its own are CMYK"),
        ("RGB", P3 + bytes(2**24), "has a colour profile of 17 MB"),
    ],
)
def test_what_can_not_be_applied_is_refused_and_ignored_if_so_told(
    tmp_path: Path, mode: str, carried: bytes, told: str
) -> None:
    with pytest.raises(ColourError, match=told):
        to_srgb(Image.new(mode, (16, 16)), {"icc_profile": carried})
    if len(carried) < 2**16:
        Image.new(mode, (16, 16)).save(tmp_path / "a.tif", icc_profile=carried)
        read_rgb(tmp_path / "a.tif")
        with pytest.raises(ImageError, match=told):
            read_rgb(tmp_path / "a.tif", reading=APPLY)


SRGB_CORNERS = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
P3_CORNERS = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)


@pytest.mark.parametrize(
    ("chunks", "other"),
    [
        ({b"gAMA": struct.pack(">I", 45455)}, False),
        ({b"gAMA": struct.pack(">I", 45455), b"cHRM": struct.pack(">8I", *SRGB_CORNERS)}, False),
        ({b"gAMA": struct.pack(">I", 100000)}, True),
        ({b"cHRM": struct.pack(">8I", *P3_CORNERS)}, True),
        ({b"gAMA": struct.pack(">I", 100000), b"sRGB": b"\0"}, False),
    ],
)
def test_a_png_that_tells_its_colours_by_numbers(
    tmp_path: Path, chunks: dict[bytes, bytes], other: bool
) -> None:
    file = tmp_path / "a.png"
    Image.new("RGB", (16, 16), SEEN).save(file)
    written = file.read_bytes()
    added = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    )
    file.write_bytes(written[:33] + added + written[33:])  # after IHDR
    assert read_rgb(file)[0, 0].tolist() == [*SEEN]
    if other:
        with pytest.raises(ImageError, match="describes its colours by gAMA or cHRM, which are not applied"):
            read_rgb(file, reading=APPLY)
    else:
        assert read_rgb(file, reading=APPLY)[0, 0].tolist() == [*SEEN]
