"""Open a whole-slide image, segment its tissue, and read any region at any resolution.

All coordinates are in pixels of the slide at full resolution, x to the right and y down from the upper left
corner of the scanned area. They are floats, and the pixel (0, 0) covers the square from (0, 0) to (1, 1), as
in QuPath's GeoJSON.
"""

from __future__ import annotations

import bisect
import functools
import importlib.util
import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from livergrade.errors import UserError
from livergrade.io.colour import ColourError, other_colours, to_srgb
from livergrade.io.headers import refuse_tiff
from livergrade.io.mirax import missing_files
from livergrade.io.pixel_size import LIKELY_UM
from livergrade.io.regular_files import no_file
from livergrade.io.visible import shown

try:
    import openslide

    from livergrade.io.tiled_tiff import tiled_levels
except ImportError:  # optional dependency
    openslide = None  # type: ignore[assignment]

SUFFIXES = (
    ".svs",
    ".ndpi",
    ".mrxs",
    ".scn",
    ".vms",
    ".vmu",
    ".bif",
    ".svslide",
    ".tif",
    ".tiff",
    ".dcm",
    ".czi",
)
STRIP_PIXELS = 16_000_000
"""Maximum number of pixels read at once, so that memory does not grow with the region."""

MOST_PIXELS_AT_ONCE = 2**28
"""As far as a single row of a result may go beyond that, on slides without smaller levels."""
MOST_SIDE = 2_000_000
"""Pixels of a slide's side; scanners make up to 400,000."""
MOST_SMALLEST = 10**10
"""Pixels of the smallest level, which is read as a whole to find the tissue: minutes."""
MOST_PAGES = 1000
"""Pages of a TIFF that is opened as a slide."""

TISSUE_UM = 8.0  # pixel size of the tissue mask, µm; the slide's levels may limit it


def require() -> None:
    """Check that the optional dependencies for slides are installed.

    Raises:
        UserError: OpenSlide or shapely is missing.
    """
    if openslide is None or importlib.util.find_spec("shapely") is None:
        raise UserError('slides need OpenSlide and shapely: pip install "livergrade[slides]"')


class SlideError(Exception):
    """This file can't be read as a slide; the message says why."""


@dataclass(frozen=True)
class Tissue:
    """Tissue mask of a slide.

    Attributes:
        mask: ``bool [height, width]``.
        thumbnail: ``uint8 [height, width, 3]``, the same region of the slide.
        scale: slide pixels per mask pixel, along x and y.
    """

    mask: NDArray[np.bool_]
    thumbnail: NDArray[np.uint8]
    scale: tuple[float, float]

    def share(self, x: NDArray[np.float64], y: NDArray[np.float64], side: float) -> NDArray[np.float64]:
        """Tissue fraction of each square region, 0 to 1; area beyond the slide counts as background.

        Args:
            x: left edges, pixels of the slide.
            y: upper edges, pixels of the slide.
            side: side length of every region, pixels of the slide.
        """
        height, width = self.mask.shape
        sums = cv2.integral(self.mask.astype(np.uint8)).astype(np.float64)
        left, right = (np.clip(at / self.scale[0], 0, width).round().astype(int) for at in (x, x + side))
        top, bottom = (np.clip(at / self.scale[1], 0, height).round().astype(int) for at in (y, y + side))
        inside = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
        covered: NDArray[np.float64] = np.minimum(1.0, inside * self.scale[0] * self.scale[1] / side**2)
        return covered


