"""Read one image file as 8-bit RGB, or raise an error with the reason."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from livergrade.io.bmp_runs import refuse_gaps
from livergrade.io.colour import ColourError, to_srgb
from livergrade.io.deep_png import is_deep_png, read_deep_png
from livergrade.io.foreign_images import foreign_image
from livergrade.io.headers import refuse_jpeg, refuse_jpeg_kind, refuse_tiff
from livergrade.io.image_error import ImageError as ImageError
from livergrade.io.memory import ROOM
from livergrade.io.pixel_reading import AS_FILED, PixelReading
from livergrade.io.regular_files import no_file
from livergrade.io.stored_whole import refuse_cut_jpeg, refuse_damaged_png
from livergrade.io.tiff_pixels import is_tiff, read_tiff, tiff_header

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
LEAST_SIDE = 16
"""Minimum side length, pixels; a smaller image would have to be enlarged and shows no tissue detail."""
MOST_PIXELS = 64_000_000
"""Larger images are whole slides or decompression bombs."""


MOST_PAGES = 1000
"""Pages of a TIFF that are counted, smaller copies of the image among them."""
MOST_BYTES = 2**30
"""A larger file holds no image of so many pixels, or much that is no image."""
LONGEST = 8
"""Longer side of an image, as a multiple of the shorter, beyond which it is cut before it is resized."""
VISIBLE = 128
"""Least opacity, of 255, that some pixel of a picture must have. A channel of less everywhere is no
transparency that anybody meant: programs leave it at 0, or write a mask of 0 and 1 into it."""
PIXEL_BYTES = 20
"""At most, for a pixel while it is decoded and converted: twice as RGBA, as floats, and as the result."""

BLOCK_BYTES = 64 * 2**20
"""Of memory that Pillow asks for at once. Blocks of 16 MB, its default, stay with the thread that decoded a
large image: 1.2 GB in each of 16 threads. Blocks above 32 MB go back to the system."""


EIGHT_BITS = ("1", "L", "P", "RGB", "RGBA", "RGBa", "LA", "La", "PA", "CMYK", "YCbCr", "LAB")
"""Kinds of pictures in memory that are graded, as Pillow names them."""

_KEPT = ("exif", "icc_profile", "srgb", "gamma", "chromaticity")
"""Of what a PNG says of itself, its orientation and its colours."""
_STORED_WHOLE = {
    "JPEG": refuse_cut_jpeg,
    "MPO": refuse_cut_jpeg,
    "PNG": refuse_damaged_png,
}
_BMP = "Unsupported BMP "
"""How Pillow begins to say that it does not read a BMP that may be a good one."""


@dataclass(frozen=True)
class Header:
    """What an image file says of itself before it is decoded.

    Attributes:
        size: width and height in pixels.
        mode: what its samples are, as Pillow names it, or of a TIFF as the standard does.
        colours: what it says of its colours, as Pillow's ``info`` has it: ``icc_profile`` and others.
    """

    size: tuple[int, int]
    mode: str
    colours: Mapping[Any, Any] = field(default_factory=dict)


def read_header(path: Path) -> Header:
    """Check the header of ``path``, without decoding the image.

    Raises:
        ImageError: missing, empty, no file, not one of :data:`FORMATS`, of several pages, too small or too
            large, or its header says what no image needs.
    """
    with _reasons(path), _checked(path) as image:
        return image if isinstance(image, Header) else Header(image.size, image.mode, image.info)


def ignore_decoder_warnings() -> None:
    """Keep Pillow's warnings off the screen: what is wrong with a file is reported in its own line."""
    warnings.filterwarnings("ignore", module=r"PIL\.")


@contextmanager
def _reasons(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong while a file's header is read into an `ImageError`."""
    try:
        yield
    except ImageError:
        raise
    except Image.DecompressionBombError:
        most = MOST_PIXELS // 10**6
        raise ImageError(f"says that it has more than {most} megapixels; cut images from it") from None
    except UnidentifiedImageError:
        raise ImageError(foreign_image(path, ", ".join(FORMATS))) from None
    except Exception as error:  # a hostile header raises many exception types: struct.error, KeyError, ...
        if (reason := _reason(error)).startswith(_BMP):
            kind = reason.removeprefix(_BMP)
            raise ImageError(
                f"is a BMP of a kind that is not read ({kind}); save it as RGB of 8 bits"
            ) from None
        raise ImageError(f"can't be opened: {reason}") from None


@contextmanager
def _checked(path: Path) -> Iterator[Image.Image | Header]:
    """The image, opened by Pillow, or what the header of a TIFF says, once both are of a size that is read.

    Raises:
        ImageError: as :func:`read_header`.
        Exception: of many kinds, where the header is damaged.
    """
    if problem := no_file(path):
        raise ImageError(problem)
    size = path.stat().st_size
    if not size:
        raise ImageError("is empty (0 bytes)")
    if size > MOST_BYTES:
        raise ImageError(f"is a file of {size / 1e9:.1f} GB; cut images from it")
    ignore_decoder_warnings()
    with path.open("rb") as file:
        if is_tiff(file):
            images = refuse_tiff(file, MOST_PAGES)
            header = Header(*tiff_header(path))
            _check_size(header.size, images)
            yield header
            return
        refuse_jpeg_kind(file)
    with Image.open(path, formats=FORMATS) as image:
        _check_size(image.size, 1 if image.format == "MPO" else getattr(image, "n_frames", 1))
        if image.format in ("JPEG", "MPO"):  # MPO: a camera's JPEG followed by a preview
            with path.open("rb") as file:
                refuse_jpeg(file, image.width * image.height)
        yield image


def _check_size(size: tuple[int, int], images: int) -> None:
    """Refuse an image by its size and by how many there are in the file.

    Raises:
        ImageError: with the reason.
    """
    width, height = size
    if min(width, height) < LEAST_SIDE:
        raise ImageError(f"is {width} × {height} px; the shorter side must have {LEAST_SIDE}")
    if width * height > MOST_PIXELS:
        raise ImageError(
            f"is {width} × {height} px, more than {MOST_PIXELS // 10**6} megapixels; cut images from it"
        )
    if images > 1:
        raise ImageError(f"holds {images} pages or frames; save each image in a file of its own")


def _reason(error: Exception) -> str:
    """A decoder's message as the end of one line."""
    if isinstance(error, MemoryError):
        return "it takes more memory than there is"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [""])[0][:300] or type(error).__name__


