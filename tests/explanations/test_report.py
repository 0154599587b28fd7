"""What an explanation shows of a network's attention."""

from pathlib import Path

import numpy as np
import pytest

from livergrade.explanations.explained import Chosen, Explained
from livergrade.explanations.report import plot_gates
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
