"""Overview images for visual review of a slide: its regions, and the images cut from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from livergrade.io.files import atomic_write
from livergrade.io.slide_reader import Tissue
from livergrade.io.visible import one_line
from livergrade.slides.regions import Region

CONTACT_PIXELS = 420  # width of an image on a contact sheet
LABEL = 120  # letters of a name that are drawn at most


def draw_regions(tissue: Tissue, regions: Sequence[Region]) -> NDArray[np.uint8]:
    """Draw the regions on the slide's thumbnail."""
    overview = Image.fromarray(tissue.thumbnail)
    draw = ImageDraw.Draw(overview)
    for region in regions:
        for part in getattr(region.outline, "geoms", [region.outline]):
            for ring in (part.exterior, *part.interiors):
                line = [(x / tissue.scale[0], y / tissue.scale[1]) for x, y in ring.coords]
                draw.line(line, fill="#0a4d9c", width=4)
        left, top, _, _ = region.outline.bounds
        corner = (left / tissue.scale[0] + 8, top / tissue.scale[1] + 6)
        draw.text(corner, _label(f"{region.name} {region.kind}"), fill="#0a4d9c", font_size=22)
    return np.asarray(overview)


def _label(text: str) -> str:
    """One line of a length that fits: a region's name may be anything, also megabytes of it."""
    return one_line(text[:LABEL]).strip()


def write_contact(
    images: Sequence[dict[str, Any]], out: Path, slide: str, overview: NDArray[np.uint8]
) -> None:
    """Write ``contact/<slide>.png``: the regions, and each image with name, grade and reason of rejection."""
    tiles = []
    for row in images:
        with Image.open(out / row["image"]) as image:
            thumbnail = image.reduce(max(1, image.width // (2 * CONTACT_PIXELS)))
            thumbnail = thumbnail.resize(
                (CONTACT_PIXELS, round(CONTACT_PIXELS * thumbnail.height / thumbnail.width))
            )
        tiles.append((thumbnail, row))
    columns, tile_height = 3, tiles[0][0].height
    overview_image = Image.fromarray(overview)
    overview_image.thumbnail((columns * (CONTACT_PIXELS + 10), 700))
    rows = -(-len(tiles) // columns)
    sheet = Image.new(
        "RGB",
        (columns * (CONTACT_PIXELS + 10) + 10, overview_image.height + 20 + rows * (tile_height + 54)),
        "white",
    )
    sheet.paste(overview_image, (10, 10))
    draw = ImageDraw.Draw(sheet)
    for number, (thumbnail, row) in enumerate(tiles):
        x = 10 + number % columns * (CONTACT_PIXELS + 10)
        y = overview_image.height + 20 + number // columns * (tile_height + 54)
        sheet.paste(thumbnail, (x, y))
        draw.rectangle(
            (x, y, x + CONTACT_PIXELS, y + tile_height),
            outline="#b03030" if row["rejected"] else "#b8c0c8",
            width=3,
        )
        draw.text(
            (x, y + tile_height + 4),
            _label(f"{Path(row['image']).stem}  {row['grade']}"),
            fill="black",
            font_size=15,
        )
        draw.text((x, y + tile_height + 24), row["rejected"], fill="#b03030", font_size=14)
    with atomic_write(out / "contact" / f"{slide}.png") as part:
        sheet.save(part, format="PNG")
