"""Pictures for a person to check a slide by."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import shapely
from PIL import Image

from livergrade.io.slide_reader import Tissue
from livergrade.slides.contact_sheet import CONTACT_PIXELS, draw_regions, draw_scale, write_contact
from livergrade.slides.regions import Region

WHITE = np.full((100, 200, 3), 255, np.uint8)
INK = (10, 77, 156)


def test_outlines_and_holes_are_drawn_where_they_lie() -> None:
    ring = shapely.box(400, 400, 1600, 800).difference(shapely.box(800, 500, 1200, 700))
    tissue = Tissue(np.ones((100, 200), bool), WHITE, (10.0, 10.0))
    slide = SimpleNamespace(tissue=tissue, mpp=0.5)
    drawn = (draw_regions(slide, [Region("", "", ring)]) == INK).all(2)
    for x, y in ((40, 60), (100, 40), (160, 60), (100, 80), (80, 60), (100, 50)):  # edges, then the hole's
        assert drawn[y, x], (x, y)
    for x, y in ((20, 20), (60, 60), (100, 60), (180, 60)):
        assert not drawn[y, x], (x, y)
    assert (WHITE == 255).all()


@pytest.mark.parametrize(("mpp", "micrometres"), [(0.5, 100), (0.27, 50), (3.4, 1000), (20, 5000)])
def test_the_bar_is_as_long_as_it_says(mpp: float, micrometres: int) -> None:
    image = Image.new("RGB", (1000, 400), (200, 100, 150))
    draw_scale(image, mpp)
    bar = (np.asarray(image)[389] == 0).all(1)  # the row through the bar
    assert bar.sum() == pytest.approx(micrometres / mpp, abs=1)
    small = Image.new("RGB", (100, 50), (200, 100, 150))
    draw_scale(small, mpp)
    assert (np.asarray(small) == (200, 100, 150)).all()


def test_an_image_that_is_left_out_has_a_red_frame(tmp_path: Path) -> None:
    rows = []
    (tmp_path / "contact").mkdir()
    for number in range(4):
        Image.new("RGB", (200, 100), "white").save(tmp_path / f"{number}.png")
        rows.append(
            {"image": f"{number}.png", "grade": "poor", "rejected": "pen" if number == 3 else "", "mpp": 0.5}
        )
    write_contact(rows, tmp_path, "case", WHITE)
    with Image.open(tmp_path / "contact" / "case.png") as sheet:
        assert sheet.width == 3 * (CONTACT_PIXELS + 10) + 10
        pixels = np.asarray(sheet.convert("RGB"))
    red = np.argwhere((pixels == (0xB0, 0x30, 0x30)).all(2))
    assert red[:, 1].min() == 10  # the fourth stands alone in the second row
    assert red[:, 1].max() <= 10 + CONTACT_PIXELS
    assert red[:, 0].min() > WHITE.shape[0] + CONTACT_PIXELS // 2
