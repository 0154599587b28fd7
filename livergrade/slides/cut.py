"""Cut images from the regions marked on slides, as in the paper, with a manifest and contact sheets."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import shapely
from PIL import Image

from livergrade.config.schema import PrepareConfig
from livergrade.data.quality import Limits, measure, reasons
from livergrade.io.file_names import file_name
from livergrade.io.files import atomic_write
from livergrade.io.images import read_rgb
from livergrade.io.inside import Inside, OutsideError
from livergrade.io.run_tables import read_run_table
from livergrade.io.slide_reader import Slide, SlideError
from livergrade.io.tables import write_table
from livergrade.reports.html import write_page
from livergrade.slides.contact_sheet import draw_regions, write_contact
from livergrade.slides.inputs import each_slide, read_exclusions
from livergrade.slides.regions import Region, grid, read_regions

log = logging.getLogger(__name__)


def cut(slides: Sequence[Path], table: pd.DataFrame, config: PrepareConfig, out: Path) -> list[str]:
    """Write the images of all regions, then the manifest and the rejected images with reasons.

    Images of an earlier start are reused if they would not change.

    Returns:
        One line for each failed slide.

    Raises:
        UserError: no image is accepted.
    """
    assert config.regions
    for folder in ("images", "contact"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    before = _earlier_rows(out / "images.csv")
    rows: list[dict[str, Any]] = []
    excluded = read_exclusions(config.exclude)
    marked = Inside(Path(config.regions), outside=config.data.outside)

    def cut_slide(path: Path) -> None:
        assert config.regions
        try:
            region_file = marked.path(f"{path.stem}.geojson")
        except OutsideError as error:
            raise SlideError(f"has no regions: {path.stem}.geojson {error}") from None
        if not region_file.is_file():
            raise SlideError(f"has no regions ({region_file} is missing)")
        attributes = {str(key): str(value) for key, value in table.loc[path.stem].items()}
        slide = Slide(path, float(attributes["mpp"]) if attributes.get("mpp") else config.slide_mpp)
        regions = [
            region for region in read_regions(region_file) if not region.kind.lower().startswith("ignore")
        ]
        if not regions:
            raise SlideError(f"has no region marked in {region_file}")
        images = [
            row for region in regions for row in _images(slide, region, attributes, config, out, before)
        ]
        for row in images:
            if row["image"] in excluded or Path(row["image"]).name in excluded:
                row["rejected"] = "; ".join(filter(None, [row["rejected"], "excluded by hand"]))
        rows.extend(images)
        write_contact(images, out, file_name(path.stem), draw_regions(slide.tissue, regions))
        slide.close()

    failed = each_slide(slides, cut_slide, "cutting")
    _write(pd.DataFrame(rows), table, out)
    return failed


def _images(
    slide: Slide,
    region: Region,
    attributes: dict[str, str],
    config: PrepareConfig,
    out: Path,
    earlier_rows: dict[str, dict[str, Any]],
) -> list[dict[str, Any]]:
    """Cut the images of one region, measure their quality and mark rejected ones."""
    grade = region.kind if region.kind in config.classes else attributes["grade"]
    if not grade:
        raise SlideError(
            f"has no grade: neither the table nor region {region.name} ({region.kind!r}) says one"
        )
    factor = config.mpp / slide.mpp
    width, height = config.width * factor, config.height * factor
    limits = Limits(config.min_tissue, config.min_focus, config.max_pen, config.max_fold, config.max_burnt)
    rows = []
    for number, (x, y) in enumerate(
        zip(*grid(region, width, height, config.rows, config.columns), strict=True), 1
    ):
        name = f"images/{file_name(slide.path.stem)}_{region.name}_{number}.png"
        position = {"x": round(x, 2), "y": round(y, 2), "width": round(width, 2), "height": round(height, 2)}
        row: dict[str, Any] = {
            "image": name,
            "slide": slide.path.stem,
            "region": region.name,
            "patient": attributes["patient"],
        }
        row |= {"grade": grade, **position, "mpp": config.mpp}
        inside = shapely.box(x, y, x + width, y + height).intersection(region.outline).area / (width * height)
        earlier, file = earlier_rows.get(name), out / name
        if (
            earlier
            and file.is_file()
            and all(abs(earlier[key] - row[key]) < 0.01 for key in (*position, "mpp"))
        ):
            image = read_rgb(file)
        else:
            image = slide.read(x, y, width, height, (config.width, config.height))
            with atomic_write(file) as part:
                Image.fromarray(image).save(part, format="PNG", compress_level=3)
        quality = measure(image, config.mpp)
        problems = [f"{inside:.0%} of it in the region"] if inside < config.min_inside else []
        row |= dataclasses.asdict(quality) | {"rejected": "; ".join(problems + reasons(quality, limits))}
        rows.append(row)
    return rows


def _write(images: pd.DataFrame, table: pd.DataFrame, out: Path) -> None:
    if images.empty:
        return
    carried = [name for name in table.columns if name not in ("slide", "patient", "grade", "mpp")]
    used = images[images["rejected"] == ""]
    manifest = used[["image", "patient", "grade", "slide"]].join(table[carried], on="slide")
    left_out = images.loc[images["rejected"] != "", ["image", "slide", "region", "rejected"]]
    for name, rows in (("images", images), ("manifest", manifest), ("rejected", left_out)):
        write_table(rows, out / f"{name}.csv", "%.6g")
    sheets = [
        {
            "slide": slide,
            "sheet": f"contact/{file_name(str(slide))}.png",
            "used": int((rows["rejected"] == "").sum()),
            "all": len(rows),
        }
        for slide, rows in images.groupby("slide", sort=False)
    ]
    write_page(
        out,
        "contact.html.j2",
        sheets=sheets,
        left_out=left_out.to_dict("records"),
        used=len(used),
        all=len(images),
    )
    log.info("%d images of %d are in manifest.csv, %d in rejected.csv", len(used), len(images), len(left_out))


def _earlier_rows(path: Path) -> dict[str, dict[str, Any]]:
    if not os.path.lexists(path):
        return {}
    numbers = ("x", "y", "width", "height", "mpp")
    fix = "remove it, and the images are cut again"
    read_run_table(path, needed=("image", *numbers), numbers=numbers, fix=fix)
    rows = pd.read_csv(path).to_dict("records")
    return {str(row["image"]): {str(key): value for key, value in row.items()} for row in rows}
