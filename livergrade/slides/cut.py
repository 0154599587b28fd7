"""The paper's acquisition: from slides and regions marked on them to images, a manifest, contact sheets."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from tqdm import tqdm

from livergrade.config.schema import PrepareConfig
from livergrade.data.quality import Limits, measure, reasons
from livergrade.errors import UserError
from livergrade.io.files import written_whole
from livergrade.io.images import read_rgb
from livergrade.io.slide_reader import SUFFIXES, Slide, SlideError, Tissue
from livergrade.io.tables import formulas, read_text_table
from livergrade.reports.html import write_page
from livergrade.slides.regions import Region, grid, read_regions, write_regions

log = logging.getLogger(__name__)

# Optical density of haematoxylin and eosin in red, green and blue, and of what is neither
# (Ruifrok & Johnston, Anal Quant Cytol Histol 23:291, 2001).
STAINS = np.array([[0.650, 0.704, 0.286], [0.072, 0.990, 0.105], [0.268, 0.570, 0.776]])
CONTACT_PIXELS = 420  # width of an image on a contact sheet


def find_slides(given: Sequence[str]) -> list[Path]:
    """The slide files that are named, or lie in a folder that is.

    Raises:
        UserError: a name is not there, a folder has none, or two slides have one name.
    """
    found, missing = [], []
    for path in map(Path, given):
        if path.is_dir():
            inside = sorted(
                one for one in path.iterdir() if one.suffix.lower() in SUFFIXES and one.name[0] != "."
            )
            found += inside
            if not inside:
                missing.append(f"  {path}: holds no slide ({', '.join(SUFFIXES)})")
        elif path.is_file():
            found.append(path)
        else:
            missing.append(f"  {path}: there is no such file or folder")
    stems = pd.Series([path.stem for path in found], dtype=str)
    missing += [
        f"  {stem}: more than one slide has this name" for stem in sorted(set(stems[stems.duplicated()]))
    ]
    if missing:
        raise UserError("these slides can't be used:\n" + "\n".join(missing))
    return found


def read_table(path: Path, slides: Sequence[Path], config: PrepareConfig) -> pd.DataFrame:
    """The slide table, by the slides' names without ending.

    Raises:
        UserError: it lacks columns, or slides, or has blank patients or unknown grades; all rows are listed.
    """
    table = read_text_table(path)
    if missing := [name for name in ("slide", "patient", "grade") if name not in table.columns]:
        raise UserError(f"{path}: no column {', '.join(missing)}; it has {', '.join(table.columns)}")
    for name in table:
        table[name] = table[name].str.strip()
    stems = [Path(name).stem if Path(name).suffix.lower() in SUFFIXES else name for name in table["slide"]]
    table.index = pd.Index(stems)
    rows = dict(zip(range(2, len(table) + 2), table.itertuples(), strict=True))
    wrong = [f"  row {row}: no patient" for row, told in rows.items() if not told.patient]
    wrong += [
        f"  row {row}: grade {told.grade!r} is not in classes={','.join(config.classes)}"
        for row, told in rows.items()
        if told.grade and told.grade not in config.classes
    ]
    wrong += [
        f"  {stem}: in more than one row" for stem in sorted(set(table.index[table.index.duplicated()]))
    ]
    wrong += [f"  {line}" for line in formulas(table, lambda row: f"row {row + 2}")]
    wrong += [f"  {slide.name}: in no row" for slide in slides if slide.stem not in table.index]
    if wrong:
        raise UserError(f"{path}: correct these rows:\n" + "\n".join(wrong))
    return table


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
        with written_whole(target.with_suffix(".png")) as part:
            Image.fromarray(picture).save(part, format="PNG")
        write_regions(regions, target)
        slide.close()

    return _each(slides, one, "proposing")


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


def outlined(tissue: Tissue, regions: Sequence[Region]) -> NDArray[np.uint8]:
    """The slide's thumbnail with the regions drawn on it."""
    picture = Image.fromarray(tissue.thumbnail)
    draw = ImageDraw.Draw(picture)
    for region in regions:
        for part in getattr(region.outline, "geoms", [region.outline]):
            for ring in (part.exterior, *part.interiors):
                line = [(x / tissue.scale[0], y / tissue.scale[1]) for x, y in ring.coords]
                draw.line(line, fill="#0a4d9c", width=4)
        left, top, _, _ = region.outline.bounds
        corner = (left / tissue.scale[0] + 8, top / tissue.scale[1] + 6)
        draw.text(corner, f"{region.name} {region.kind}".strip(), fill="#0a4d9c", font_size=22)
    return np.asarray(picture)


