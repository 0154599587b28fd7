"""The kinds of image files in docs/images.md: ``python -m tests.io.image_kinds`` writes its table again."""

from __future__ import annotations

import io
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
from PIL import Image

from livergrade.io.images import ImageError, read_rgb
from tests.io.tiff_writer import tiff

PAGE = Path(__file__).parents[2] / "docs" / "images.md"
START, END = "<!-- kinds -->\n", "<!-- end of kinds -->\n"

_Y, _X = np.mgrid[0:20, 0:32]
RGB = np.dstack([230 - 3 * _X, 90 + 5 * _Y, 60 + 2 * _X + 3 * _Y]).astype(np.uint8)
GREY, CLEAR = RGB[..., :1], (90 + 4 * _X).astype(np.uint8)[..., None]
CMYK = np.dstack([255 - RGB, np.full_like(GREY, 30)])
DEEP = (RGB.astype(np.uint16) << 8) | RGB
PALETTE = {320: (3, (np.arange(256).repeat(3).reshape(256, 3).T * 257).ravel().tolist())}


def saved(mode: str, form: str, **options: object) -> bytes:
    """The picture as Pillow saves it."""
    file = io.BytesIO()
    Image.fromarray(RGB).convert(mode).save(file, form, **options)
    return file.getvalue()


def clear(form: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.dstack([RGB, CLEAR])).save(file, form)
    return file.getvalue()


def two_pages() -> bytes:
    image = Image.fromarray(RGB)
    return saved("RGB", "TIFF", save_all=True, append_images=[image])


def bmp(depth: int) -> bytes:
    """The header of a BMP of another depth."""
    content = bytearray(saved("RGB", "BMP"))
    struct.pack_into("<H", content, 28, depth)
    return bytes(content)


def jpeg(depth: int) -> bytes:
    """A JPEG of 12 bits."""
    return imagecodecs.jpeg_encode(RGB[..., 0].astype(np.uint16) << 4, bitspersample=depth)


def without_adobe(content: bytes) -> bytes:
    """A JPEG without the marker that says how its inks are meant."""
    at = content.index(b"\xff\xee")
    return content[:at] + content[at + 2 + int.from_bytes(content[at + 2 : at + 4], "big") :]


def shallow(bits: int) -> np.ndarray:
    return np.round(GREY / 255 * (2**bits - 1)).astype(np.uint8)


