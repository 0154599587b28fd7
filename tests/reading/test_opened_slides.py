"""The slides of a folder or a table, to be read."""

from pathlib import Path

import pytest

pytest.importorskip("openslide")

from livergrade.errors import UserError
from livergrade.reading.images import images_of
from livergrade.reading.opened_slides import opened_slides
from tests.conftest import draw_image, write_slide
from tests.reading.client import options


def test_a_folder_of_slides(tmp_path: Path) -> None:
    for name in ("b.tif", "a.tif", ".hidden.tif"):
        write_slide(tmp_path / name)
    draw_image(tmp_path / "photo.png", 0, 0)
    (tmp_path / "notes.txt").write_text("x")
    found = images_of(options(tmp_path))
    assert found.slides
    assert found.table[["image", "mpp"]].to_numpy().tolist() == [["a.tif", "0.5"], ["b.tif", "0.5"]]


def test_a_table_of_slides_and_all_that_is_wrong_with_it(tmp_path: Path) -> None:
    write_slide(tmp_path / "a.tif", None)
    write_slide(tmp_path / "b.tif")
    table = tmp_path / "slides.csv"
    table.write_text("slide,patient,mpp\na,P1,0.25\nb.tif,P2,\n")
    found = images_of(options(table))
    assert found.table["image"].tolist() == ["a.tif", "b.tif"]
    assert (found.slides, found.table["mpp"].tolist()) == (True, ["0.25", "0.5"])
    (tmp_path / "c.svs").write_bytes(b"no slide")
    table.write_text("slide,patient,mpp\na.tif,P1,\nb.tif,P2,x\nc.svs,P3,\n../d.svs,P4,\n")
    with pytest.raises(UserError) as told:
        images_of(options(table))
    message = str(told.value)
    assert "4 problem(s)" in message
    assert "does not say the size of its pixels; give the column mpp\n" in message
    assert "row 3: mpp 'x' is not a number" in message
    assert "c.svs is not a slide" in message
    assert "row 5: image" in message


def test_what_can_not_be_opened_is_named_by_its_row(tmp_path: Path) -> None:
    damaged, sizes = opened_slides(
        {0: write_slide(tmp_path / "a.tif"), 2: tmp_path / "none.svs"}, [""] * 3, "ignore"
    )
    assert (list(damaged), sizes) == ([2], ["0.5", "", ""])
