"""Which test images were graded most wrongly."""

from pathlib import Path

import numpy as np
import pandas as pd

from livergrade.evaluation.mistakes import worst_images
from livergrade.runs.find import find_runs
from tests.conftest import finished_run


def graded(rows: list[tuple[str, str, list[float]]]) -> pd.DataFrame:
    """Predictions of a view each: image, true grade, probabilities of poor, moderate, well."""
    classes = ["poor", "moderate", "well"]
    table = pd.DataFrame(
        {
            "image": [image for image, _, _ in rows],
            "patient": [image[0] for image, _, _ in rows],
            "split": "test",
            "angle": 0.0,
            "grade": [grade for _, grade, _ in rows],
            "predicted": [classes[int(np.argmax(p))] for _, _, p in rows],
        }
    )
    table[[f"p_{grade}" for grade in classes]] = [p for _, _, p in rows]
    return table


def test_the_gravest_come_first_and_right_ones_never() -> None:
    worst = worst_images(
        graded(
            [
                ("a", "poor", [0.9, 0.1, 0.0]),
                ("b", "poor", [0.4, 0.6, 0.0]),
                ("c", "well", [0.5, 0.1, 0.4]),
                ("d", "poor", [0.1, 0.9, 0.0]),
                ("e", "well", [0.7, 0.1, 0.2]),
            ]
        )
    )
    assert list(worst["image"]) == ["e", "c", "d", "b"]
    assert list(worst["off"]) == [2, 2, 1, 1]
    assert list(worst.loc[0, ["p_poor", "p_well"]]) == [0.7, 0.2]


def test_an_image_is_judged_by_the_mean_of_its_views(tmp_path: Path) -> None:
    run = find_runs([finished_run(tmp_path / "run", "senet", skill=0.1)])[0][0]
    worst = worst_images(run.tested, most=3)
    assert len(worst) == 3
    truth = run.tested.set_index("image")
    assert (truth.loc[worst["image"], "predicted"].to_numpy() == worst["predicted"].to_numpy()).all()
    views = pd.concat([run.tested, run.tested.assign(angle=90.0, p_poor=1.0, p_moderate=0.0, p_well=0.0)])
    views["predicted"] = views["predicted"].where(views["angle"] == 0, "poor")
    assert "poor" not in set(worst_images(views)["grade"])
