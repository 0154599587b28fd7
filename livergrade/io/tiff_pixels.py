"""Decode a TIFF to a picture of 8 bits, whatever it holds, or say why not.

tifffile reads the tags and imagecodecs decompresses; both are imported only when a TIFF is read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livergrade.io.image_error import ImageError
from livergrade.io.pixel_reading import PixelReading
from livergrade.io.sample_depth import deep_to_eight_bits, to_eight_bits
from livergrade.io.tiff_colours import from_lab, from_ycbcr, without_multiplication
from livergrade.io.tiff_kinds import (
    CIELAB,
    CMYK,
    COLOURS,
    ICCLAB,
    ITULAB,
    JPEG,
    PALETTE,
    WHITE_ZERO,
    YCBCR,
    Page,
    alpha,
    has_unnamed,
    refuse_kind,
    stated_bits,
)
from livergrade.io.tiff_samples import read_samples

STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
ORIENTATION, PROFILE = 274, 34675
WEBP = 50001


def is_tiff(file: BinaryIO) -> bool:
    """Whether a file begins as a TIFF."""
    file.seek(0)
    return file.read(4) in STARTS


@contextmanager
def _first_page(file: BinaryIO) -> Iterator[Page]:
    """The first page, of a kind that is read."""
    import tifffile

    for name in ("tifffile", "imagecodecs"):  # what is wrong with a file is reported in its own line
        logging.getLogger(name).disabled = True
    file.seek(0)
    try:
        tiff = tifffile.TiffFile(file)
        page = next(iter(tiff.pages), None)
    except MemoryError:
        raise
    except Exception:  # what tifffile says of it is of no use to a reader
        raise ImageError("is a TIFF whose list of tags is damaged or cut short") from None
    with tiff:
        if page is None:
            raise ImageError("is a TIFF without a page: it is damaged or cut short")
        refuse_kind(page)
        yield page


def tiff_header(path: Path) -> tuple[tuple[int, int], str, dict[str, bytes]]:
    """Width and height in pixels as the picture is seen, a name for what its samples are, and its profile.

    The profile is under ``icc_profile``, if there is one.

    Raises:
        ImageError: it is of a kind that is not read.
        Exception: of many kinds, where the header is damaged.
    """
    with path.open("rb") as file, _first_page(file) as page:
        name = COLOURS[int(page.photometric)][0].replace("grey", "L").replace("palette", "P")
        if alpha(page):
            name += "A"
        if page.bitspersample != 8:
            name += f";{page.bitspersample}"
        size = page.imagewidth, page.imagelength
        return (size[::-1] if _orientation(page) >= 5 else size), name, _profile(page)


def read_tiff(path: Path, reading: PixelReading) -> Image.Image:
    """Decode the first page.

    Returns:
        An image of 8 bits, of the mode L, RGB, RGBA, CMYK or LAB, with its ``icc_profile`` in ``info`` and
        its orientation in the EXIF tags.

    Raises:
        ImageError: see the modules that this one uses.
        Exception: of many kinds, where the file is damaged.
    """
    with path.open("rb") as file, _first_page(file) as page:
        samples = read_samples(page, file)
        image = _picture(page, samples, reading)
        image.info.update(_profile(page))
        if (orientation := _orientation(page)) != 1:
            image.getexif()[ORIENTATION] = orientation
    return image


def _profile(page: Page) -> dict[str, bytes]:
    profile = page.tags.valueof(PROFILE)
    return {"icc_profile": profile} if isinstance(profile, bytes) else {}


def _orientation(page: Page) -> int:
    value = page.tags.valueof(ORIENTATION, 1)
    return int(value) if isinstance(value, int) and 1 <= value <= 8 else 1


def _picture(page: Page, samples: NDArray[np.uint8 | np.uint16], reading: PixelReading) -> Image.Image:
    """Samples as they were written as an image of 8 bits."""
    kind = int(page.photometric)
    colours = COLOURS[kind][1]
    samples = _used_channels(page, samples, colours)
    if kind == PALETTE:
        return _looked_up(page, samples)
    if kind in (CIELAB, ICCLAB, ITULAB):
        return from_lab(samples, kind, page.tags.valueof(433))
    if kind == YCBCR and not _is_decoded(page):
        numbers = [page.tags.valueof(tag) for tag in (529, 532)]
        return Image.fromarray(from_ycbcr(samples.astype(np.uint8, copy=False), *map(_ratios, numbers)))
    transparency = alpha(page)
    if samples.dtype == np.uint16 and page.bitspersample == 16:
        eight = deep_to_eight_bits(
            samples.astype(np.uint16, copy=False), colours, stated_bits(page), reading, "TIFF"
        )
    else:
        eight = to_eight_bits(samples, page.bitspersample)
    if transparency and transparency[1]:
        eight = without_multiplication(eight)
    if kind == WHITE_ZERO or (kind == CMYK and _reversed_inks(page)):
        eight = eight.copy()
        eight[..., :colours] = 255 - eight[..., :colours]
    if eight.shape[2] == 2:  # grey with transparency
        eight = eight[..., [0, 0, 0, 1]]
    if kind == CMYK:
        return Image.frombuffer("CMYK", eight.shape[1::-1], np.ascontiguousarray(eight), "raw", "CMYK", 0, 1)
    return Image.fromarray(np.ascontiguousarray(eight[..., 0] if eight.shape[2] == 1 else eight))


def _used_channels(
    page: Page, samples: NDArray[np.uint8 | np.uint16], colours: int
) -> NDArray[np.uint8 | np.uint16]:
    """The colours, and the transparency if there is one, as the last channel.

    Raises:
        ImageError: there is a further channel of which it is not known whether it is transparency.
    """
    if transparency := alpha(page):
        return (
            samples if samples.shape[2] == colours + 1 else samples[..., [*range(colours), transparency[0]]]
        )
    if has_unnamed(page) and samples[..., colours].min() < 2**page.bitspersample - 1:
        raise ImageError(
            "is a TIFF with one more channel than colours, which it does not name (no tag 338): is it "
            "transparency? Save it as RGB of 8 bits"
        )
    return samples if samples.shape[2] == colours else samples[..., :colours]


def _looked_up(page: Page, samples: NDArray[np.uint8 | np.uint16]) -> Image.Image:
    """The colours of a palette, whose values have 16 bits, or 8 in files of some programs."""
    palette = np.asarray(page.colormap, np.uint16)
    palette = (palette >> 8 if palette.max() > 255 else palette).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(palette.T)[samples[..., 0]])


def _is_decoded(page: Page) -> bool:
    """Whether the decoder of the compression has made RGB of YCbCr already."""
    code = int(page.compression)
    return code == WEBP or (code == JPEG and int(page.planarconfig) == 1 and page.samplesperpixel == 3)


def _reversed_inks(page: Page) -> bool:
    """Whether the largest value of an ink means none of it, by the tag DotRange."""
    dots = page.tags.valueof(336)
    return isinstance(dots, tuple) and len(dots) >= 2 and dots[0] > dots[1]


def _ratios(value: object) -> tuple[float, ...] | None:
    """The fractions of a tag as numbers; None if there are none."""
    if not isinstance(value, tuple) or len(value) < 6:
        return None
    pairs = zip(value[::2], value[1::2], strict=False)
    return tuple(float(above) / float(below) if below else 0.0 for above, below in pairs)
