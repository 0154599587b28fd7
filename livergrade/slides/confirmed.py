"""Regions that were only proposed are not cut before a person has looked at them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from livergrade.config.schema import PrepareConfig
from livergrade.errors import UserError
from livergrade.io.kept import Kept
from livergrade.io.slide_reader import SlideError
from livergrade.io.visible import one_line
from livergrade.slides.region_files import region_file
from livergrade.slides.region_grades import PROPOSED
from livergrade.slides.regions import read_regions

log = logging.getLogger(__name__)

_NAMED = 3


def proposals_of(config: PrepareConfig) -> Kept | None:
    """The record of the proposals, if the regions lie where livergrade proposed them."""
    marked = Path(config.regions or "").resolve()
    return Kept(marked.parent / "kept.json") if marked.name == "regions" else None


def require_confirmed(slides: Sequence[Path], config: PrepareConfig) -> None:
    """Refuse slides whose regions were not confirmed, unless ``confirmed`` says that they are right.

    Where the regions were proposed, a file that was written since is one that a person looked at. In another
    folder the class is what tells: ``proposed``.

    Raises:
        UserError: there are any; the line says how to look at them, and what to type then.
    """
    assert config.regions
    proposals = proposals_of(config)
    found = {slide: file for slide in slides if (file := _only_proposed(slide, config, proposals))}
    if not found:
        return
    count = f"regions of {len(found)} of {len(slides)} slides"
    if config.confirmed:
        log.info("%s are cut as they were proposed, as confirmed=true says", count)
        return
    named = ", ".join(one_line(slide.stem) for slide in list(found)[:_NAMED])
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    file = next(iter(found.values()))
    picture = file.with_suffix(".png")
    look = f"look at {one_line(picture)}, or drag" if picture.is_file() else "drag"
    raise UserError(
        f"regions={config.regions}: {count} were only proposed, and not confirmed "
        f"({named}{more}); {look} {one_line(file)} onto its slide in QuPath. Where a region is wrong, move "
        f"it or draw another without the class {PROPOSED!r}, and export. If the regions are right, type the "
        "same command with confirmed=true"
    )


def _only_proposed(slide: Path, config: PrepareConfig, proposals: Kept | None) -> Path | None:
    """The file of a slide's regions if they were not confirmed; what can't be read is reported by cutting."""
    try:
        file = region_file(Path(config.regions or ""), slide, outside=config.data.outside)
        name = f"regions/{file.name}"
        if proposals and (made_from := proposals.made_from(name)) is not None:
            return None if proposals.find(name, made_from) is None else file
        kinds = {region.kind for region in read_regions(file).regions}
    except (SlideError, UserError):
        return None
    return file if PROPOSED in kinds else None
