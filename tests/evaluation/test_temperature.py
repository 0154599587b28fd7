"""One temperature: it is found again, changes no view's grade, and is null where it can't be known."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from livergrade.evaluation.levels import aggregate
from livergrade.evaluation.temperature import (
    HIGHEST,
    LOWEST,
    PRIOR_SD,
    at_temperature,
    cross_fitted,
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
    found = fit_temperature(answers(300, temperature))
    assert found["temperature"] == pytest.approx(temperature, rel=0.15)
    assert found["low"] is found["high"] is None
    assert found["reason"].startswith("no interval of a temperature is given")


def test_it_minimises_the_loss_of_the_patients_and_the_prior() -> None:
    views = answers(12, 2.0)
    views = views.drop(index=views.index[views["image"] == "0000"])  # one patient has an image less
    best = fit_temperature(views)["temperature"]
    losses = patient_losses(views)

    def objective(temperature: float) -> float:
        return losses(temperature).sum() + np.log(temperature) ** 2 / (2 * PRIOR_SD**2)

    assert objective(best) < min(objective(best * 0.99), objective(best * 1.01))
    level = aggregate(at_temperature(views, best))["image"]  # as it is told
    weights = 1 / np.bincount(level.patient)[level.patient]
    told = log_loss(level.truth, level.scores, sample_weight=weights)
    assert losses(best).mean() == pytest.approx(told)


def test_the_fewer_patients_the_nearer_the_temperature_is_to_one() -> None:
    few, many = (fit_temperature(answers(patients, 4.0))["temperature"] for patients in (3, 100))
    assert 1 < few < many / 1.5
    assert 2 < many < 4


def test_each_patient_is_calibrated_by_all_others() -> None:
    views = answers(5, 3.0)
    calibrated = cross_fitted(views)
    columns = [f"p_{grade}" for grade in GRADES]
    for patient in views["patient"].unique():
        others = fit_temperature(views[views["patient"] != patient])["temperature"]
        own = views[views["patient"] == patient]
        expected = at_temperature(own, others)[columns]
        found = calibrated.loc[own.index, columns]
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    alone = views[views["patient"] == views["patient"].iloc[0]]
    np.testing.assert_allclose(cross_fitted(alone)[columns], alone[columns])


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


def test_where_all_is_right_the_prior_holds_the_temperature() -> None:
    views = answers(12, 1.0)
    views["grade"] = views["predicted"]
    assert 0.5 < fit_temperature(views)["temperature"] < 1


def test_the_end_of_the_range_is_told() -> None:
    views = answers(400, 50.0)
    columns = [f"p_{grade}" for grade in GRADES]
    views[columns] = scaled(views[columns], 0.02)
    views["grade"] = views["predicted"].map({"poor": "well", "moderate": "poor", "well": "moderate"})
    found = fit_temperature(views)
    assert found["temperature"] == pytest.approx(HIGHEST)
    assert found["note"] == "the validation log-loss still decreases at a temperature of 20"


def test_a_temperature_for_each_row() -> None:
    given = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3]])
    each = np.stack([scaled(given[0], 0.5), scaled(given[1], 2.0)])
    np.testing.assert_allclose(scaled(given, [0.5, 2.0]), each)
