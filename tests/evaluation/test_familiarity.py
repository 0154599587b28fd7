"""How far the images of a run look from the training images, and what is told of them."""

import pandas as pd
import pytest

from livergrade.evaluation.levels import aggregate
from livergrade.evaluation.ood import ood_estimates
from livergrade.reports.uncertainty_plots import plot_ood
from tests.conftest import GRADES
from tests.evaluation.simulated import jackknife_of


@pytest.fixture
def case() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predictions of 24 patients' 48 images, every other wrong, and distances: the last twelve lie far."""
    rows = [
        (
            f"{p:02d}_{i}.png",
            f"P{p:02d}",
            "test",
            0.0,
            "poor",
            "poor" if i else "well",
            float(i),
            0.0,
            1.0 - i,
        )
        for p in range(24)
        for i in range(2)
    ]
    columns = ["image", "patient", "split", "angle", "grade", "predicted", *(f"p_{g}" for g in GRADES)]
    predictions = pd.DataFrame(rows, columns=columns)
    seen = predictions[["image", "patient", "split"]].assign(distance=[1.0] * 36 + [9.0] * 12)
    val = pd.DataFrame({"image": ["v.png"], "patient": ["V"], "split": ["val"], "distance": [2.0]})
    return predictions, pd.concat([seen.sample(frac=1, random_state=0), val])


def figures(case, limit: float | None, **more: str) -> dict:
    predictions, seen = case
    reference = {"limit": limit, "alarm": 0.1} | more
    return ood_estimates(seen, reference, aggregate(predictions)["image"], jackknife_of(24, 1))


def test_shares_and_accuracies_have_intervals(case) -> None:
    told = figures(case, 3.0)
    assert told["unlike"]["value"] == 12 / 48
    assert told["unlike"]["low"] < 12 / 48 < told["unlike"]["high"]
    assert told["within"] | {"value": 0.5, "n": 36} == told["within"]
    assert told["beyond"] | {"value": 0.5, "n": 12} == told["beyond"]
    assert told["sides"]["test"]["images"] == 48
    assert sum(told["histogram"]["test"]) == 48
    assert sum(told["histogram"]["val"]) == 1


def test_nothing_beyond_is_null_with_a_reason(case) -> None:
    told = figures(case, 10.0)
    assert told["unlike"]["value"] == 0
    assert told["beyond"]["value"] is None
    assert told["beyond"]["reason"]


def test_without_a_limit_the_reason_is_told(case) -> None:
    told = figures(case, None, reason="no validation side")
    assert told["reason"] == "no validation side"
    assert "unlike" not in told


def test_the_figure_has_a_row_for_each_side(case) -> None:
    for limit in (3.0, None):
        drawn = plot_ood(figures(case, limit), title="Far")
        assert [axes.get_ylabel().split("\n")[0] for axes in drawn.axes] == ["validation", "test"]
