"""One temperature: it is found again, changes no view's grade, and is null where it can't be known."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from livergrade.evaluation.levels import aggregate
from livergrade.evaluation.temperature import (
    HIGHEST,
    LOWEST,
    at_temperature,
    fit_temperature,
    patient_losses,
    scaled,
)
from tests.conftest import GRADES, prediction_columns


def answers(patients: int, temperature: float, *, images: int = 3, seed: int = 0) -> pd.DataFrame:
    """Patients whose grades are drawn from probabilities that are then told too sure by a temperature."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet(np.ones(3), patients * images)
    # A patient has one grade: its images are drawn by their probabilities, then named by what was drawn.
    truth = np.array([rng.choice(3, p=one) for one in honest])
    told = scaled(honest, 1 / temperature)
    rows = [
        (
            f"{i:04d}",
            f"P{i // images:03d}",
            "val",
            angle,
            GRADES[truth[i]],
            GRADES[told[i].argmax()],
            *told[i],
        )
        for i in range(len(honest))
        for angle in (0.0, 90.0)
    ]
    return pd.DataFrame(rows, columns=prediction_columns(GRADES))


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_known_temperature_is_found_again(temperature: float) -> None:
    found = fit_temperature(answers(300, temperature), resamples=200)
    assert found["temperature"] == pytest.approx(temperature, rel=0.12)
    assert found["low"] < temperature < found["high"]
    assert found["high"] / found["low"] < 1.6


def test_it_minimises_the_loss_of_the_images_with_patients_alike() -> None:
    views = answers(12, 2.0)
    views = views.drop(index=views.index[views["image"] == "0000"])  # one patient has an image less
    best = fit_temperature(views, resamples=20)["temperature"]
    losses = [patient_losses(views)(best * factor).mean() for factor in (0.99, 1.0, 1.01)]
    assert losses[1] == min(losses)
    level = aggregate(at_temperature(views, best))["image"]  # as it is told
    weights = 1 / np.bincount(level.patient)[level.patient]
    assert losses[1] == pytest.approx(log_loss(level.truth, level.scores, sample_weight=weights))


def test_no_view_changes_its_grade_and_one_changes_nothing() -> None:
    views = answers(10, 3.0)
    columns = [f"p_{grade}" for grade in GRADES]
    for temperature in (LOWEST, 0.7, 4.0, HIGHEST):
        changed = at_temperature(views, temperature)[columns].to_numpy()
        np.testing.assert_allclose(changed.sum(1), 1)
        np.testing.assert_array_equal(changed.argmax(1), views[columns].to_numpy().argmax(1))
    np.testing.assert_allclose(scaled(views[columns], 1.0), views[columns])
    logits = np.random.default_rng(0).normal(0, 3, (5, 4))
    softmax = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    by_logits = np.exp(logits / 1.7) / np.exp(logits / 1.7).sum(1, keepdims=True)
    np.testing.assert_allclose(scaled(softmax, 1.7), by_logits)
    np.testing.assert_array_equal(scaled([1.0, 0.0, 0.0], 5.0), [1.0, 0.0, 0.0])


def test_where_all_is_right_no_temperature_is_known() -> None:
    views = answers(12, 1.0)
    views["grade"] = views["predicted"]
    found = fit_temperature(views)
    assert found["temperature"] is found["low"] is None
    assert "too few of the validation images are misclassified" in found["reason"]


def test_where_nothing_is_known_the_mildest_is_taken() -> None:
    views = answers(30, 1.0)
    views["grade"] = views["predicted"].map({"poor": "well", "moderate": "poor", "well": "moderate"})
    found = fit_temperature(views, resamples=20)
    assert found["temperature"] == HIGHEST
    assert "equal probabilities would be no worse" in found["note"]


def test_one_patient_has_a_temperature_but_no_interval() -> None:
    found = fit_temperature(answers(1, 1.0, images=12))
    assert found["temperature"] is not None
    assert found["low"] is None
    assert found["reason"] == "no grade has two validation patients"
