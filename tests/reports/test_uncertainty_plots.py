"""Figures of caution: what they show is what ``metrics.json`` holds."""

import numpy as np
import pytest

from livergrade.evaluation.uncertainty import fit_calibration, uncertainty_metrics
from livergrade.reports.uncertainty_plots import plot_uncertainty
from tests.evaluation.test_uncertainty import cohort
from tests.reports.test_run_plots import texts

CLEAN = {"leaking": False, "sentence": ""}


@pytest.fixture(scope="module")
def measured():
    predictions = cohort()
    return uncertainty_metrics(predictions, fit_calibration(predictions))


def test_they_show_what_was_measured(measured):
    drawn = plot_uncertainty(measured | {"leakage": CLEAN}, synthetic=True)
    assert sorted(drawn) == ["calibrated_reliability", "risk_coverage", "set_sizes"]
    assert all("synthetic cohort" in texts(figure) for figure in drawn.values())
    for axes, level in zip(drawn["calibrated_reliability"].axes, ("image", "patient"), strict=True):
        found = measured["calibration"]["test"][level]
        for points, which in zip(axes.collections, ("before", "after"), strict=True):
            bins = [one for one in found["reliability"][which] if one["n"]]
            assert points.get_offsets().tolist() == [[one["confidence"], one["accuracy"]] for one in bins]
            assert f"error {found['ece'][which]['value']:.3f}" in texts(drawn["calibrated_reliability"])
    for axes, level in zip(drawn["set_sizes"].axes, ("image", "patient"), strict=True):
        heights = [bar.get_height() for bar in axes.patches]
        assert heights == measured["conformal"][level]["sizes"]
    line = drawn["risk_coverage"].axes[0].lines[0]
    np.testing.assert_allclose(line.get_ydata(), [point["risk"] for point in measured["abstention"]["curve"]])
    assert f"area {measured['abstention']['aurc']['value']:.3f}" in texts(drawn["risk_coverage"])
    assert (
        0
        <= min(drawn["risk_coverage"].axes[0].get_yticks())
        < max(drawn["risk_coverage"].axes[0].get_yticks())
        <= 1
    )


def test_a_leaking_split_is_told_on_each(measured):
    leaking = {"leaking": True, "sentence": "3 of 4 test images share a patient."}
    for figure in plot_uncertainty(measured | {"leakage": leaking}).values():
        assert "LEAKING: 3 of 4" in texts(figure)


def test_what_was_not_fitted_is_not_drawn():
    predictions = cohort(val=0)
    found = uncertainty_metrics(predictions, fit_calibration(predictions))
    assert list(plot_uncertainty(found | {"leakage": CLEAN})) == ["risk_coverage"]
