"""Propose regions on a slide: the tissue areas with the most nuclei."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from PIL import Image

from livergrade import __version__
from livergrade.config.schema import PrepareConfig
from livergrade.io.file_names import file_name
from livergrade.io.files import atomic_write
from livergrade.io.kept import Kept
from livergrade.io.slide_files import slide_identity
from livergrade.io.slide_reader import Slide, SlideError
from livergrade.runs.same_options import other_options
from livergrade.slides.contact_sheet import draw_regions
from livergrade.slides.inputs import each_slide, stated_mpp
from livergrade.slides.proposed_at import ProposedAt
from livergrade.slides.region_grades import PROPOSED
from livergrade.slides.regions import Region, write_regions

log = logging.getLogger(__name__)

SHAPE = ("slide_mpp", "mpp", "width", "height", "rows", "columns", "proposals")
"""Options that a proposal depends on."""

# Optical density of haematoxylin, eosin and the residual in red, green and blue
# (Ruifrok & Johnston, Anal Quant Cytol Histol 23:291, 2001).
STAINS = np.array([[0.650, 0.704, 0.286], [0.072, 0.990, 0.105], [0.268, 0.570, 0.776]])


def propose(
    slides: Sequence[Path], config: PrepareConfig, out: Path, table: pd.DataFrame | None = None
) -> list[str]:
    """Write ``regions/<slide>.geojson`` and an overview image of each: the areas with the most nuclei.

    A proposal of an earlier start is made again if it was made from another slide or by other options. A file
    that was edited since is never written over.

    Args:
        slides: slide files.
        config: all options.
        out: output folder.
        table: slide table, as read by ``read_table``: of it the pixel sizes are used.

    Returns:
        One line for each failed slide.
    """
    (out / "regions").mkdir(parents=True, exist_ok=True)
    kept = Kept(out / "kept.json")

    def propose_for_slide(path: Path) -> None:
        target = out / "regions" / f"{file_name(path.stem)}.geojson"
        made_from: dict[str, Any] = {"slide": slide_identity(path), "livergrade": __version__}
        made_from |= {key: getattr(config, key) for key in SHAPE}
        made_from["slide_mpp"] = stated_mpp(path, table, config)
        slide = Slide(path, made_from["slide_mpp"])
        made_from["quickhash"] = quickhash(slide)
        if _stays(target, made_from, kept):
            return
        regions = find_regions(slide, config)
        if not regions:
            raise SlideError("has no tissue to propose a region in")
        overview = draw_regions(slide, regions)
        with atomic_write(target.with_suffix(".png")) as part:
            Image.fromarray(overview).save(part, format="PNG")
        write_regions(regions, target)
        kept.add(_name(target), made_from, files=[target])
        kept.save()
        slide.close()

    return each_slide(slides, propose_for_slide, "proposing")


def _stays(target: Path, made_from: dict[str, Any], kept: Kept) -> bool:
    """Whether the file of a slide's regions stays; if not, none is there any more.

    Raises:
        SlideError: it was edited, and would be another now.
    """
    if not target.is_file():
        return False
    before = kept.made_from(_name(target))
    if before is None:
        log.warning("%s: is not changed; it is not known what it was made from", target)
        return True
    edited = kept.find(_name(target), before) is None
    if before == made_from:
        if edited:
            log.info("%s: was edited and is not changed", target)
        return edited or target.with_suffix(".png").is_file()
    if edited:
        raise SlideError(
            f"has regions in {target} that were edited, and that were proposed from something else "
            f"({'; '.join(other_options(before, made_from))}); move that file away for a new proposal"
        )
    target.unlink()
    kept.remove(_name(target))
    kept.save()
    return False


def refuse_regions_of_another(
    slide: Slide, kept: Kept, target: Path, made_from: list[dict[str, Any]]
) -> None:
    """Refuse to cut a slide at regions that were proposed on another file of its name.

    Args:
        slide: the slide.
        kept: record of the folder in which ``target`` was proposed.
        target: the file of the regions, edited or not.
        made_from: identity of the slide.

    Raises:
        SlideError: it is neither the same file nor one with the same pixels at the lowest resolution.
    """
    before = kept.made_from(_name(target))
    if before is None or before.get("slide") == made_from:
        return
    if before.get("quickhash") is None or before["quickhash"] != quickhash(slide):
        (line,) = other_options(before, {"slide": made_from})
        raise SlideError(
            f"is not what the regions in {target} were proposed on ({line}); propose them again, or, if they "
            "fit, copy that file into another folder and give it as regions=<folder>"
        )


def _name(target: Path) -> str:
    return f"regions/{target.name}"


def quickhash(slide: Slide) -> str | None:
    """OpenSlide's hash of a slide's properties and its lowest resolution; None if its format has none."""
    stated: str | None = slide.file.properties.get("openslide.quickhash-1")
    return stated


def find_regions(slide: Slide, config: PrepareConfig) -> list[Region]:
    """Find non-overlapping regions of the size of the image grid with the most haematoxylin in tissue."""
    tissue = slide.tissue
    factor = config.mpp / slide.mpp
    size = (
        min(slide.width, config.width * config.columns * factor),
        min(slide.height, config.height * config.rows * factor),
    )
    stain = haematoxylin(tissue.thumbnail) * tissue.mask
    box = [max(1, round(side / scale)) for side, scale in zip(size, tissue.scale, strict=True)]
    sums = cv2.integral(stain)
    density = (
        sums[box[1] :, box[0] :]
        - sums[: -box[1], box[0] :]
        - sums[box[1] :, : -box[0]]
        + sums[: -box[1], : -box[0]]
    )
    regions: list[Region] = []
    for number in range(1, config.proposals + 1):
        row, column = np.unravel_index(int(density.argmax()), density.shape)
        if density[row, column] <= 0:
            break
        density[max(0, row - box[1] + 1) : row + box[1], max(0, column - box[0] + 1) : column + box[0]] = 0
        left = min(column * tissue.scale[0], slide.width - size[0])
        top = min(row * tissue.scale[1], slide.height - size[1])
        outline = shapely.box(left, top, left + size[0], top + size[1])
        name, sizes = f"R{number:02d}", ProposedAt(config.mpp, slide.mpp)
        regions.append(Region(name, PROPOSED, outline, label=name, proposed_at=sizes))
    return regions


def haematoxylin(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Haematoxylin per pixel by colour deconvolution, optical density ≥ 0, ``float32 [height, width]``."""
    density = -np.log10(np.maximum(image, 1).astype(np.float32) / 255)
    unit = STAINS / np.linalg.norm(STAINS, axis=1, keepdims=True)
    amount: NDArray[np.float32] = np.maximum(density @ np.linalg.inv(unit)[:, 0].astype(np.float32), 0)
    return amount