def cut(slides: Sequence[Path], table: pd.DataFrame, config: PrepareConfig, out: Path) -> list[str]:
    """Write the images of every slide's regions, then the manifest and what was left out and why.

    What an earlier start wrote is kept where it is what would be written now.

    Returns:
        A line for each slide that failed.

    Raises:
        UserError: no image at all is fit to be used.
    """
    assert config.regions
    for folder in ("images", "contact"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    before = _earlier(out / "images.csv")
    rows: list[dict[str, Any]] = []
    excluded = _excluded(config.exclude)

    def one(path: Path) -> None:
        assert config.regions
        marked = Path(config.regions) / f"{path.stem}.geojson"
        if not marked.is_file():
            raise SlideError(f"has no regions ({marked} is missing)")
        told = {str(key): str(value) for key, value in table.loc[path.stem].items()}
        slide = Slide(path, float(told["mpp"]) if told.get("mpp") else config.slide_mpp)
        regions = [region for region in read_regions(marked) if not region.kind.lower().startswith("ignore")]
        if not regions:
            raise SlideError(f"has no region marked in {marked}")
        found = [row for region in regions for row in _images(slide, region, told, config, out, before)]
        for row in found:
            if row["image"] in excluded or Path(row["image"]).name in excluded:
                row["rejected"] = "; ".join(filter(None, [row["rejected"], "excluded by hand"]))
        rows.extend(found)
        write_contact(found, out, path.stem, outlined(slide.tissue, regions))
        slide.close()

    failed = _each(slides, one, "cutting")
    _write(pd.DataFrame(rows), table, out)
    return failed


def _images(
    slide: Slide,
    region: Region,
    told: dict[str, str],
    config: PrepareConfig,
    out: Path,
    before: dict[str, dict[str, Any]],
) -> list[dict[str, Any]]:
    """Cut the images of one region, measure them and say which are not to be used."""
    grade = region.kind if region.kind in config.classes else told["grade"]
    if not grade:
        raise SlideError(
            f"has no grade: neither the table nor region {region.name} ({region.kind!r}) says one"
        )
    factor = config.mpp / slide.mpp
    width, height = config.width * factor, config.height * factor
    limits = Limits(config.min_tissue, config.min_focus, config.max_pen, config.max_fold, config.max_burnt)
    found = []
    for number, (x, y) in enumerate(
        zip(*grid(region, width, height, config.rows, config.columns), strict=True), 1
    ):
        name = f"images/{slide.path.stem}_{region.name}_{number}.png"
        place = {"x": round(x, 2), "y": round(y, 2), "width": round(width, 2), "height": round(height, 2)}
        row: dict[str, Any] = {
            "image": name,
            "slide": slide.path.stem,
            "region": region.name,
            "patient": told["patient"],
        }
        row |= {"grade": grade, **place, "mpp": config.mpp}
        inside = shapely.box(x, y, x + width, y + height).intersection(region.outline).area / (width * height)
        earlier, file = before.get(name), out / name
        if earlier and file.is_file() and all(abs(earlier[key] - row[key]) < 0.01 for key in (*place, "mpp")):
            image = read_rgb(file)
        else:
            image = slide.read(x, y, width, height, (config.width, config.height))
            with written_whole(file) as part:
                Image.fromarray(image).save(part, format="PNG", compress_level=3)
        quality = measure(image, config.mpp)
        wrong = [f"{inside:.0%} of it in the region"] if inside < config.min_inside else []
        row |= dataclasses.asdict(quality) | {"rejected": "; ".join(wrong + reasons(quality, limits))}
        found.append(row)
    return found


def _write(images: pd.DataFrame, table: pd.DataFrame, out: Path) -> None:
    if images.empty:
        return
    carried = [name for name in table.columns if name not in ("slide", "patient", "grade", "mpp")]
    used = images[images["rejected"] == ""]
    manifest = used[["image", "patient", "grade", "slide"]].join(table[carried], on="slide")
    left_out = images.loc[images["rejected"] != "", ["image", "slide", "region", "rejected"]]
    for name, rows in (("images", images), ("manifest", manifest), ("rejected", left_out)):
        with written_whole(out / f"{name}.csv") as part:
            rows.to_csv(part, index=False, float_format="%.6g")
    sheets = [
        {
            "slide": slide,
            "sheet": f"contact/{slide}.png",
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


def write_contact(
    images: Sequence[dict[str, Any]], out: Path, slide: str, overview: NDArray[np.uint8]
) -> None:
    """Write ``contact/<slide>.png``: where the regions lie, and each image with its name and fate."""
    tiles = []
    for row in images:
        with Image.open(out / row["image"]) as image:
            small = image.reduce(max(1, image.width // (2 * CONTACT_PIXELS)))
            small = small.resize((CONTACT_PIXELS, round(CONTACT_PIXELS * small.height / small.width)))
        tiles.append((small, row))
    columns, side = 3, tiles[0][0].height
    whole = Image.fromarray(overview)
    whole.thumbnail((columns * (CONTACT_PIXELS + 10), 700))
    rows = -(-len(tiles) // columns)
    sheet = Image.new(
        "RGB", (columns * (CONTACT_PIXELS + 10) + 10, whole.height + 20 + rows * (side + 54)), "white"
    )
    sheet.paste(whole, (10, 10))
    draw = ImageDraw.Draw(sheet)
    for number, (small, row) in enumerate(tiles):
        x = 10 + number % columns * (CONTACT_PIXELS + 10)
        y = whole.height + 20 + number // columns * (side + 54)
        sheet.paste(small, (x, y))
        draw.rectangle(
            (x, y, x + CONTACT_PIXELS, y + side), outline="#b03030" if row["rejected"] else "#b8c0c8", width=3
        )
        draw.text((x, y + side + 4), f"{Path(row['image']).stem}  {row['grade']}", fill="black", font_size=15)
        draw.text((x, y + side + 24), row["rejected"], fill="#b03030", font_size=14)
    with written_whole(out / "contact" / f"{slide}.png") as part:
        sheet.save(part, format="PNG")


def _each(slides: Sequence[Path], one: Callable[[Path], None], doing: str) -> list[str]:
    failed = []
    for path in tqdm(slides, doing, unit="slide"):
        try:
            one(path)
        except (SlideError, UserError) as error:
            failed.append(f"  {path} {error}" if isinstance(error, SlideError) else f"  {error}")
            log.error("%s", failed[-1].strip())
    return failed


def _earlier(path: Path) -> dict[str, dict[str, Any]]:
    if not path.is_file():
        return {}
    rows = pd.read_csv(path).to_dict("records")
    return {str(row["image"]): {str(key): value for key, value in row.items()} for row in rows}


def _excluded(path: str | None) -> set[str]:
    if path is None:
        return set()
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise UserError(f"exclude={path}: can't be read: {error}") from None
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}