class Slide:
    """One slide, read with OpenSlide.

    Args:
        path: the file.
        mpp: pixel size at full resolution, µm, used only if the slide does not state it.
        icc: what is done with a colour profile other than sRGB: ``ignore`` or ``apply``.

    Attributes:
        converted: whether regions are converted to sRGB.

    Raises:
        SlideError: the file is not a slide, states no plausible pixel size and none is given, or has a colour
            profile that is to be applied and can't be.
    """

    def __init__(self, path: Path, mpp: float | None = None, icc: str = "ignore") -> None:
        require()
        self.path = path
        if mpp is not None and not LIKELY_UM[0] <= mpp <= LIKELY_UM[1]:
            raise SlideError(f"has an mpp of {mpp:g} µm; it must be {LIKELY_UM[0]} to {LIKELY_UM[1]:g} µm")
        self.file = _opened(path)
        try:
            self._read_properties(mpp)
            self._colours = _colours(self.file)
            self.converted = icc == "apply" and other_colours(self._colours) is not None
            self._in_srgb(Image.new("RGB", (1, 1)))  # a profile that can't be applied is reported now
        except SlideError:
            self.file.close()
            raise
        except (ValueError, OverflowError, KeyError, openslide.OpenSlideError) as error:
            self.file.close()
            raise SlideError(f"can't be opened: {error}") from None

    def _read_properties(self, mpp: float | None) -> None:
        """Sizes, levels and the size of a pixel, or a `SlideError`."""
        properties = self.file.properties
        width, height = self.file.dimensions
        self.downsamples = self.file.level_downsamples  # cached: each query takes as long as reading a tile
        self.origin = tuple(int(properties.get(f"openslide.bounds-{axis}", 0)) for axis in "xy")
        self.width = int(properties.get("openslide.bounds-width", width))
        self.height = int(properties.get("openslide.bounds-height", height))
        sizes = (width, height, self.width, self.height)
        if min(sizes) < 1 or max(*sizes, *map(abs, self.origin)) > MOST_SIDE:
            raise SlideError(f"says that it is {self.width} × {self.height} px, which no scanner makes")
        smallest = math.prod(self.file.level_dimensions[-1])
        if smallest > MOST_SMALLEST:
            raise SlideError(f"has no level of fewer than {smallest:.1e} px to find its tissue in")
        if not all(math.isfinite(level) and level > 0 for level in self.downsamples):
            raise SlideError("has levels of no size")
        self.tiled = tiled_levels(self.path, properties["openslide.vendor"], self.file.level_dimensions)
        stated = [float(properties.get(f"openslide.mpp-{axis}", "nan")) for axis in "xy"]
        likely = all(LIKELY_UM[0] <= size <= LIKELY_UM[1] for size in stated)
        if not likely and mpp is None:
            problem = (
                "does not say the size of its pixels"
                if math.isnan(stated[0])
                else (f"says that a pixel is {stated[0]:g} µm, which no microscope's is")
            )
            raise SlideError(f"{problem}; give slide_mpp=<µm>, or the column mpp of a slide table")
        self.mpp = float(np.mean(stated)) if likely else float(mpp or 0)

    def _in_srgb(self, image: Image.Image) -> Image.Image:
        """RGB pixels of the slide, converted by its profile if that was asked for."""
        try:
            return to_srgb(image, self._colours) if self.converted else image
        except ColourError as error:
            raise SlideError(str(error)) from None

    def read(
        self, x: float, y: float, width: float, height: float, size: tuple[int, int]
    ) -> NDArray[np.uint8]:
        """Read a region, downsampled with an antialiasing filter from the nearest finer level.

        Areas beyond the slide or not scanned are white.

        Args:
            x: left edge, pixels of the slide.
            y: upper edge, pixels of the slide.
            width: pixels of the slide.
            height: pixels of the slide.
            size: width and height of the result.

        Returns:
            ``uint8 [size[1], size[0], 3]``, RGB.

        Raises:
            SlideError: the file is damaged in this region.
        """
        downsample = 1.001 * min(width / size[0], height / size[1])
        level = max(0, bisect.bisect_right(self.downsamples, downsample) - 1)
        fine = self.downsamples[level]
        rows = max(1, int(STRIP_PIXELS / max(1, width / fine) / max(1e-9, height / fine / size[1])))
        if rows >= size[1]:
            return self._read(level, x, y, width, height, size)
        parts = []
        for top in range(0, size[1], rows):
            count = min(rows, size[1] - top)
            part = height / size[1]
            parts.append(self._read(level, x, y + top * part, width, count * part, (size[0], count)))
        return np.concatenate(parts)

    def _read(
        self, level: int, x: float, y: float, width: float, height: float, size: tuple[int, int]
    ) -> NDArray[np.uint8]:
        fine = self.downsamples[level]
        x, y = x + self.origin[0], y + self.origin[1]
        # Margin for the resampling filter, so that strips join without a seam; none without scaling.
        unscaled = (width, height) == (size[0] * fine, size[1] * fine)
        unscaled = unscaled and (x / fine).is_integer() and (y / fine).is_integer()
        margins = [
            0 if unscaled else 2 + 2 * math.ceil(side / fine / out)
            for side, out in zip((width, height), size, strict=True)
        ]
        first = [math.floor(at / fine) - margin for at, margin in zip((x, y), margins, strict=True)]
        last = [
            math.ceil((at + side) / fine) + margin
            for at, side, margin in zip((x, y), (width, height), margins, strict=True)
        ]
        rgb, corner = self._pixels(level, (first[0], first[1]), (last[0], last[1]))
        if unscaled:
            return rgb
        left, top = (at / fine - start for at, start in zip((x, y), corner, strict=True))
        box = (left, top, left + width / fine, top + height / fine)
        reduced = Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
        return np.asarray(reduced)

    def _pixels(
        self, level: int, first: tuple[int, int], last: tuple[int, int]
    ) -> tuple[NDArray[np.uint8], tuple[float, float]]:
        """Pixels of a level on a white background, and the level coordinates of the first pixel."""
        if (size := (last[0] - first[0]) * (last[1] - first[1])) > MOST_PIXELS_AT_ONCE:
            raise SlideError(f"has no level from which this region is read in fewer than {size:.1e} px")
        if direct := self.tiled.get(level):
            try:
                found = direct.read(*first, *last)
            except Exception as error:
                raise SlideError(f"is damaged: {error}") from error
            return (np.asarray(self._in_srgb(Image.fromarray(found))) if self.converted else found), first
        # OpenSlide takes integer coordinates of the finest level.
        fine = self.downsamples[level]
        corner = (round(first[0] * fine), round(first[1] * fine))
        try:
            rgba = self.file.read_region(corner, level, (last[0] - first[0], last[1] - first[1]))
        except openslide.OpenSlideError as error:
            raise SlideError(f"is damaged: {error}") from None
        rgb = Image.new("RGB", rgba.size, "white")
        rgb.paste(self._in_srgb(rgba.convert("RGB")), mask=rgba.getchannel("A"))
        return np.asarray(rgb), (corner[0] / fine, corner[1] / fine)

    @functools.cached_property
    def tissue(self) -> Tissue:
        """Tissue mask: a threshold on the colour saturation, then small specks and holes are removed.

        The threshold is Otsu's (IEEE Trans Syst Man Cybern 9:62, 1979), clipped to 15–60 of 255 for slides
        that are all tissue or all glass.
        """
        longest = max(self.width, self.height)
        reduced = max(1.0, min(TISSUE_UM / self.mpp, longest / 1024), longest / 4096)
        size = (max(1, round(self.width / reduced)), max(1, round(self.height / reduced)))
        thumbnail = self.read(0, 0, self.width, self.height, size)
        saturation = cv2.medianBlur(cv2.cvtColor(thumbnail, cv2.COLOR_RGB2HSV)[..., 1], 5)
        threshold, _ = cv2.threshold(saturation, 0, 255, cv2.THRESH_OTSU)
        mask = (saturation > min(max(threshold, 15), 60)).astype(np.uint8)
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
        cleaned = cv2.morphologyEx(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, disc), cv2.MORPH_OPEN, disc)
        return Tissue(cleaned.astype(bool), thumbnail, (self.width / size[0], self.height / size[1]))

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def _opened(path: Path) -> openslide.OpenSlide:
    """The slide, opened, or a `SlideError`."""
    if problem := no_file(path):
        raise SlideError(problem)
    if path.suffix.lower() == ".mrxs" and (missing := missing_files(path)):
        named = shown(", ".join(missing[:5]) + ", …" * (len(missing) > 5))
        folder = shown(path.stem)
        raise SlideError(
            f"can't be opened: {named} not in its folder {folder}; copy the whole folder beside it"
        )
    try:
        with path.open("rb") as file:
            refuse_tiff(file, MOST_PAGES)
        return openslide.OpenSlide(path)
    except openslide.OpenSlideUnsupportedFormatError:
        raise SlideError(
            "is not a slide that OpenSlide can read; it is damaged, cut short or of another kind"
        ) from None
    except (openslide.OpenSlideError, OSError, ValueError) as error:
        raise SlideError(f"can't be opened: {error}") from None


def _colours(file: openslide.OpenSlide) -> dict[str, bytes]:
    """The slide's colour profile as in Pillow's ``info`` of an image: OpenSlide gives it with each region."""
    if "openslide.icc-size" not in file.properties:
        return {}
    region = file.read_region((0, 0), file.level_count - 1, (1, 1))
    return {key: value for key, value in region.info.items() if key == "icc_profile"}


def has_other_colours(path: Path) -> bool:
    """Whether a slide carries a colour profile other than sRGB; not if it can't be opened."""
    try:
        with _opened(path) as file:
            return other_colours(_colours(file)) is not None
    except (SlideError, openslide.OpenSlideError):  # reported when it is read
        return False
