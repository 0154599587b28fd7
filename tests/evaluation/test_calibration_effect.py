"""Effect of calibration on test patients, by the run's temperature or their own."""

import numpy as np
import pytest

from livergrade.evaluation.calibration_effect import calibration_effect, fitted_on, recalibration
from livergrade.evaluation.intervals import Jackknife
from livergrade.evaluation.levels import aggregate
from livergrade.evaluation.temperature import at_temperature, cross_fitted
from tests.evaluation.simulated import CLASSES, predict


def test_it_is_the_difference_of_what_was_graded_and_what_is_told():
    views = predict([number % 3 for number in range(15)])
    raw, calibrated = aggregate(views), aggregate(at_temperature(views, 2.0))
    fitted = fitted_on(views, "test")
    assert (fitted["patients"], fitted["images"], fitted["views"]) == (15, 60, 2)
    found = calibration_effect(fitted, raw, calibrated, Jackknife(raw["patient"].truth))
    assert found["temperature"] == fitted["temperature"]
    for name in ("image", "patient"):
        brier = found["test"][name]["brier"]
        truth = np.eye(3)[calibrated[name].truth]
        assert brier["after"]["value"] == pytest.approx(
            ((calibrated[name].scores - truth) ** 2).sum(1).mean()
        )
        assert brier["difference"]["value"] == pytest.approx(
            brier["after"]["value"] - brier["before"]["value"]
        )
        assert found["changed"][name] == (raw[name].predicted != calibrated[name].predicted).sum()


def test_recalibration_tells_the_loss_of_cross_fitted_probabilities():
    views = predict([number % 3 for number in range(12)], seed=2)
    found = recalibration(views, aggregate(views))
    level = aggregate(cross_fitted(views))["image"]
    own = level.scores[np.arange(len(level.truth)), level.truth]
    assert found["recalibrated_log_loss"] == pytest.approx(-np.log(own).mean())
    assert found["offered"] is (found["log_loss"] - found["recalibrated_log_loss"] > 0.01)
    assert len(CLASSES) == level.scores.shape[1]
