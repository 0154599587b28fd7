"""What an explanation shows of a network's attention."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from livergrade.evaluation.faithfulness import METHODS
from livergrade.explanations.explained import Chosen, Explained
from livergrade.explanations.report import plot_explanation, plot_gates, write_explanation
from livergrade.explanations.seen_images import SeenImage
from tests.conftest import GRADES


def explained(grade: str, gates: dict[str, tuple[str, np.ndarray]]) -> Explained:
    """An image of that grade of which only the gates matter."""
    none = np.zeros((2, 2), np.float32)
    attention = [(layer, kind, values.astype(np.float32)) for layer, (kind, values) in gates.items()]
    image = Chosen(Path("a.png"), "a.png", "P1", grade)
    return Explained(image, 0, "poor", none[0], none, {}, {}, {}, none, none, 0.0, attention)


def test_without_gates_of_channels_there_is_no_figure() -> None:
    assert plot_gates([explained("poor", {})], GRADES) is None
    assert plot_gates([explained("poor", {"layer1.0": ("spatial", np.ones((1, 2, 2)))})], GRADES) is None


def test_the_last_block_of_each_stage_is_drawn_less_the_mean() -> None:
    def one(grade: str, level: float) -> Explained:
        last = np.array([0.0, 2.0, 1.0]) + level
        return explained(
            grade,
            {
                "layer1.0": ("channel", np.full(3, 9.0)),
                "layer1.1": ("channel", last),
                "layer2.0": ("channel", 2 * last),
            },
        )

    figure = plot_gates([one("poor", -1), one("well", 1)], GRADES)
    assert figure is not None
    whole, second, apart, _ = figure.axes
    assert [axes.get_title() for axes in (whole, second)] == ["layer1", "layer2"]
    assert whole.lines[0].get_ydata() == pytest.approx([0, 1, 2])  # in the order of their mean
    drawn = {line.get_label(): line.get_ydata() for line in apart.lines}
    assert drawn["poor"] == pytest.approx([-1] * 3)
    assert drawn["well"] == pytest.approx([1] * 3)
    assert "moderate" not in drawn


def complete(size: int = 8) -> Explained:
    """An image with every map, of random numbers."""
    random = np.random.default_rng(0)
    maps = {name: random.normal(size=(3, 2, 2)).astype(np.float32) for name in METHODS}
    curves = {name: random.random((2, 5)).astype(np.float32) for name in METHODS}
    view = random.integers(0, 255, (size, size, 3), dtype=np.uint8)
    shares = np.array([0.5, 0.3, 0.2], np.float32)
    spread = np.full((2, 2), np.nan, np.float32)
    image = Chosen(Path("a.png"), "a.png", "P1", "poor")
    return Explained(
        image, 0, "poor", shares, view, maps, {}, curves, maps["hires_cam"][0], spread, np.nan, []
    )


def test_the_legend_of_the_curves_lies_outside_them() -> None:
    figure = plot_explanation(complete(), GRADES)
    assert [axes.get_title() for axes in figure.axes if axes.lines] == ["deletion", "insertion"]
    assert not any(axes.get_legend() for axes in figure.axes)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        METHODS[name] for name in ("hires_cam", "occlusion", "random")
    ]


@pytest.mark.parametrize("seen", [[], [SeenImage("a.png", "fold 1, fold 2", "fold 3", "fold 0")]])
def test_the_page_says_first_which_networks_know_an_image(
    seen: list[SeenImage], tmp_path: Path, undrawn: None
) -> None:
    table: list[Any] = [
        {"method": "hires_cam", "measure": "turning", "value": None, "low": None, "high": None}
    ]
    page = write_explanation(tmp_path, [complete()], GRADES, "senet", "run", table, seen).read_text("utf-8")
    assert ("Some of the networks were trained on 1 of the 1 image shown here." in page) == bool(seen)
    assert ("<td>fold 1, fold 2</td><td>fold 3</td><td>fold 0</td>" in page) == bool(seen)
    assert not seen or page.index("were trained on 1") < page.index("Faithfulness of the maps")
