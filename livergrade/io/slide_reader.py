"""Open a whole slide, find its tissue, and read any part of it at any resolution.

All places are in pixels of the slide at its full resolution, x to the right and y down from the upper left
corner of what was scanned. They are floats, and the pixel (0, 0) covers the square from (0, 0) to (1, 1), as
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

try:
    import openslide

    from livergrade.io.tiled_tiff import tiled_levels
except ImportError:  # an extra
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
LIKELY_UM = (0.05, 20.0)
"""Sizes of a pixel, µm, that a slide scanner may state; a TIFF's print resolution is far outside."""

STRIP_PIXELS = 16_000_000
"""Most pixels that are read at once, so that memory does not grow with the part that is asked for."""

TISSUE_UM = 8.0  # pixels of the tissue mask, as near as the slide's own levels come to it


def require() -> None:
    """Say what to install where the extra is not there.

    Raises:
        UserError: OpenSlide or shapely is missing.
    """
    if openslide is None or importlib.util.find_spec("shapely") is None:
        raise UserError('slides need OpenSlide and shapely: pip install "livergrade[slides]"')


class SlideError(Exception):
    """This file can't be read as a slide; the message says why."""


@dataclass(frozen=True)
class Tissue:
    """Where on a slide there is tissue.

    Attributes:
        mask: ``bool [height, width]``.
        thumbnail: ``uint8 [height, width, 3]``, the same part of the slide.
        scale: pixels of the slide for each of the mask, along x and y.
    """

    mask: NDArray[np.bool_]
    thumbnail: NDArray[np.uint8]
    scale: tuple[float, float]

    def share(self, x: NDArray[np.float64], y: NDArray[np.float64], side: float) -> NDArray[np.float64]:
        """How much of each square is tissue, 0 to 1; what lies beyond the slide is none.

        Args:
            x: left sides, pixels of the slide.
            y: upper sides.
            side: of every square.
        """
        height, width = self.mask.shape
        sums = cv2.integral(self.mask.astype(np.uint8)).astype(np.float64)
        left, right = (np.clip(at / self.scale[0], 0, width).round().astype(int) for at in (x, x + side))
        top, bottom = (np.clip(at / self.scale[1], 0, height).round().astype(int) for at in (y, y + side))
        inside = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
        covered: NDArray[np.float64] = np.minimum(1.0, inside * self.scale[0] * self.scale[1] / side**2)
        return covered


class Slide:
    """One slide, through OpenSlide.

    Args:
        path: the file.
        mpp: size of a pixel at full resolution, µm, for a slide that does not say; what one says counts.

    Raises:
        SlideError: it is no slide, or says no likely size of its pixels and none is given.
    """

    def __init__(self, path: Path, mpp: float | None = None) -> None:
        require()
        self.path = path
        if not path.is_file():
            raise SlideError("does not exist")
        try:
            self.file = openslide.OpenSlide(path)
        except openslide.OpenSlideUnsupportedFormatError:
            raise SlideError(
                "is no slide that OpenSlide can read (a plain picture is graded as an image)"
            ) from None
        except openslide.OpenSlideError as error:
            raise SlideError(f"can't be opened: {error}") from None
        vendor = self.file.properties["openslide.vendor"]
        self.tiled = tiled_levels(path, vendor, self.file.level_dimensions)
        self.downsamples = (
            self.file.level_downsamples
        )  # asked of the library each time, it costs a tile's time
        properties = self.file.properties
        self.origin = tuple(int(properties.get(f"openslide.bounds-{axis}", 0)) for axis in "xy")
        width, height = self.file.dimensions
        self.width = int(properties.get("openslide.bounds-width", width))
        self.height = int(properties.get("openslide.bounds-height", height))
        stated = [float(properties.get(f"openslide.mpp-{axis}", "nan")) for axis in "xy"]
        likely = all(LIKELY_UM[0] <= size <= LIKELY_UM[1] for size in stated)
        if not likely and mpp is None:
            says = (
                "does not say the size of its pixels"
                if math.isnan(stated[0])
                else (f"says that a pixel is {stated[0]:g} µm, which no microscope's is")
            )
            raise SlideError(f"{says}; give slide_mpp=<µm>, or the column mpp of a slide table")
        self.mpp = float(np.mean(stated)) if likely else float(mpp or 0)

    def read(
        self, x: float, y: float, width: float, height: float, size: tuple[int, int]
    ) -> NDArray[np.uint8]:
        """A part of the slide, reduced with an antialiasing filter from the nearest finer level.

        What lies beyond the slide, or was not scanned, is white.

        Args:
            x: left side, pixels of the slide.
            y: upper side.
            width: pixels of the slide.
            height: pixels of the slide.
            size: width and height of the result.

        Returns:
            ``uint8 [size[1], size[0], 3]``, RGB.

        Raises:
            SlideError: the file is damaged there.
        """
        wanted = 1.001 * min(width / size[0], height / size[1])
        level = max(0, bisect.bisect_right(self.downsamples, wanted) - 1)
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
        # Enough around it for the filter, so that parts fit without a seam; none for pixels as they are.
        as_they_are = (width, height) == (size[0] * fine, size[1] * fine)
        as_they_are = as_they_are and (x / fine).is_integer() and (y / fine).is_integer()
        around = [
            0 if as_they_are else 2 + 2 * math.ceil(side / fine / out)
            for side, out in zip((width, height), size, strict=True)
        ]
        first = [math.floor(at / fine) - more for at, more in zip((x, y), around, strict=True)]
        last = [
            math.ceil((at + side) / fine) + more
            for at, side, more in zip((x, y), (width, height), around, strict=True)
        ]
        rgb, corner = self._pixels(level, (first[0], first[1]), (last[0], last[1]))
        if as_they_are:
            return rgb
        left, top = (at / fine - start for at, start in zip((x, y), corner, strict=True))
        box = (left, top, left + width / fine, top + height / fine)
        reduced = Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC, box=box, reducing_gap=3.0)
        return np.asarray(reduced)

    def _pixels(
        self, level: int, first: tuple[int, int], last: tuple[int, int]
    ) -> tuple[NDArray[np.uint8], tuple[float, float]]:
        """Pixels of a level, on white, and which pixel of the level the first one is."""
        if direct := self.tiled.get(level):
            try:
                return direct.read(*first, *last), first
            except Exception as error:
                raise SlideError(f"is damaged: {error}") from error
        # OpenSlide counts in whole pixels of the finest level.
        fine = self.downsamples[level]
        corner = (round(first[0] * fine), round(first[1] * fine))
        try:
            shown = self.file.read_region(corner, level, (last[0] - first[0], last[1] - first[1]))
        except openslide.OpenSlideError as error:
            raise SlideError(f"is damaged: {error}") from None
        rgb = Image.new("RGB", shown.size, "white")
        rgb.paste(shown, mask=shown.getchannel("A"))
        return np.asarray(rgb), (corner[0] / fine, corner[1] / fine)

    @functools.cached_property
    def tissue(self) -> Tissue:
        """Where there is tissue: coloured, by a threshold of the saturation, without specks and pinholes.

        The threshold is Otsu's (IEEE Trans Syst Man Cybern 9:62, 1979), held between 15 and 60 of 255, for a
        slide that is all tissue or all glass.
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


def is_slide(path: Path) -> bool:
    """Whether OpenSlide knows the file, or its name can only be a slide's."""
    if path.suffix.lower() not in SUFFIXES:
        return False
    plain = path.suffix.lower() in (".tif", ".tiff")
    known = openslide is not None and path.is_file() and openslide.OpenSlide.detect_format(path) is not None
    return known or not plain
