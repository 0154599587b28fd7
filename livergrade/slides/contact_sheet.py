"""Overview images for visual review of a slide: its regions, and the images cut from them."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from livergrade.io.files import atomic_write
from livergrade.io.slide_reader import Slide
from livergrade.io.visible import one_line
from livergrade.slides.regions import Region

CONTACT_PIXELS = 420  # width of an image on a contact sheet
LABEL = 120  # letters of a name that are drawn at most
GAP = 10
_LETTERS = 58  # of a line below an image
_LINE = 18


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Matplotlib's own font: Pillow's has no µ and few accents."""
    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def draw_regions(slide: Slide, regions: Sequence[Region]) -> NDArray[np.uint8]:
    """Draw the regions, and a scale bar, on the slide's thumbnail."""
    tissue = slide.tissue
    overview = Image.fromarray(tissue.thumbnail)
    draw = ImageDraw.Draw(overview)
    for region in regions:
        for part in getattr(region.outline, "geoms", [region.outline]):
            for ring in (part.exterior, *part.interiors):
                line = [(x / tissue.scale[0], y / tissue.scale[1]) for x, y in ring.coords]
                draw.line(line, fill="#0a4d9c", width=4)
        left, top, _, _ = region.outline.bounds
        corner = (left / tissue.scale[0] + 8, top / tissue.scale[1] + 6)
        draw.text(
            corner,
            _label(f"{region.name} {region.kind}"),
            fill="#0a4d9c",
            font=_font(20),
            stroke_width=3,
            stroke_fill="white",
        )
    draw_scale(overview, slide.mpp * tissue.scale[0])
    return np.asarray(overview)


def draw_scale(image: Image.Image, mpp: float) -> None:
    """Draw a bar of a round length, up to 30 % of the image's width, into the lower left corner.

    Args:
        image: RGB; nothing is drawn if it is too small for a bar with its length.
        mpp: µm per pixel of the image.
    """
    if image.width < 120 or image.height < 60:
        return
    longest = 0.3 * image.width * mpp
    power = 10 ** np.floor(np.log10(longest))
    length = next(step * power for step in (5, 2, 1) if step * power <= longest)
    text = f"{length / 1000:g} mm" if length >= 1000 else f"{length:g} µm"
    draw, pixels = ImageDraw.Draw(image), round(length / mpp)
    left, bottom = 8, image.height - 8
    wide = max(pixels, round(draw.textlength(text, font=_font(13))))
    draw.rectangle((left - 4, bottom - 28, left + wide + 4, bottom + 4), fill="white")
    draw.text((left, bottom - 27), text, fill="black", font=_font(13))
    draw.rectangle((left, bottom - 5, left + pixels - 1, bottom - 1), fill="black")


def _label(text: str) -> str:
    """One line of a length that fits: a region's name may be anything, also megabytes of it."""
    return one_line(text[:LABEL]).strip()


def write_contact(
    images: Sequence[dict[str, Any]], out: Path, slide: str, overview: NDArray[np.uint8]
) -> None:
    """Write ``contact/<slide>.png``: the regions, and each image with name, grade and reason of rejection.

    Args:
        images: of each ``image`` (its file below ``out``), ``grade``, ``rejected`` and ``mpp`` (µm).
        out: the folder.
        slide: name of the sheet.
        overview: the slide with its regions, uint8 [height, width, 3].
    """
    tiles = [(_thumbnail(out / row["image"], row["mpp"]), row) for row in images]
    why = [textwrap.wrap(row["rejected"], _LETTERS)[:4] for row in images]
    columns, tile_height = 3, tiles[0][0].height
    row_height = tile_height + 34 + _LINE * max(1, *map(len, why))
    overview_image = Image.fromarray(overview)
    overview_image.thumbnail((columns * (CONTACT_PIXELS + GAP), 700))
    above = overview_image.height + 2 * GAP
    size = (columns * (CONTACT_PIXELS + GAP) + GAP, above + -(-len(tiles) // columns) * row_height)
    sheet = Image.new("RGB", size, "white")
    sheet.paste(overview_image, (GAP, GAP))
    draw = ImageDraw.Draw(sheet)
    for number, (thumbnail, row) in enumerate(tiles):
        x = GAP + number % columns * (CONTACT_PIXELS + GAP)
        y = above + number // columns * row_height
        sheet.paste(thumbnail, (x, y))
        frame = "#b03030" if row["rejected"] else "#b8c0c8"
        draw.rectangle((x, y, x + CONTACT_PIXELS, y + tile_height), outline=frame, width=3)
        name = _label(f"{Path(row['image']).stem}  {row['grade']}")
        draw.text((x, y + tile_height + 4), name, fill="black", font=_font(14))
        for line, text in enumerate(why[number]):
            draw.text((x, y + tile_height + 24 + _LINE * line), text, fill="#b03030", font=_font(13))
    with atomic_write(out / "contact" / f"{slide}.png") as part:
        sheet.save(part, format="PNG")


def _thumbnail(path: Path, mpp: float) -> Image.Image:
    """An image in the width that it has on a sheet, with its scale bar."""
    with Image.open(path) as image:
        smaller = image.reduce(max(1, image.width // (2 * CONTACT_PIXELS)))
        shown = smaller.resize((CONTACT_PIXELS, round(CONTACT_PIXELS * smaller.height / smaller.width)))
        draw_scale(shown, mpp * image.width / CONTACT_PIXELS)
    return shown
