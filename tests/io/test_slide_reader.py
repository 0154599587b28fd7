import json
from pathlib import Path

import numpy as np
import pytest
import shapely

from livergrade.errors import UserError
from livergrade.io.slide_reader import Slide, SlideError, is_slide
from livergrade.slides.regions import Region, grid, read_regions, write_regions
from tests.conftest import COLOURS, write_slide


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A slide of 1024 × 768 px and three levels, with a coloured square in each quarter."""
    return write_slide(tmp_path_factory.mktemp("slides") / "squares.tif")


def test_a_slide_says_its_size_and_resolution(path: Path) -> None:
    slide = Slide(path)
    assert (slide.width, slide.height) == (1024, 768)
    assert slide.mpp == pytest.approx(0.5)
    assert slide.file.level_count == 3
    assert is_slide(path)


@pytest.mark.parametrize("reduced", [1, 2, 4])
def test_every_level_shows_the_same_place(path: Path, reduced: int) -> None:
    """The squares' edges lie on the pixel at every level, also where the part begins outside the slide."""
    slide = Slide(path)
    left, top = -64, -128
    shown = slide.read(left, top, 1152, 1024, (1152 // reduced, 1024 // reduced))
    for (x, y, side), colour in COLOURS.items():
        rows = slice((y - top) // reduced, (y + side - top) // reduced)
        columns = slice((x - left) // reduced, (x + side - left) // reduced)
        assert np.abs(shown[rows, columns].astype(int) - colour).max() <= 12, (x, y)
        inner = shown[rows, columns][2:-2, 2:-2].astype(int)
        assert np.abs(inner - colour).max() <= 3
        around = (slice(rows.start - 4, rows.stop + 4), slice(columns.start - 4, columns.stop + 4))
        is_square = np.abs(shown[around].astype(int) - colour).sum(2) < 60
        assert is_square.sum() == (side // reduced) ** 2
    assert (shown[: 128 // reduced - 4] == 255).all()  # above the slide


def test_a_part_read_in_strips_is_the_part_read_at_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slide = Slide(path)
    whole = slide.read(10.3, 20.7, 900.5, 700.25, (317, 251))
    monkeypatch.setattr("livergrade.io.slide_reader.STRIP_PIXELS", 20_000)
    assert np.abs(slide.read(10.3, 20.7, 900.5, 700.25, (317, 251)).astype(int) - whole).max() <= 2


def test_tissue_is_where_the_colour_is(path: Path) -> None:
    tissue = Slide(path).tissue
    squares = np.array(list(COLOURS))
    assert tissue.share(squares[:, 0] + 10.0, squares[:, 1] + 10.0, 200).min() > 0.95
    assert tissue.share(np.array([480.0]), np.array([340.0]), 40).max() == 0
    beyond = tissue.share(np.array([squares[0, 0] - 118.0]), np.array([float(squares[0, 1])]), 236)
    assert beyond == pytest.approx(0.5, abs=0.03)


def test_what_is_no_slide_is_told(tmp_path: Path, path: Path) -> None:
    for name, content in (("text.svs", b"no slide"), ("empty.tif", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SlideError, match="no slide"):
            Slide(tmp_path / name)
    with pytest.raises(SlideError, match="does not exist"):
        Slide(tmp_path / "nowhere.svs")
    silent = write_slide(tmp_path / "silent.tif", mpp=None)
    with pytest.raises(SlideError, match="slide_mpp"):
        Slide(silent)
    assert Slide(silent, 0.25).mpp == 0.25
    printed = write_slide(tmp_path / "printed.tif", mpp=352.8)
    with pytest.raises(SlideError, match="no microscope"):
        Slide(printed)


def test_regions_go_to_geojson_and_back(tmp_path: Path) -> None:
    ring = shapely.box(10, 20, 300, 400).difference(shapely.box(50, 60, 100, 110))
    write_regions([Region("R01", "poor", ring)], tmp_path / "regions.geojson")
    (again,) = read_regions(tmp_path / "regions.geojson")
    assert (again.name, again.kind) == ("R01", "poor")
    assert again.outline.equals(ring)
    assert again.outline.area == 290 * 380 - 2500  # the hole is not part of it


def test_broken_features_are_all_told(tmp_path: Path) -> None:
    file = tmp_path / "regions.geojson"
    good = '{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]},"properties":null}'
    file.write_text(
        f'[{good}, {{"geometry": 3}}, "x", {{"geometry":{{"type":"Polygon","coordinates":[[1]]}}}}]'
    )
    with pytest.raises(UserError, match="3 features") as told:
        read_regions(file)
    assert all(f"feature {number}" in str(told.value) for number in (2, 3, 4))
    file.write_text("{")
    with pytest.raises(UserError, match="GeoJSON"):
        read_regions(file)


def test_a_crossing_outline_is_mended(tmp_path: Path) -> None:
    file = tmp_path / "bow.json"
    bow = [[0, 0], [10, 10], [10, 0], [0, 10], [0, 0]]
    file.write_text(json.dumps({"geometry": {"type": "Polygon", "coordinates": [bow]}}))
    (region,) = read_regions(file)
    assert region.outline.is_valid
    assert region.outline.area == pytest.approx(50)


def test_six_images_lie_evenly_over_a_region() -> None:
    x, y = grid(Region("R01", "", shapely.box(100, 50, 1000, 650)), 300, 200, 2, 3)
    assert x.tolist() == [100, 400, 700] * 2
    assert y.tolist() == [50] * 3 + [450] * 3
    x, y = grid(Region("R01", "", shapely.box(0, 0, 100, 100)), 40, 20, 1, 1)
    assert (x[0], y[0]) == (30, 40)


def test_tiles_decoded_directly_are_openslides_to_the_bit(path: Path) -> None:
    slide = Slide(path)
    assert sorted(slide.tiled) == [0, 1, 2]
    for level, (left, top, right, bottom) in (
        (0, (37, 120, 300, 410)),
        (1, (0, 0, 512, 384)),
        (2, (5, 9, 200, 150)),
    ):
        corner = left << level, top << level
        shown = slide.file.read_region(corner, level, (right - left, bottom - top)).convert("RGB")
        assert (slide.tiled[level].read(left, top, right, bottom) == np.asarray(shown)).all()
    beyond = slide.tiled[2].read(-10, -20, 300, 250)
    assert (beyond[:20] == 255).all()
    assert (beyond[:, :10] == 255).all()
    assert (beyond[20:212, 10:266] == slide.tiled[2].read(0, 0, 256, 192)).all()
    assert (beyond[212:] == 255).all()
