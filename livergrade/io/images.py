"""Read one image file as 8-bit RGB, or raise an error with the reason."""

import contextlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
LEAST_SIDE = 16
"""Minimum side length, pixels; a smaller image would have to be enlarged and shows no tissue detail."""
MOST_PIXELS = 64_000_000
"""Larger images are whole slides or decompression bombs."""


class ImageError(Exception):
    """The file is not an image that can be graded; the message gives the reason."""


def open_image(path: Path) -> Image.Image:
    """Open ``path`` and check its header, without decoding the image.

    Raises:
        ImageError: missing, empty, not one of :data:`FORMATS`, of several pages, too small or too large.
    """
    try:
        image = Image.open(path, formats=FORMATS)
    except FileNotFoundError:
        raise ImageError("does not exist") from None
    except Image.DecompressionBombError:
        most = MOST_PIXELS // 10**6
        raise ImageError(f"says that it has more than {most} megapixels; cut images from it") from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        empty = False
        with contextlib.suppress(OSError):  # the name itself may be invalid
            empty = path.is_file() and path.stat().st_size == 0
        if empty:
            raise ImageError("is empty (0 bytes)") from None
        if isinstance(error, UnidentifiedImageError):
            raise ImageError(f"is not a readable {', '.join(FORMATS)} image") from None
        raise ImageError(f"can't be opened: {error}") from None
    width, height = image.size
    if min(width, height) < LEAST_SIDE:
        raise ImageError(f"is {width} × {height} px; the shorter side must have {LEAST_SIDE}")
    if width * height > MOST_PIXELS:
        raise ImageError(
            f"is {width} × {height} px, more than {MOST_PIXELS // 10**6} megapixels; cut images from it"
        )
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # MPO: a camera's JPEG followed by a preview
        raise ImageError(f"holds {frames} pages or frames; give one image a file")
    return image


def read_rgb(path: Path, *, shorter_side: int | None = None) -> NDArray[np.uint8]:
    """Decode ``path`` to RGB.

    EXIF orientation is applied, 16-bit grey is scaled to 8 bits (not clipped), transparent images are put on
    white (the colour of an empty slide), palette, grey, CMYK and LAB are converted.

    Args:
        path: the file.
        shorter_side: resize with an antialiasing filter so that the shorter side has this many pixels;
            smaller images are enlarged.

    Returns:
        ``uint8 [height, width, 3]``.

    Raises:
        ImageError: the file is not a complete image.
    """
    image = open_image(path)
    try:
        image.load()  # full decoding: JPEG decoding at 1/2 or 1/4 is faster but aliased
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(f"is damaged or cut short: {error}") from None
    rgb = _to_rgb(ImageOps.exif_transpose(image))
    if shorter_side:
        factor = shorter_side / min(rgb.size)
        size = tuple(max(shorter_side, round(side * factor)) for side in rgb.size)
        rgb = rgb.resize((size[0], size[1]), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(rgb)


def read_square(path: Path, size: int) -> NDArray[np.uint8]:
    """Center crop of ``path``, resized to ``size`` × ``size`` pixels, ``uint8 [size, size, 3]``."""
    image = read_rgb(path, shorter_side=size)
    top, left = (image.shape[0] - size) // 2, (image.shape[1] - size) // 2
    return image[top : top + size, left : left + size]


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion clips at 255
        grey = np.asarray(image).astype(np.float64)
        if grey.min() < 0 or grey.max() > 65535:
            raise ImageError("has grey values outside 0 to 65535")
        return Image.fromarray(np.round(grey / 257).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ImageError("holds floating-point values; save it with 8 or 16 bits")
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
