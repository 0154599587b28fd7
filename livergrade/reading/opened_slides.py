"""Open the slides that are to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from livergrade.io.bars import bar as progress_bar
from livergrade.io.pixel_size import read_mpp
from livergrade.io.regular_files import is_regular
from livergrade.io.slide_reader import SUFFIXES, Slide, SlideError, require


def slide_name(root: Path, name: str) -> str:
    """A slide's name with its suffix, which a table may leave out where one file alone can be meant."""
    if not name or name.lower().endswith(SUFFIXES):
        return name
    found = [name + suffix for suffix in SUFFIXES if is_regular(root / (name + suffix))]
    return found[0] if len(found) == 1 else name


def opened_slides(
    files: Mapping[int, Path], sizes: Sequence[str], icc: str
) -> tuple[dict[int, str], list[str]]:
    """Open each slide.

    Args:
        files: row → file.
        sizes: by row the size of a pixel in the table, µm; blank: what the slide says.
        icc: what is done with a colour profile.

    Returns:
        Row → reason, of each that can't be read; and by row the size of a pixel, µm.

    Raises:
        UserError: OpenSlide is not installed.
    """
    require()
    damaged, found = dict[int, str](), list(sizes)
    for row, path in progress_bar(files.items(), "opening", len(files), unit="slide"):
        try:
            slide = Slide(path, read_mpp(sizes[row]), icc)
        except ValueError:  # the table's size of a pixel, which is told with the table
            continue
        except SlideError as error:
            damaged[row] = str(error).replace(
                "slide_mpp=<µm>, or the column mpp of a slide table", "the column mpp"
            )
            continue
        found[row] = f"{slide.mpp:.9g}"
        slide.close()
    return damaged, found
