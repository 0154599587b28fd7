"""Pictures become RGB, or are refused with a reason."""

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from livergrade.io.images import SUFFIXES, ImageError, read_header, read_rgb, read_square
from tests.io.image_kinds import without_adobe
from tests.io.tiff_writer import tiff

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
    Image.new("RGBA", (16, 16), (10, 20, 30, 0)).save(path)
    assert (read_rgb(path) == 255).all()


@pytest.mark.parametrize("kind", ["RGBA.png", "LA.png", "RGBA.tif", "RGBA.bmp", "deep.png"])
def test_colours_that_nobody_sees_are_no_blank_picture(tmp_path: Path, kind: str) -> None:
    """A fourth channel of zeros is often no transparency: nothing is graded as white glass for it."""
    path, clear = tmp_path / kind, np.zeros((*GRADIENT.shape[:2], 1), np.uint8)
    pixels = np.dstack([GRADIENT, clear])
    if kind == "deep.png":
        path.write_bytes(imagecodecs.png_encode(pixels.astype(np.uint16) * 257))
    elif kind == "RGBA.bmp":  # its header names the masks, that of the transparency among them
        masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        size = (GRADIENT.shape[1], GRADIENT.shape[0])
        head = struct.pack("<2sIHHI", b"BM", 0, 0, 0, 14 + 56)
        path.write_bytes(
            head + struct.pack("<IiiHHIIiiII", 56, *size, 1, 32, 3, 0, 0, 0, 0, 0) + masks + pixels.tobytes()
        )
    else:
        Image.fromarray(pixels[..., [0, 3]] if kind == "LA.png" else pixels).save(path)
    with pytest.raises(ImageError, match="its transparency hides: no pixel is more than 0 of 255"):
        read_rgb(path)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp", "a.bmp"])
def test_a_picture_that_its_transparency_hides_is_refused(tmp_path: Path, name: str) -> None:
    """Programs leave the fourth channel at 0, or write a mask of 0 and 1 into it."""
    path = tmp_path / name
    for opacity in (0, 1, 127):
        channel = np.full(GRADIENT.shape[:2], opacity, np.uint8)
        picture = np.dstack([GRADIENT, channel])
        if name == "a.bmp":  # with a mask of the fourth channel, as Pillow does not write it
            pixels = np.dstack([GRADIENT[..., ::-1], channel])[::-1].tobytes()
            sizes = (108, GRADIENT.shape[1], GRADIENT.shape[0], 1, 32, 3, len(pixels), 0, 0, 0, 0)
            masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
            header = struct.pack("<IiiHHIIiiII4I", *sizes, *masks) + b"BGRs" + bytes(48)
            path.write_bytes(b"BM" + struct.pack("<IHHI", 122 + len(pixels), 0, 0, 122) + header + pixels)
        elif name == "a.tif":
            path.write_bytes(tiff(picture, "rgb", 8, extra=(2,)))
        else:
            Image.fromarray(picture).save(path, lossless=True, exact=True)
        with pytest.raises(
            ImageError, match=f"its transparency hides: no pixel is more than {opacity} of 255"
        ):
            read_rgb(path)


def test_a_cmyk_jpeg_that_does_not_say_how_its_inks_are_meant_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(GRADIENT).convert("CMYK").save(path)
    assert read_rgb(path).shape == GRADIENT.shape
    path.write_bytes(without_adobe(path.read_bytes()))
    with pytest.raises(ImageError, match="JPEG of CMYK that does not say whether its inks are inverted"):
        read_rgb(path)


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


@pytest.mark.parametrize(
    "content",
    [
        b"II*\0\x08\0",
        b"II*\0" + struct.pack("<I", 8) + b"\x0c\0\0\1",
        b"II*\0" + struct.pack("<I", 2**31),
        b"II+\0\x08\0\0\0" + struct.pack("<Q", 2**45),
        b"II+\0\x08\0\0\0" + struct.pack("<Q", 2**64 - 1),
    ],
)
def test_tags_that_are_cut_off_are_told_in_our_words(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(ImageError, match=r"^is a TIFF .* damaged or cut short$"):
        read_rgb(tmp_path / "a.tif")


def test_several_pages_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pages.tif"
    page = Image.fromarray(GRADIENT)
    page.save(path, save_all=True, append_images=[page])
    with pytest.raises(ImageError, match="2 pages"):
        read_rgb(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="does not exist"):
        read_rgb(tmp_path / "nowhere.png")


def test_lab_is_converted_as_colour_management_has_it(tmp_path: Path) -> None:
    path = tmp_path / "lab.tif"
    Image.new("LAB", (16, 16), (136, 208, 195)).save(path)  # sRGB red: L* 53, a* 80, b* 67
    assert np.abs(read_rgb(path).reshape(-1, 3).mean(0) - (255, 0, 0)).max() < 15


def test_sixteen_bit_colour_is_scaled(tmp_path: Path) -> None:
    import imagecodecs
    import tifffile

    deep = GRADIENT.astype(np.uint16) * 257
    (tmp_path / "deep.png").write_bytes(imagecodecs.png_encode(deep))
    tifffile.imwrite(tmp_path / "deep.tif", deep, photometric="rgb")
    for name in ("deep.png", "deep.tif"):
        np.testing.assert_array_equal(read_rgb(tmp_path / name), GRADIENT)


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (9000, 9000)).save(path)
    with pytest.raises(ImageError, match="9000 × 9000 px, more than 64 megapixels"):
        read_rgb(path)
    Image.new("1", (20000, 10000)).save(path)
    with pytest.raises(ImageError, match="more than 64 megapixels"):
        read_rgb(path)