def read_rgb(
    path: Path, *, shorter_side: int | None = None, reading: PixelReading = AS_FILED
) -> NDArray[np.uint8]:
    """Decode ``path`` to RGB.

    The orientation is applied, samples of more or fewer than 8 bits are scaled (not clipped), transparent
    images are put on white (the colour of an empty slide), palette, grey, CMYK, YCbCr and LAB are converted.

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
    with ExitStack() as opened:
        with _reasons(path):
            image = opened.enter_context(_checked(path))
        opened.enter_context(ROOM.take(PIXEL_BYTES * image.size[0] * image.size[1]))
        try:
            rgb = _to_rgb(ImageOps.exif_transpose(_decoded(path, image, reading)), reading)
        except (ImageError, ColourError) as error:
            raise ImageError(str(error)) from None
        except Exception as error:  # a hostile file raises many exception types: struct.error, KeyError, ...
            raise ImageError(f"is damaged or cut short: {_reason(error)}") from None
        return np.asarray(_resized(rgb, shorter_side) if shorter_side else rgb)


def _decoded(path: Path, image: Image.Image | Header, reading: PixelReading) -> Image.Image:
    """The image decoded to 8 bits a sample, in the colours of the file."""
    if isinstance(image, Header):
        return read_tiff(path, reading)
    if image.format == "JPEG" and image.mode == "CMYK" and "adobe" not in image.info:
        raise ImageError(
            "is a JPEG of CMYK that does not say whether its inks are inverted (no Adobe marker); save it as "
            "RGB"
        )
    with path.open("rb") as file:
        if refuse := _STORED_WHOLE.get(image.format or ""):
            refuse(file)
        if is_deep_png(file):
            eight = read_deep_png(file, reading)
            eight.info = {key: image.info[key] for key in _KEPT if key in image.info}
            return eight
        refuse_gaps(file)
    image.load()  # full decoding: JPEG decoding at 1/2 or 1/4 is faster but aliased
    return image


def _resized(rgb: Image.Image, shorter_side: int) -> Image.Image:
    """The picture with a shorter side of so many pixels; of a very long one the middle."""
    rgb = _middle(rgb)
    factor = shorter_side / min(rgb.size)
    size = tuple(max(shorter_side, round(side * factor)) for side in rgb.size)
    return rgb.resize((size[0], size[1]), Image.Resampling.BICUBIC, reducing_gap=3.0)


def _middle(image: Image.Image) -> Image.Image:
    """The image, or the middle of a very long one: enlarged by its shorter side it would fill the memory."""
    most = LONGEST * min(image.size)
    if max(image.size) <= most:
        return image
    left, top = (max(0, (side - most) // 2) for side in image.size)
    return image.crop((left, top, min(image.width, left + most), min(image.height, top + most)))


def read_square(path: Path, size: int, reading: PixelReading = AS_FILED) -> NDArray[np.uint8]:
    """Center crop of ``path``, resized to ``size`` × ``size`` pixels, ``uint8 [size, size, 3]``."""
    return _center(read_rgb(path, shorter_side=size, reading=reading), size)


def square_of(picture: Image.Image, size: int, reading: PixelReading = AS_FILED) -> NDArray[np.uint8]:
    """The same of a picture in memory, as Pillow has it, ``uint8 [size, size, 3]``.

    Raises:
        ImageError: it is too small or too large, or its samples are not of 8 bits.
    """
    _check_size(picture.size, 1)
    if picture.mode not in EIGHT_BITS:
        raise ImageError(f"has samples of another kind than 8 bits (Pillow's mode {picture.mode})")
    try:
        rgb = _to_rgb(ImageOps.exif_transpose(picture), reading)
    except ColourError as error:
        raise ImageError(str(error)) from None
    return _center(np.asarray(_resized(rgb, size)), size)


def _center(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    top, left = (image.shape[0] - size) // 2, (image.shape[1] - size) // 2
    return image[top : top + size, left : left + size]


def _to_rgb(image: Image.Image, reading: PixelReading) -> Image.Image:
    """The one place where the colours of a file become RGB."""
    if reading.icc == "apply":
        image = to_srgb(image, image.info)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        _refuse_hidden(rgba)
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    if image.mode == "LAB":
        profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, *profiles, outputMode="RGB")
        assert converted is not None
        return converted
    return image.convert("RGB")


def _refuse_hidden(rgba: Image.Image) -> None:
    """Refuse a picture that would be white, or nearly so, since its transparency hides it.

    Raises:
        ImageError: no pixel is half opaque, and the colours beneath are a picture.
    """
    (_, opaque), *colours = (band.getextrema() for band in rgba.split()[::-1])
    if opaque < VISIBLE and any(low < high for low, high in colours):  # type: ignore[operator] # of 8 bits
        raise ImageError(
            f"is a picture that its transparency hides: no pixel is more than {opaque} of 255 opaque; save "
            "it as RGB, without that channel"
        )
