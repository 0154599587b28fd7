"""What a file is when no table says it: an image or a slide, by its content."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from livergrade.io.dicom import is_dicom
from livergrade.io.headers import refuse_tiff
from livergrade.io.images import MOST_BYTES, MOST_PIXELS, ImageError, ignore_decoder_warnings, read_header
from livergrade.io.regular_files import no_file
from livergrade.io.slide_reader import MOST_PAGES, SUFFIXES
from livergrade.io.tiff_pixels import is_tiff

try:
    import openslide
except ImportError:  # optional dependency
    openslide = None  # type: ignore[assignment]

_OPENSLIDE = openslide is not None
IMAGE, SLIDE, EITHER = "image", "slide", "image or slide"
ASK_WHICH = "may be an image or a slide; name it in a table, in the column image or slide"
"""Reason for a refusal, after the name of a file of kind :data:`EITHER`."""

_TIFF_SUFFIXES = (".tif", ".tiff")
_TILE_WIDTH, _SUB_DIRECTORIES = 322, 330  # tags of a TIFF


def file_kind(path: Path) -> str:
    """Return :data:`IMAGE`, :data:`SLIDE`, or :data:`EITHER` if the content fits both.

    A slide is DICOM, a file of a suffix that only slides have, and a TIFF that OpenSlide reads and that has
    several levels, is from a scanner, or has more pixels than an image may have. A TIFF of a scanner that has
    one level alone and can be read as an image, and one whose levels are in its subdirectories, is either.
    Any other file is an image, which reading refuses with the reason if it is none.
    """
    if path.suffix.lower() in SUFFIXES and path.suffix.lower() not in _TIFF_SUFFIXES:
        return SLIDE
    if no_file(path):
        return IMAGE
    try:
        with path.open("rb") as file:
            tiff = is_tiff(file)
            refuse_tiff(file, MOST_PAGES)
        if not tiff:
            return SLIDE if is_dicom(path) else IMAGE
        return _of_tiff(path)
    except (OSError, ValueError):  # read as an image, it is refused with the reason
        return IMAGE


def is_image_alone(path: Path) -> bool:
    """Whether a file can be read as an image and not as a slide. OpenSlide reads many an image, too."""
    return file_kind(path) == IMAGE and not _vendor(path) and _opens_as_image(path)


def of_image_column(path: Path) -> str:
    """The kind of a file that the column ``image`` of a table names: an image, if it can be read as one."""
    return SLIDE if file_kind(path) == SLIDE and not _opens_as_image(path) else IMAGE


def _of_tiff(path: Path) -> str:
    vendor, tags, pages = _vendor(path), dict[int, object](), 1
    ignore_decoder_warnings()
    try:
        with Image.open(path, formats=("TIFF",)) as image:
            tags = dict.fromkeys(image.tag_v2, True)  # type: ignore[attr-defined] # of its TIFF class
            pages += getattr(image, "is_animated", False)
    except Exception:  # noqa: S110 - a hostile header raises many types; OpenSlide may read the file
        pass
    if not _OPENSLIDE and pages > 1 and _TILE_WIDTH in tags:
        return SLIDE  # which says what to install
    if not vendor:
        return IMAGE
    try:
        with openslide.OpenSlide(path) as slide:
            levels, (width, height) = slide.level_count, slide.dimensions
    except openslide.OpenSlideError:
        return IMAGE if _opens_as_image(path) else SLIDE
    if levels > 1 or width * height > MOST_PIXELS or path.stat().st_size > MOST_BYTES:
        return SLIDE
    if vendor == "generic-tiff" and _SUB_DIRECTORIES not in tags:
        return IMAGE
    return EITHER if _opens_as_image(path) else SLIDE


def _vendor(path: Path) -> str:
    """OpenSlide's name of the maker; empty for a file that it can't read."""
    if not _OPENSLIDE or no_file(path):
        return ""
    try:
        return openslide.OpenSlide.detect_format(path) or ""
    except (openslide.OpenSlideError, OSError, ValueError):
        return ""


def _opens_as_image(path: Path) -> bool:
    try:
        read_header(path)
    except ImageError:
        return False
    return True