def test_a_dot_is_no_picture(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    with pytest.raises(ImageError, match="is 1 × 1 px"):
        read_rgb(tmp_path / "dot.png")


def test_moving_pictures_are_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(GRADIENT), Image.fromarray(255 - GRADIENT)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:])
    for name, reason in (
        ("a.png", "2 pages"),
        ("a.webp", "2 pages"),
        ("a.gif", "is a GIF, which is not read"),
    ):
        with pytest.raises(ImageError, match=reason):
            read_rgb(tmp_path / name)


def test_the_content_counts_and_not_the_ending(tmp_path: Path) -> None:
    Image.fromarray(GRADIENT).save(tmp_path / "a.jpg", quality=95)
    (tmp_path / "a.jpg").rename(tmp_path / "a.png")
    assert np.abs(read_rgb(tmp_path / "a.png").astype(int) - GRADIENT).mean() < 4
    with pytest.raises(ImageError, match="does not exist"):
        (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere.png")
        read_rgb(tmp_path / "dangling.png")


def test_a_very_long_picture_is_cut_to_its_middle_before_it_is_enlarged(tmp_path: Path) -> None:
    pixels = np.full((16, 100_000, 3), 200, np.uint8)
    pixels[:, 49_900:50_100] = 50
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert read_rgb(tmp_path / "a.png", shorter_side=64).shape == (64, 64 * 8, 3)
    assert read_square(tmp_path / "a.png", 64).max() <= 60
    Image.fromarray(pixels.transpose(1, 0, 2).copy()).save(tmp_path / "b.png")
    assert read_square(tmp_path / "b.png", 64).max() <= 60


def test_pictures_less_long_are_resized_as_a_whole(tmp_path: Path) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 160, 3), dtype=np.uint8))
    image.save(tmp_path / "a.png")
    whole = image.resize((320, 40), Image.Resampling.BICUBIC, reducing_gap=3.0)
    assert (read_rgb(tmp_path / "a.png", shorter_side=40) == np.asarray(whole)).all()


def test_pages_are_not_all_counted(tmp_path: Path) -> None:
    page = Image.new("RGB", (20, 20))
    page.save(tmp_path / "a.tif", save_all=True, append_images=[page] * 30)
    with pytest.raises(ImageError, match="holds 31 pages"):
        read_header(tmp_path / "a.tif")


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize("kind", [b"iCCP", b"zTXt"])
def test_metadata_that_grow_a_thousandfold_are_not_unpacked(tmp_path: Path, kind: bytes) -> None:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0))
    bomb = chunk(kind, b"a\0\0" + zlib.compress(bytes(2 * 10**7)))
    rows = chunk(b"IDAT", zlib.compress(bytes(32 * 97)))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + bomb * 3 + rows + chunk(b"IEND", b""))
    try:
        read_rgb(tmp_path / "a.png")
    except ImageError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either is right


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "name"])
def test_what_is_no_file_is_not_opened(tmp_path: Path, kind: str) -> None:
    path = {"device": Path("/dev/zero"), "name": Path("a\0b")}.get(kind, tmp_path / "a.png")
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(ImageError, match=r"not a file|can't be opened"):
        read_header(path)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_large_pictures_take_no_more_memory_in_many_threads(tmp_path: Path) -> None:
    """In a fresh process: at most one a core at a time, and none stays when it has been read."""
    Image.new("RGBA", (8000, 8000), (9, 9, 9, 200)).save(tmp_path / "a.png", compress_level=1)
    code = (
        "import resource, sys; from pathlib import Path; from livergrade.io.images import read_square; "
        "from livergrade.io.memory import ROOM, reading_threads; threads = reading_threads(8); "
        "list(threads.__enter__().map(lambda path: read_square(path, 64), [Path(sys.argv[1])] * 16)); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - ROOM.most)"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "a.png")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1_500_000_000


def test_the_table_of_kinds_is_what_reading_does(tmp_path: Path) -> None:
    from tests.io.image_kinds import END, PAGE, START, table

    shown = PAGE.read_text("utf-8").split(START)[1].split(END)[0]
    assert shown == table(tmp_path), "python -m tests.io.image_kinds writes it again"


def test_an_orientation_of_a_tiff_is_applied(tmp_path: Path) -> None:
    path = tmp_path / "turned.tif"
    Image.fromarray(GRADIENT).save(path, tiffinfo={274: 6})
    assert (read_rgb(path) == np.rot90(GRADIENT, -1)).all()
    assert read_header(path).size == (24, 32)


def test_decoders_say_nothing_on_the_screen(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What is wrong with a file is in the error's one line."""
    import warnings

    file = tmp_path / "a.tif"
    Image.fromarray(GRADIENT).save(file)
    content = bytearray(file.read_bytes())
    for at in range(8, len(content), 97):
        content[at] ^= 0xFF
    file.write_bytes(content)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            read_rgb(file)
        except ImageError as error:
            assert "\n" not in str(error)  # noqa: PT017 - either is right
    assert not [line for line in told if "PIL" in line.filename]
    assert capfd.readouterr().err == ""


def test_reading_pictures_is_light_to_import() -> None:
    code = "import sys, livergrade.io.images; assert not {'tifffile', 'imagecodecs'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True)
