"""Maps of a graded slide."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely

from livergrade.io.grades import UNLIKE, UNSURE
from livergrade.io.slide_reader import SlideError
from livergrade.slides.heatmap import make_grid, summary, write_tiles_geojson
from livergrade.slides.regions import read_regions
from tests.conftest import COLOURS, GRADES


def graded(x: np.ndarray, y: np.ndarray, called: list[str], sure: float = 0.9) -> pd.DataFrame:
    table = pd.DataFrame({"x": x, "y": y, "predicted": called, "spread": 0.1, "unlike": 0.0})
    for grade in GRADES:
        table[f"p_{grade}"] = np.where(table["predicted"] == grade, sure, (1 - sure) / 2)
    return table.assign(answer=table["predicted"])


@pytest.fixture(scope="module")
def truth() -> pd.DataFrame:
    """Cells of 32 px over the coloured squares of the slide, of which each is of one grade."""
    x, y, called = [], [], []
    for number, (left, top, side) in enumerate(COLOURS):
        for column in range(0, side, 32):
            for row in range(0, side, 32):
                x.append(left + column)
                y.append(top + row)
                called.append(GRADES[number % 3])
    return graded(np.array(x, float), np.array(y, float), called)


def test_geojson_has_the_area_of_each_grade(truth: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "map.geojson"
    write_tiles_geojson(truth, GRADES, 32, path)
    features = json.loads(path.read_text())["features"]
    areas = read_regions(path).regions
    for number, grade in enumerate(GRADES):
        true = shapely.union_all(
            [
                shapely.box(x, y, x + side, y + side)
                for place, (x, y, side) in enumerate(COLOURS)
                if place % 3 == number
            ]
        )
        (area,) = [region.outline for region in areas if region.kind == grade]
        assert area.symmetric_difference(true).area == 0
    tiles = [told for told in features if told["properties"]["objectType"] == "tile"]
    assert len(tiles) == len(truth)
    assert tiles[0]["properties"]["measurements"]["p_poor"] == 0.9
    assert tiles[0]["properties"]["classification"]["color"] == [213, 94, 0]


def test_geojson_gives_no_grade_where_none_is_answered(tmp_path: Path) -> None:
    table = graded(np.arange(3.0) * 32, np.zeros(3), ["poor", "well", "well"])
    table["answer"] = [UNLIKE, UNSURE, "well"]
    write_tiles_geojson(table, GRADES, 32, tmp_path / "map.geojson")
    told = [
        feature["properties"] for feature in json.loads((tmp_path / "map.geojson").read_text())["features"]
    ]
    for kind in ("annotation", "tile"):
        named = [one["classification"]["name"] for one in told if one["objectType"] == kind]
        assert sorted(named) == sorted([UNLIKE, UNSURE, "well"])


def test_a_hole_and_the_slides_edge_are_in_the_geojson(tmp_path: Path) -> None:
    cells = make_grid(1000, 700, 64, 64)  # the last column and row lie half beyond the slide
    middle = (abs(cells.x - 480) <= 64) & (abs(cells.y - 320) <= 64)
    table = graded(cells.x, cells.y, ["well"] * len(cells.x))[~middle]
    write_tiles_geojson(table, GRADES, 64, tmp_path / "map.geojson")
    area = read_regions(tmp_path / "map.geojson").regions[0].outline
    hole = shapely.union_all([shapely.box(x, y, x + 64, y + 64) for x, y in cells.corners[middle]])
    assert hole.area > 0
    assert area.bounds == (cells.x.min(), cells.y.min(), cells.x.max() + 64, cells.y.max() + 64)
    assert area.symmetric_difference(shapely.box(*area.bounds).difference(hole)).area == 0


def test_cells_cover_the_slide_once() -> None:
    cells = make_grid(1000, 300, 128, 256)
    assert len(cells.x) == 8 * 3
    assert cells.x.max() + 128 >= 1000 > cells.x.max()
    assert cells.corners[0].tolist() == [-64, -64]  # a tile lies about the centre of its cell


def test_a_slides_grade_is_that_of_its_area() -> None:
    tiles = graded(np.arange(4.0), np.zeros(4), ["poor", "poor", "poor", "well"])
    told = summary(tiles, GRADES, side=100, mpp=0.5)
    assert told["predicted"] == "poor"
    assert (told["area_poor"], told["area_moderate"], told["area_well"]) == (0.75, 0, 0.25)
    assert told["area_mm2"] == pytest.approx(4 * 0.05**2)


def test_no_area_has_a_grade_that_is_not_answered() -> None:
    tiles = graded(np.arange(4.0), np.zeros(4), ["poor", "poor", "poor", "well"])
    tiles = tiles.assign(answer=["poor", UNSURE, UNLIKE, UNLIKE], unlike=[0, 0, 1, 1])
    told = summary(tiles, GRADES, side=100, mpp=0.5)
    shares = ("area_poor", "area_moderate", "area_well", "unsure", "unlike")
    assert [told[name] for name in shares] == [0.25, 0, 0, 0.25, 0.5]


def test_a_slide_with_room_for_millions_of_tiles_is_refused() -> None:
    with pytest.raises(SlideError, match=r"has room for 2000000000000 tiles"):
        make_grid(2_000_000, 1_000_000, 1.0, 1.0)