KINDS: dict[tuple[str, str], Callable[[], bytes]] = {
    ("TIFF", "grey, 1, 2, 4 or 8 bits"): lambda: tiff(shallow(4), "black", 4),
    ("TIFF", "grey whose largest value is black (min-is-white)"): lambda: tiff(GREY, "white", 8),
    ("TIFF", "RGB, 8 bits, strips or tiles, contiguous or in planes"): lambda: tiff(
        RGB, "rgb", 8, tiles=True, separate=True
    ),
    ("TIFF", "10, 12 or 14 bits, packed"): lambda: tiff(RGB.astype(np.uint16) << 4, "rgb", 12),
    ("TIFF", "16 bits"): lambda: tiff(DEEP, "rgb", 16, order=">"),
    ("TIFF", "16 bits with values of 12, tag MaxSampleValue 4095"): lambda: tiff(
        DEEP >> 4, "rgb", 16, more={281: (3, [4095] * 3)}
    ),
    ("TIFF", "16 bits with values of 12, and nothing that says it"): lambda: tiff(DEEP >> 4, "rgb", 16),
    ("TIFF", "32 bits"): lambda: tiff(GREY.astype(np.uint32), "black", 32),
    ("TIFF", "signed"): lambda: tiff(GREY.astype(np.int16), "black", 16),
    ("TIFF", "floating-point"): lambda: tiff(RGB.astype(np.float32), "rgb", 32),
    ("TIFF", "palette"): lambda: tiff(GREY, "palette", 8, more=PALETTE),
    ("TIFF", "CMYK"): lambda: tiff(CMYK, "cmyk", 8),
    ("TIFF", "YCbCr, 8 bits, colours shared by pixels or not"): lambda: tiff(
        np.asarray(Image.fromarray(RGB).convert("YCbCr")), "ycbcr", 8, more={530: (3, [1, 1])}
    ),
    ("TIFF", "CIELAB, ICCLAB or ITULAB, 8 or 16 bits"): lambda: tiff(RGB, "icclab", 8),
    ("TIFF", "transparency, multiplied (associated) or not"): lambda: tiff(
        np.dstack([RGB, CLEAR]), "rgb", 8, extra=(2,)
    ),
    ("TIFF", "a fourth channel said to be unspecified"): lambda: tiff(
        np.dstack([RGB, CLEAR]), "rgb", 8, extra=(0,)
    ),
    ("TIFF", "a fourth channel that is not named"): lambda: tiff(np.dstack([RGB, CLEAR]), "rgb", 8),
    ("TIFF", "several grey channels"): lambda: tiff(RGB, "black", 8, extra=(0, 0)),
    ("TIFF", "BigTIFF, either byte order"): lambda: tiff(RGB, "rgb", 8, big=True, order=">"),
    ("TIFF", "LZW, deflate, PackBits, LZMA, Zstandard, with a predictor or not"): lambda: tiff(
        RGB, "rgb", 8, compression="lzw", predictor=True
    ),
    ("TIFF", "JPEG, JPEG 2000, WebP, CCITT"): lambda: tiff(RGB, "rgb", 8, compression="webp"),
    ("TIFF", "another compression, as JPEG XL"): lambda: tiff(RGB, "rgb", 8, more={259: (3, [50002])}),
    ("TIFF", "raw values of a camera's sensor"): lambda: tiff(GREY, "black", 8, more={262: (3, [32803])}),
    ("TIFF", "several pages"): two_pages,
    ("TIFF", "smaller copies or masks beside the image (NewSubfileType)"): lambda: saved("RGB", "TIFF"),
    ("TIFF", "a stack of ImageJ"): lambda: tiff(
        GREY, "black", 8, more={270: (2, list(b"ImageJ=1.54f\nimages=5\n\0"))}
    ),
    ("PNG", "grey, palette or RGB, 1 to 8 bits, with transparency or not"): lambda: clear("PNG"),
    ("PNG", "16 bits, with transparency or not"): lambda: imagecodecs.png_encode(DEEP),
    ("PNG", "16 bits with values of 12, and no sBIT that says it"): lambda: imagecodecs.png_encode(DEEP >> 4),
    ("PNG", "animated"): lambda: saved(
        "RGB", "PNG", save_all=True, append_images=[Image.new("RGB", (32, 20))]
    ),
    ("JPEG", "grey, RGB or YCbCr, 8 bits, baseline or progressive"): lambda: saved(
        "RGB", "JPEG", progressive=True, quality=97
    ),
    ("JPEG", "CMYK and YCCK, inverted as Adobe writes them"): lambda: saved("CMYK", "JPEG", quality=97),
    ("JPEG", "CMYK without Adobe's marker"): lambda: without_adobe(saved("CMYK", "JPEG")),
    ("JPEG", "12 bits"): lambda: jpeg(12),
    ("BMP", "1, 4, 8, 16, 24 or 32 bits, RLE, top down"): lambda: saved("P", "BMP"),
    ("BMP", "other depths and layouts"): lambda: bmp(2),
    ("WEBP", "lossy or lossless, with transparency or not"): lambda: clear("WEBP"),
    ("WEBP", "animated"): lambda: saved(
        "RGB", "WEBP", save_all=True, append_images=[Image.new("RGB", (32, 20))]
    ),
}
"""Format and layout → a file of that kind."""


def table(folder: Path) -> str:
    """The table of docs/images.md, from what reading such a file does."""
    rows = ["| Format | What it holds | |", "| --- | --- | --- |"]
    for (form, layout), write in KINDS.items():
        path = folder / "image"
        path.write_bytes(write())
        try:
            read_rgb(path)
            answer = "read"
        except ImageError as error:
            answer = f"refused: *{error}*"
        rows.append(f"| {form} | {layout} | {answer} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    page = PAGE.read_text("utf-8")
    before, rest = page.split(START)
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(before + START + table(Path(folder)) + END + rest.split(END)[1], "utf-8")


if __name__ == "__main__":
    main()
