"""Propose regions on a slide: where its tissue has most nuclei."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image

from livergrade.config.schema import PrepareConfig
from livergrade.io.files import atomic_write
from livergrade.io.slide_reader import Slide, SlideError
from livergrade.slides.contact_sheet import outlined
from livergrade.slides.inputs import each_slide
from livergrade.slides.regions import Region, write_regions

# Optical density of haematoxylin and eosin in red, green and blue, and of what is neither
# (Ruifrok & Johnston, Anal Quant Cytol Histol 23:291, 2001).
STAINS = np.array([[0.650, 0.704, 0.286], [0.072, 0.990, 0.105], [0.268, 0.570, 0.776]])


def propose(slides: Sequence[Path], config: PrepareConfig, out: Path) -> list[str]:
    """Write ``regions/<slide>.geojson`` and a picture of each: where the tissue has most nuclei.

    Returns:
        A line for each slide that failed.
    """
    (out / "regions").mkdir(parents=True, exist_ok=True)

    def one(path: Path) -> None:
        target = out / "regions" / f"{path.stem}.geojson"
        if target.is_file():
            return  # a person may have moved them
        slide = Slide(path, config.slide_mpp)
        regions = proposed(slide, config)
        if not regions:
            raise SlideError("has no tissue to propose a region in")
        picture = outlined(slide.tissue, regions)
        with atomic_write(target.with_suffix(".png")) as part:
            Image.fromarray(picture).save(part, format="PNG")
        write_regions(regions, target)
        slide.close()

    return each_slide(slides, one, "proposing")


def proposed(slide: Slide, config: PrepareConfig) -> list[Region]:
    """Regions of a grid's size with the most haematoxylin within tissue; none overlaps an earlier one."""
    tissue = slide.tissue
    factor = config.mpp / slide.mpp
    size = (
        min(slide.width, config.width * config.columns * factor),
        min(slide.height, config.height * config.rows * factor),
    )
    stain = haematoxylin(tissue.thumbnail) * tissue.mask
    box = [max(1, round(side / scale)) for side, scale in zip(size, tissue.scale, strict=True)]
    sums = cv2.integral(stain)
    dense = (
        sums[box[1] :, box[0] :]
        - sums[: -box[1], box[0] :]
        - sums[box[1] :, : -box[0]]
        + sums[: -box[1], : -box[0]]
    )
    regions: list[Region] = []
    for number in range(1, config.proposals + 1):
        row, column = np.unravel_index(int(dense.argmax()), dense.shape)
        if dense[row, column] <= 0:
            break
        dense[max(0, row - box[1] + 1) : row + box[1], max(0, column - box[0] + 1) : column + box[0]] = 0
        left = min(column * tissue.scale[0], slide.width - size[0])
        top = min(row * tissue.scale[1], slide.height - size[1])
        outline = shapely.box(left, top, left + size[0], top + size[1])
        regions.append(Region(f"R{number:02d}", "proposed", outline))
    return regions


def haematoxylin(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How much haematoxylin each pixel holds, optical density, ``float32 [height, width]``, not below 0."""
    density = -np.log10(np.maximum(image, 1).astype(np.float32) / 255)
    unit = STAINS / np.linalg.norm(STAINS, axis=1, keepdims=True)
    amount: NDArray[np.float32] = np.maximum(density @ np.linalg.inv(unit)[:, 0].astype(np.float32), 0)
    return amount
