"""Figures over a graded slide."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from livergrade.io.grades import UNLIKE, UNSURE
from livergrade.io.slide_reader import Slide, Tissue
from livergrade.slides.heatmap import write_maps
from livergrade.slides.map_figures import map_figure, stitch_maps, why_figure
from tests.conftest import COLOURS, GRADES, write_slide


@pytest.fixture(scope="module")
def tissue(tmp_path_factory: pytest.TempPathFactory) -> Tissue:
    return Slide(write_slide(tmp_path_factory.mktemp("slides") / "slide.tif")).tissue


@pytest.fixture
def cells() -> pd.DataFrame:
    """Cells of 32 px over the coloured squares of the slide, of which each is of one grade."""
    table = pd.DataFrame(
        [
            {"x": float(left + column), "y": float(top + row), "answer": GRADES[number % 3]}
            for number, (left, top, side) in enumerate(COLOURS)
            for column in range(0, side, 32)
            for row in range(0, side, 32)
        ]
    )
    for grade in GRADES:
        table[f"p_{grade}"] = np.where(table["answer"] == grade, 0.9, 0.05)
    return table


def drawn_map(tissue: Tissue, table: pd.DataFrame) -> Figure:
    options = {"side": 32, "mpp": 0.5, "min_tissue": 0.5, "title": "t"}
    return map_figure(tissue.thumbnail, tissue.scale, table, GRADES, **options)


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_map_colours_the_squares_and_nothing_else(tissue: Tissue, cells: pd.DataFrame) -> None:
    figure = drawn_map(tissue, cells)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3].astype(int)
    plain, coloured = figure.axes

    def shown(axes: object, x: float, y: float) -> np.ndarray:
        place = (x / tissue.scale[0] - 0.5, y / tissue.scale[1] - 0.5)
        right, up = axes.transData.transform(place)  # type: ignore[attr-defined]
        return pixels[round(pixels.shape[0] - up), round(right)]

    for left, top, side in COLOURS:
        for x in (left + 8, left + side - 8):
            for y in (top + 8, top + side - 8):
                assert np.abs(shown(plain, x, y) - shown(coloured, x, y)).max() > 30
        for x, y in ((left - 8, top + 16), (left + side + 8, top + 16), (left + 16, top - 8)):
            assert np.abs(shown(plain, x, y) - shown(coloured, x, y)).max() <= 3


def test_maps_of_tiles_are_laid_where_the_tiles_are() -> None:
    """Two that overlap by half, one of them over the edge: their mean in between, NaN elsewhere."""
    maps = np.stack([np.full((2, 2), 1, np.float32), np.full((2, 2), 3, np.float32)])
    shown = stitch_maps(maps, np.array([[-2, 0, 2, 4], [0, 0, 4, 4]], float), width=6, height=5)
    assert (shown[:4, :2] == 2).all()
    assert (shown[:4, 2:4] == 3).all()
    assert np.isnan(shown[4:]).all()
    assert np.isnan(shown[:, 4:]).all()


def test_the_legend_says_what_colours_opacity_and_bare_slide_are(tissue: Tissue, cells: pd.DataFrame) -> None:
    assert legend(drawn_map(tissue, cells)) == [
        "poor: 50% of the graded tissue",
        "moderate: 25% of the graded tissue",
        "well: 25% of the graded tissue",
        "pale: probability 33%",
        "full colour: probability 100%",
        "no colour: not graded, less than 50% tissue",
    ]


def test_cells_without_a_grade_are_hatched_and_no_grades_area(
    tissue: Tissue, cells: pd.DataFrame, tmp_path: Path
) -> None:
    poor = np.flatnonzero(cells["answer"] == "poor")
    cells.loc[poor[: len(poor) // 2], "answer"] = UNLIKE
    cells.loc[poor[len(poor) // 2 :], "answer"] = UNSURE
    figure = drawn_map(tissue, cells)
    assert legend(figure)[:5] == [
        "poor: 0% of the graded tissue",
        "moderate: 25% of the graded tissue",
        "well: 25% of the graded tissue",
        "unsure: 25% of the graded tissue",
        "unlike training: 25% of the graded tissue",
    ]
    hatched = [patch for patch in figure.axes[1].patches if patch.get_hatch()]
    assert len(hatched) == len(poor)
    assert {patch.get_facecolor()[:3] for patch in hatched} == {(1, 1, 1)}  # no grade's colour
    maps = {number: np.ones((3, 2, 2), np.float32) for number in range(len(cells))}
    write_maps(maps, cells[["x", "y"]].to_numpy(), 32, 1.0, GRADES, tmp_path / "why.npz")
    figure = why_figure(
        *(tissue.thumbnail, tissue.scale, tmp_path / "why.npz", cells, "poor"),
        answer=UNLIKE,
        side=32,
        title="case",
    )
    assert figure.texts[0].get_text() == "case: unlike training; the most probable grade would be poor"
    assert sum(bool(patch.get_hatch()) for patch in figure.axes[1].patches) == len(poor)
    assert legend(figure) == ["unsure: 25% of the graded tissue", "unlike training: 25% of the graded tissue"]
