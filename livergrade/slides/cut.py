"""Cut images from the regions marked on slides, as in the paper, with a manifest and contact sheets."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from PIL import Image

from livergrade import __version__
from livergrade.config.schema import PrepareConfig
from livergrade.data.colour import log_slide_colours
from livergrade.data.quality import Limits, measure, reasons
from livergrade.evaluation.subgroups import OF_REGIONS
from livergrade.io.counted import counted
from livergrade.io.earlier_start import set_aside
from livergrade.io.file_names import file_name
from livergrade.io.files import atomic_write
from livergrade.io.images import read_rgb
from livergrade.io.kept import Kept
from livergrade.io.slide_files import slide_identity
from livergrade.io.slide_reader import Slide, SlideError
from livergrade.io.tables import write_table
from livergrade.io.visible import one_line
from livergrade.reports.html import write_page
from livergrade.slides.confirmed import proposals_of, require_confirmed
from livergrade.slides.contact_sheet import draw_regions, write_contact
from livergrade.slides.exclusions import Exclusions
from livergrade.slides.grade_overlap import overlap_told
from livergrade.slides.inputs import each_slide, stated_mpp
from livergrade.slides.propose import quickhash, refuse_regions_of_another
from livergrade.slides.proposed_at import refuse_other_sizes
from livergrade.slides.region_files import region_file
from livergrade.slides.region_grades import GradedRegion, class_rows, grade_regions
from livergrade.slides.regions import clip_to_slide, grid, read_regions

log = logging.getLogger(__name__)


RESULTS = ("manifest.csv", "images.csv", "rejected.csv", "report.html")
"""Files that tell of all images. They are removed first and written last: they never tell of other images."""


def cut(slides: Sequence[Path], table: pd.DataFrame, config: PrepareConfig, out: Path) -> list[str]:
    """Write the images of all regions, then the manifest and the rejected images with reasons.

    An image of an earlier start is reused if it would not change: it was cut from the same slide at the same
    place and size, and its file is as it was written. Images of an earlier start that this one does not make
    are set aside.

    Returns:
        One line for each failed slide.

    Raises:
        UserError: the regions were not confirmed, or ``exclude`` lists images that are not there.
    """
    require_confirmed(slides, config)
    for folder in ("images", "contact"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    for name in RESULTS:
        (out / name).unlink(missing_ok=True)
    kept = Kept(out / "kept.json")
    proposals = proposals_of(config)
    rows, marked_on = list[dict[str, Any]](), dict[str, tuple[list[GradedRegion], str]]()
    excluded = Exclusions(config.exclude)
    same = dict[str, list[Path]]()

    def cut_slide(path: Path) -> None:
        attributes = {str(key): str(value) for key, value in table.loc[path.stem].items()}
        made_from = slide_identity(path)
        slide = Slide(path, stated_mpp(path, table, config), config.icc)
        graded, left_out = _regions(slide, attributes["grade"], config, proposals, made_from)
        same.setdefault(quickhash(slide) or str(path), []).append(path)
        used = [region for region in graded if region.grade]
        _warn_of_small(slide, used, config)
        images = [
            row for region in used for row in _images(slide, made_from, region, attributes, config, out, kept)
        ]
        for row in images:
            by_hand = excluded.why(row["image"], out / row["image"])
            row["rejected"] = "; ".join(filter(None, [row["rejected"], by_hand]))
        overview = draw_regions(slide, [one.region for one in used])
        write_contact(images, out, file_name(path.stem), overview)
        rows.extend(images)
        marked_on[path.stem] = (graded, left_out)
        kept.save()
        slide.close()

    log_slide_colours(slides, config.icc, "set icc=apply")
    failed = each_slide(slides, cut_slide, "cutting")
    _warn_of_copies(same.values(), table["patient"])
    images = pd.DataFrame(rows, columns=None if rows else ["image", "slide"])
    _set_others_aside(images, out, kept)
    if not failed:  # else they may be images of a slide that failed
        excluded.refuse_unknown(images["image"].tolist())
    _write(images, table, marked_on, excluded.told(), out)
    return failed


def _regions(
    slide: Slide,
    of_table: str,
    config: PrepareConfig,
    proposals: Kept | None,
    made_from: list[dict[str, Any]],
) -> tuple[list[GradedRegion], str]:
    """The regions marked on a slide with their grades, and in words what else its file holds.

    Args:
        slide: the slide.
        of_table: its grade in the table, empty without one.
        config: the options.
        proposals: record of the proposals, if the regions lie where they were proposed.
        made_from: identity of the slide.

    Raises:
        SlideError: there are none, or they were proposed on another file of this name.
        UserError: their file can't be read, a region is not on the slide or was proposed at other sizes of
            pixels, or the grade of one is unclear.
    """
    assert config.regions
    file = region_file(Path(config.regions), slide.path, outside=config.data.outside)
    if proposals:
        refuse_regions_of_another(slide, proposals, file, made_from)
    marked = read_regions(file)
    if marked.left_out:
        log.warning("%s: not cut, since only annotations with an area are: %s", file, marked.left_out)
    sizes = {region.name: region.proposed_at for region in marked.regions}
    refuse_other_sizes(sizes, config.mpp, slide.mpp, file)
    regions = clip_to_slide(marked.regions, slide.width, slide.height, file)
    graded = grade_regions(regions, of_table, config, file)
    if overlap := overlap_told(graded):
        log.warning("%s: %s", file, overlap)
    if not any(region.grade for region in graded):
        passed_over = [f"{one.region.title} is of class {one.region.kind}" for one in graded]
        why = "; ".join(filter(None, [*passed_over[:20], marked.left_out]))
        raise SlideError(f"has no region marked in {file}" + (f" ({why})" if why else ""))
    return graded, marked.left_out


def _images(
    slide: Slide,
    slide_made_from: list[dict[str, Any]],
    graded: GradedRegion,
    attributes: dict[str, str],
    config: PrepareConfig,
    out: Path,
    kept: Kept,
) -> list[dict[str, Any]]:
    """Cut the images of one region, measure their quality and mark rejected ones."""
    region = graded.region
    factor = config.mpp / slide.mpp
    width, height = config.width * factor, config.height * factor
    limits = Limits(config.min_tissue, config.min_focus, config.max_pen, config.max_fold, config.max_burnt)
    rows = list[dict[str, Any]]()
    for number, (x, y) in enumerate(
        zip(*grid(region, width, height, config.rows, config.columns), strict=True), 1
    ):
        name = f"images/{file_name(slide.path.stem)}_{region.name}_{number}.png"
        position = {"x": float(x), "y": float(y), "width": width, "height": height}
        row: dict[str, Any] = {
            "image": name,
            "slide": slide.path.stem,
            "region": region.name,
            "patient": attributes["patient"],
            "grade": graded.grade,
            **dict(zip(OF_REGIONS, (region.kind, region.label, graded.source), strict=True)),
            **{key: round(value, 2) for key, value in position.items()},
            "mpp": config.mpp,
        }
        inside = shapely.box(x, y, x + width, y + height).intersection(region.outline).area / (width * height)
        made_from = position | {"slide": slide_made_from, "size": [config.width, config.height]}
        made_from |= {"icc": "apply"} if slide.converted else {}
        image = _cut_or_kept(slide, out / name, made_from, kept)
        quality = measure(image, config.mpp)
        problems = [f"is {before['image']} again: the region is no larger" for before in _at(rows, x, y)]
        if inside < config.min_inside:
            problems.append(f"{inside:.0%} of it is in the region, at least {config.min_inside:.0%}")
        row |= dataclasses.asdict(quality) | {"rejected": "; ".join(problems + reasons(quality, limits))}
        rows.append(row)
    return rows


def _at(rows: Sequence[dict[str, Any]], x: float, y: float) -> list[dict[str, Any]]:
    """The first of these images that was cut at this place, to half a pixel; empty where there is none."""
    return [row for row in rows if abs(row["x"] - x) < 0.5 and abs(row["y"] - y) < 0.5][:1]


def _warn_of_small(slide: Slide, regions: Sequence[GradedRegion], config: PrepareConfig) -> None:
    """Tell of regions so much smaller than their images together that neighbours are half the same tissue."""
    factor = config.mpp / slide.mpp
    sides = (config.width * factor, config.columns), (config.height * factor, config.rows)
    small = []
    for one in regions:
        left, top, right, bottom = one.region.outline.bounds
        for length, (side, count) in zip((right - left, bottom - top), sides, strict=True):
            if count > 1 and abs(length - side) / (count - 1) < side / 2 and one.region.name not in small:
                small.append(one.region.name)
    if small:
        log.warning(
            "%s: neighbouring images overlap by more than half in %s (%s): a region should be %d × %d px for "
            "%d × %d images; mark larger ones, or set columns= and rows=",
            one_line(slide.path),
            counted(len(small), "region"),
            ", ".join([*small[:5], *["…"] * (len(small) > 5)]),
            *(round(side * count) for side, count in sides),
            config.columns,
            config.rows,
        )


def _cut_or_kept(slide: Slide, file: Path, made_from: dict[str, Any], kept: Kept) -> NDArray[np.uint8]:
    """An image as an earlier start cut it, if nothing would change, else cut now."""
    name = f"images/{file.name}"
    made_from |= {"livergrade": __version__}
    if kept.find(name, made_from) is not None:
        return read_rgb(file)
    x, y, width, height = (made_from[key] for key in ("x", "y", "width", "height"))
    image = slide.read(x, y, width, height, made_from["size"])
    with atomic_write(file) as part:
        Image.fromarray(image).save(part, format="PNG", compress_level=3)
    kept.add(name, made_from, files=[file])
    return image


def _set_others_aside(images: pd.DataFrame, out: Path, kept: Kept) -> None:
    """Move images and contact sheets of an earlier start that are not of this one out of their folders."""
    made = {*images["image"], *(_sheet(slide) for slide in images["slide"])}
    there = [
        f"{folder}/{file.name}" for folder in ("images", "contact") for file in (out / folder).glob("*.png")
    ]
    others = sorted(set(there) - made)
    if aside := set_aside(out, others):
        log.warning("%d images and contact sheets of an earlier start are now in %s", len(others), aside)
    for name in others:
        kept.remove(name)
    kept.save()


def _warn_of_copies(same: Iterable[Sequence[Path]], patients: pd.Series) -> None:
    """Tell which slides are one slide under several patients: images of it would be trained on and tested.

    Args:
        same: slides of one content.
        patients: name of a slide → patient.
    """
    for slides in same:
        names = [f"{one_line(path)} (patient {one_line(patients[path.stem])})" for path in slides]
        if len({patients[path.stem] for path in slides}) > 1:
            log.warning("these files are copies of one slide, of several patients: %s", ", ".join(names))


def _sheet(slide: str) -> str:
    return f"contact/{file_name(slide)}.png"


def _write(
    images: pd.DataFrame,
    table: pd.DataFrame,
    marked: dict[str, tuple[list[GradedRegion], str]],
    excluded: str,
    out: Path,
) -> None:
    """Write the tables and the report.

    Args:
        images: a row for each image.
        table: the slide table.
        marked: of each slide its regions, and in words what else their file holds.
        excluded: how many images were excluded by hand and why, in words.
        out: the folder.
    """
    if images.empty:
        return
    carried = [name for name in table.columns if name not in ("slide", "patient", "grade", "mpp")]
    used = images[images["rejected"] == ""]
    columns = ["image", "patient", "grade", "slide", "mpp", *OF_REGIONS]
    manifest = used[columns].join(table[carried], on="slide")
    left_out = images.loc[images["rejected"] != "", ["image", "slide", "region", "rejected"]]
    for name, rows in (("images", images), ("manifest", manifest), ("rejected", left_out)):
        write_table(rows, out / f"{name}.csv", "%.6g")
    sheets = [
        {
            "slide": slide,
            "sheet": _sheet(str(slide)),
            "used": int((rows["rejected"] == "").sum()),
            "all": len(rows),
            "classes": class_rows(marked[str(slide)][0]),
            "not_cut": marked[str(slide)][1],
        }
        for slide, rows in images.groupby("slide", sort=False)
    ]
    write_page(
        out,
        "contact.html.j2",
        sheets=sheets,
        classes=class_rows(region for regions, _ in marked.values() for region in regions),
        left_out=left_out.to_dict("records"),
        used=len(used),
        all=len(images),
        excluded=excluded,
    )
    log.info("%d images of %d are in manifest.csv, %d in rejected.csv", len(used), len(images), len(left_out))
    if excluded:
        log.info("excluded by hand: %s", excluded)
