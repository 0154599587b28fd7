"""Count the images of a cohort that carry another colour profile than sRGB, and say what is done with it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from livergrade.io.colour import other_colours
from livergrade.io.images import ImageError, read_header
from livergrade.io.memory import reading_threads

log = logging.getLogger(__name__)

NONE = "all images are sRGB or carry no colour profile"


def count_other_colours(paths: Sequence[Path]) -> int:
    """Number of images whose colours are, by their profile, gAMA or cHRM, other than sRGB's."""

    def is_other(path: Path) -> bool:
        try:
            return other_colours(read_header(path).colours) is not None
        except ImageError:  # reported when it is decoded
            return False

    with reading_threads() as pool:
        return sum(pool.map(is_other, paths))


def check_colours(paths: Sequence[Path], icc: str) -> tuple[bool, str, str, str]:
    """Look for images with colours other than sRGB's.

    Args:
        paths: the images.
        icc: ``data.icc`` of the run.

    Returns:
        Whether there is a problem, what was looked at, what was found, and what to do.
    """
    what = "colour profiles"
    if not (count := count_other_colours(paths)):
        return False, what, NONE, ""
    found = f"{count} of {len(paths)} images carry a profile other than sRGB"
    if icc == "apply":
        return False, what, f"{found}; they are converted to sRGB (data.icc=apply)", ""
    fix = "it is not applied, and their colours are read as sRGB; train with data.icc=apply to convert them"
    return True, what, found, fix


def log_slide_colours(slides: Sequence[Path], icc: str, option: str) -> None:
    """Say once of slides that their colour profiles other than sRGB are not applied, if any has one.

    Args:
        slides: the slides.
        icc: what is done with them.
        option: how they would be applied.
    """
    from livergrade.io.slide_reader import has_other_colours

    if icc == "ignore" and (count := sum(map(has_other_colours, slides))):
        log.warning(
            "colour profiles: %d of %d slides carry a profile other than sRGB; it is not applied, and "
            "their colours are read as sRGB; %s to convert them",
            count,
            len(slides),
            option,
        )


def log_colours(paths: Sequence[Path], icc: str) -> None:
    """Say once of a cohort, or of images to grade, what is done with their colour profiles, if any."""
    problem, what, message, fix = check_colours(paths, icc)
    if problem:
        log.warning("%s: %s; %s", what, message, fix)
    elif icc == "apply" and message != NONE:
        log.info("%s: %s", what, message)
