"""Propose regions on a slide: the tissue areas with the most nuclei."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image

from livergrade.config.schema import PrepareConfig
from livergrade.io.file_names import file_name
from livergrade.io.files import atomic_write
from livergrade.io.slide_reader import Slide, SlideError
from livergrade.slides.contact_sheet import draw_regions
from livergrade.slides.inputs import each_slide
from livergrade.slides.regions import Region, write_regions

# Optical density of haematoxylin, eosin and the residual in red, green and blue
# (Ruifrok & Johnston, Anal Quant Cytol Histol 23:291, 2001).
STAINS = np.array([[0.650, 0.704, 0.286], [0.072, 0.990, 0.105], [0.268, 0.570, 0.776]])


def propose(slides: Sequence[Path], config: PrepareConfig, out: Path) -> list[str]:
    """Write ``regions/<slide>.geojson`` and an overview image of each: the areas with the most nuclei.

    Returns:
        One line for each failed slide.
    """
    (out / "regions").mkdir(parents=True, exist_ok=True)

    def propose_for_slide(path: Path) -> None:
        target = out / "regions" / f"{file_name(path.stem)}.geojson"
        if target.is_file():
            return  # a user may have edited the regions
        slide = Slide(path, config.slide_mpp)
        regions = find_regions(slide, config)
        if not regions:
            raise SlideError("has no tissue to propose a region in")
        overview = draw_regions(slide.tissue, regions)
        with atomic_write(target.with_suffix(".png")) as part:
            Image.fromarray(overview).save(part, format="PNG")
        write_regions(regions, target)
        slide.close()

    return each_slide(slides, propose_for_slide, "proposing")


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
        regions.append(Region(f"R{number:02d}", "proposed", outline))
    return regions


def haematoxylin(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Haematoxylin per pixel by colour deconvolution, optical density ≥ 0, ``float32 [height, width]``."""
    density = -np.log10(np.maximum(image, 1).astype(np.float32) / 255)
    unit = STAINS / np.linalg.norm(STAINS, axis=1, keepdims=True)
    amount: NDArray[np.float32] = np.maximum(density @ np.linalg.inv(unit)[:, 0].astype(np.float32), 0)
    return amount
