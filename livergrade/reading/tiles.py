"""Slides as a browser shows them: square tiles at every power of two, as Deep Zoom has them."""

from __future__ import annotations

import io
import math
import os
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from livergrade.io.kept import FileState, file_state
from livergrade.io.pixel_reading import PixelReading
from livergrade.io.regular_files import is_regular
from livergrade.io.slide_files import files_of, slide_sha256
from livergrade.io.slide_reader import Slide, SlideError
from livergrade.reading.pictures import SMALL, small_jpeg
from livergrade.reading.store import RefusedError

TILE, OVERLAP = 254, 1
"""Sides of a tile without its overlap, and the overlap with each neighbour, pixels; those of OpenSlide."""
MOST_OPEN = 8
"""Slides that are open at once."""
QUALITY = 90
"""Of the JPEG that a tile is sent as."""


@dataclass(frozen=True)
class _Open:
    slide: Slide
    lock: threading.Lock = field(default_factory=threading.Lock)  # its file is read at one place at a time


class Tiles:
    """The slides of a review.

    Args:
        root: folder of the slides.
        images: cells of each: ``image``, ``sha256`` and ``mpp``.
        reading: how they are read.
    """

    def __init__(self, root: Path, images: Sequence[Mapping[str, str]], reading: PixelReading) -> None:
        self._root, self._images, self._reading = root, images, reading
        self._states: dict[int, list[FileState | None]] = {}  # of the files that were hashed
        self._watched: dict[int, dict[Path, FileState | None]] = {}  # these files and their folders
        self._open: OrderedDict[int, _Open] = OrderedDict()
        self._lock = threading.Lock()
        self.threads = ThreadPoolExecutor(min(8, os.cpu_count() or 1), thread_name_prefix="tiles")

    def size(self, number: int) -> dict[str, int]:
        """Sides of a slide and its tiles, pixels, and the number of its finest level.

        Raises:
            RefusedError: the slide is missing, damaged, or another one than when the review was begun.
        """
        slide = self._opened(number).slide
        return {
            "width": slide.width,
            "height": slide.height,
            "tileSize": TILE,
            "tileOverlap": OVERLAP,
            "minLevel": 0,
            "maxLevel": _finest(slide),
        }

    def tile(self, number: int, level: int, column: int, row: int) -> bytes:
        """A tile as JPEG.

        Args:
            number: of the slide.
            level: 0 is one pixel; each further level is twice as fine.
            column: from 0.
            row: from 0.

        Raises:
            RefusedError: there is no such tile, or as in :meth:`size`.
        """
        opened = self._opened(number)
        slide = opened.slide
        if level > _finest(slide):
            raise RefusedError("there is no such tile")
        scale = 2 ** (_finest(slide) - level)
        across = _span(column, math.ceil(slide.width / scale))
        down = _span(row, math.ceil(slide.height / scale))
        size = (across[1] - across[0], down[1] - down[0])
        if min(size) <= 0:
            raise RefusedError("there is no such tile")
        try:
            with opened.lock:
                pixels = slide.read(
                    across[0] * scale, down[0] * scale, size[0] * scale, size[1] * scale, size
                )
        except SlideError:
            raise self._failed(number) from None
        content = io.BytesIO()
        Image.fromarray(pixels).save(content, "JPEG", quality=QUALITY, subsampling=0)
        return content.getvalue()

    def small(self, number: int) -> bytes:
        """The whole slide as a small JPEG for the contact sheet.

        Raises:
            RefusedError: as in :meth:`size`.
        """
        opened = self._opened(number)
        slide = opened.slide
        scale = max(1, max(slide.width, slide.height) / SMALL)
        size = (max(1, round(slide.width / scale)), max(1, round(slide.height / scale)))
        try:
            with opened.lock:
                pixels = slide.read(0, 0, slide.width, slide.height, size)
        except SlideError:
            raise self._failed(number) from None
        return small_jpeg(Image.fromarray(pixels))

    def _failed(self, number: int) -> RefusedError:
        """Why there is no picture; the slide is opened again the next time, as one that failed fails on."""
        with self._lock:
            self._open.pop(number, None)
        return RefusedError("this slide can't be read; tell who runs the review")

    def _opened(self, number: int) -> _Open:
        """The slide, if its files are those of the review's beginning; hashed once, and if one changes."""
        cells = self._images[number]
        path = self._root / cells["image"]
        if not is_regular(path):
            raise RefusedError("the file of this slide is no longer there; tell who runs the review")
        try:
            self._require_unchanged(number, path)
            with self._lock:
                found = self._open.pop(number, None) or _Open(
                    Slide(path, float(cells["mpp"]), self._reading.icc)
                )
                self._open[number] = found  # the last is the one that was used last
                while len(self._open) > MOST_OPEN:
                    self._open.popitem(last=False)  # closed once nobody reads it
        except (SlideError, OSError):
            raise RefusedError("this slide can't be read; tell who runs the review") from None
        return found

    def _require_unchanged(self, number: int, path: Path) -> None:
        """Refuse a slide whose files are others; they are listed again only if a file or a folder changed.

        To list those of a DICOM slide is to read the head of each file in its folder, and each tile asks.
        """
        watched = self._watched.get(number)
        if watched and watched == {each: file_state(each) for each in watched}:
            return
        files = files_of(path)
        watched = {each: file_state(each) for file in files for each in (file, file.parent)}
        state = [watched[file] for file in files]
        if self._states.get(number) != state and slide_sha256(path) != self._images[number]["sha256"]:
            raise RefusedError("a file of this slide was changed since the review began; tell who runs it")
        with self._lock:
            self._states[number], self._watched[number] = state, watched


def _finest(slide: Slide) -> int:
    return math.ceil(math.log2(max(slide.width, slide.height)))


def _span(number: int, side: int) -> tuple[int, int]:
    """First pixel of a tile and the one after its last, along one side of a level."""
    return max(0, number * TILE - OVERLAP), min(side, (number + 1) * TILE + OVERLAP)
