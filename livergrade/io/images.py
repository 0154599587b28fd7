"""Read one image file as 8-bit RGB, or raise an error with the reason."""

import contextlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from livergrade.io.colour import ColourError, to_srgb
from livergrade.io.headers import refuse_jpeg, refuse_tiff
from livergrade.io.memory import ROOM
from livergrade.io.pixel_reading import AS_FILED, PixelReading
from livergrade.io.regular_files import no_file

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
LEAST_SIDE = 16
"""Minimum side length, pixels; a smaller image would have to be enlarged and shows no tissue detail."""
MOST_PIXELS = 64_000_000
"""Larger images are whole slides or decompression bombs."""


MOST_PAGES = 10
"""Pages of a TIFF that are counted, to say how many a file holds that must hold one."""
MOST_BYTES = 2**30
"""A larger file holds no image of so many pixels, or much that is no image."""
LONGEST = 8
"""Longer side of an image, as a multiple of the shorter, beyond which it is cut before it is resized."""
PIXEL_BYTES = 20
"""At most, for a pixel while it is decoded and converted: twice as RGBA, as floats, and as the result."""

BLOCK_BYTES = 64 * 2**20
"""Of memory that Pillow asks for at once. Blocks of 16 MB, its default, stay with the thread that decoded a
large image: 1.2 GB in each of 16 threads. Blocks above 32 MB go back to the system."""


class ImageError(Exception):
    """The file is not an image that can be graded; the message gives the reason."""


def open_image(path: Path) -> Image.Image:
    """Open ``path`` and check its header, without decoding the image.

    Raises:
        ImageError: missing, empty, no file, not one of :data:`FORMATS`, of several pages, too small or too
            large, or its header says what no image needs.
    """
    if problem := no_file(path):
        raise ImageError(problem)
    size = path.stat().st_size
    if not size:
        raise ImageError("is empty (0 bytes)")
    if size > MOST_BYTES:
        raise ImageError(f"is a file of {size / 1e9:.1f} GB; cut images from it")
    try:
        with path.open("rb") as file:
            refuse_tiff(file)
        image = Image.open(path, formats=FORMATS)
    except Image.DecompressionBombError:
        most = MOST_PIXELS // 10**6
        raise ImageError(f"says that it has more than {most} megapixels; cut images from it") from None
    except UnidentifiedImageError:
        raise ImageError(f"is not a readable {', '.join(FORMATS)} image") from None
    except Exception as error:  # a hostile header raises many exception types: struct.error, KeyError, ...
        raise ImageError(f"can't be opened: {_reason(error)}") from None
    try:
        _check_header(image, path)
    except ImageError:
        image.close()
        raise
    return image


def _check_header(image: Image.Image, path: Path) -> None:
    """Refuse an image by its size, its pages and its scans.

    Raises:
        ImageError: with the reason.
    """
    width, height = image.size
    if min(width, height) < LEAST_SIDE:
        raise ImageError(f"is {width} × {height} px; the shorter side must have {LEAST_SIDE}")
    if width * height > MOST_PIXELS:
        raise ImageError(
            f"is {width} × {height} px, more than {MOST_PIXELS // 10**6} megapixels; cut images from it"
        )
    try:
        frames = _pages(image) if image.format == "TIFF" else getattr(image, "n_frames", 1)
        if image.format in ("JPEG", "MPO"):
            with path.open("rb") as file:
                refuse_jpeg(file, width * height)
    except Exception as error:  # as above
        raise ImageError(f"can't be opened: {_reason(error)}") from None
    if frames > 1 and image.format != "MPO":  # MPO: a camera's JPEG followed by a preview
        some = f"{frames} or more" if frames == MOST_PAGES else frames
        raise ImageError(f"holds {some} pages or frames; give one image a file")


def _pages(image: Image.Image) -> int:
    """Number of a TIFF's pages, counted to :data:`MOST_PAGES`; Pillow would go through thousands."""
    pages = 1
    if getattr(image, "is_animated", False):
        with contextlib.suppress(EOFError):
            while pages < MOST_PAGES:
                image.seek(pages)
                pages += 1
    return pages


def _reason(error: Exception) -> str:
    """A decoder's message as the end of one line."""
    if isinstance(error, MemoryError):
        return "it takes more memory than there is"
    return (str(error).splitlines() or [""])[0][:300] or type(error).__name__


def read_rgb(
    path: Path, *, shorter_side: int | None = None, reading: PixelReading = AS_FILED
) -> NDArray[np.uint8]:
    """Decode ``path`` to RGB.

    EXIF orientation is applied, 16-bit grey is scaled to 8 bits (not clipped), transparent images are put on
    white (the colour of an empty slide), palette, grey, CMYK and LAB are converted.

    Args:
        path: the file.
        shorter_side: resize with an antialiasing filter so that the shorter side has this many pixels;
            smaller images are enlarged. An image longer than :data:`LONGEST` times its shorter side is first
            cut to its middle of that length.
        reading: what is known of the samples beside the file.

    Returns:
        ``uint8 [height, width, 3]``.

    Raises:
        ImageError: the file is not a complete image.
    """
    Image.core.set_block_size(BLOCK_BYTES)  # type: ignore[attr-defined] # documented, but not typed
    with open_image(path) as image, ROOM.take(PIXEL_BYTES * image.width * image.height):
        try:
            image.load()  # full decoding: JPEG decoding at 1/2 or 1/4 is faster but aliased
            rgb = _to_rgb(ImageOps.exif_transpose(image), reading)
        except (ImageError, ColourError) as error:
            raise ImageError(str(error)) from None
        except Exception as error:  # a hostile file raises many exception types: struct.error, KeyError, ...
            raise ImageError(f"is damaged or cut short: {_reason(error)}") from None
        if shorter_side:
            rgb = _middle(rgb)
            factor = shorter_side / min(rgb.size)
            size = tuple(max(shorter_side, round(side * factor)) for side in rgb.size)
            rgb = rgb.resize((size[0], size[1]), Image.Resampling.BICUBIC, reducing_gap=3.0)
        return np.asarray(rgb)


def _middle(image: Image.Image) -> Image.Image:
    """The image, or the middle of a very long one: enlarged by its shorter side it would fill the memory."""
    most = LONGEST * min(image.size)
    if max(image.size) <= most:
        return image
    left, top = (max(0, (side - most) // 2) for side in image.size)
    return image.crop((left, top, min(image.width, left + most), min(image.height, top + most)))


def read_square(path: Path, size: int, reading: PixelReading = AS_FILED) -> NDArray[np.uint8]:
    """Center crop of ``path``, resized to ``size`` × ``size`` pixels, ``uint8 [size, size, 3]``."""
    image = read_rgb(path, shorter_side=size, reading=reading)
    top, left = (image.shape[0] - size) // 2, (image.shape[1] - size) // 2
    return image[top : top + size, left : left + size]


def _to_rgb(image: Image.Image, reading: PixelReading) -> Image.Image:
    info = image.info
    if image.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion clips at 255
        grey = np.asarray(image).astype(np.float64)
        if grey.min() < 0 or grey.max() > 65535:
            raise ImageError("has grey values outside 0 to 65535")
        image = Image.fromarray(np.round(grey / 257).astype(np.uint8))
    if image.mode == "F":
        raise ImageError("holds floating-point values; save it with 8 or 16 bits")
    if reading.icc == "apply":
        image = to_srgb(image, info)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    if image.mode == "LAB":
        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, *profiles, outputMode="RGB")
        assert converted is not None
        return converted
    return image.convert("RGB")
