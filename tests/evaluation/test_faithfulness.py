"""What maps are worth, with intervals over patients."""

import numpy as np
import pytest

from livergrade.evaluation.faithfulness import areas, faithfulness_estimates


def test_areas_are_those_of_the_trapezes() -> None:
    falling, rising = np.array([1, 0.5, 0]), np.array([0, 1, 1])
    told = areas(np.array([[falling, rising]]))
    assert told["deletion"] == pytest.approx([0.5])
    assert told["insertion"] == pytest.approx([0.75])
    assert told["gain"] == pytest.approx([0.25])


def test_intervals_resample_patients() -> None:
    """Ten images of one patient count as little as they should: the interval is that of three patients."""
    values = np.array([0.0] * 10 + [1.0, 1.0])
    (row,) = faithfulness_estimates({"random": {"gain": values}}, ["a"] * 10 + ["b", "c"], seed=0)
    assert row["value"] == pytest.approx(2 / 12)
    assert row["low"] == 0
    assert row["high"] == 1


def test_images_of_nobody_count_each_and_one_patient_has_no_interval() -> None:
    values = np.array([0.2, 0.4])
    (each,) = faithfulness_estimates({"random": {"gain": values}}, ["", ""], seed=0)
    (one,) = faithfulness_estimates({"random": {"gain": values}}, ["a", "a"], seed=0)
    assert (each["low"], each["high"]) == (0.2, 0.4)
    assert (one["low"], one["high"]) == (None, None)


def test_what_is_not_defined_is_left_out_and_no_0() -> None:
    measures = {"likeness": np.array([np.nan, 0.4, 0.2]), "turning": np.full(3, np.nan)}
    likeness, turning = faithfulness_estimates({"hires_cam": measures}, ["a", "b", "c"], seed=0)
    assert likeness["value"] == pytest.approx(0.3)
    assert (likeness["low"], likeness["high"]) == (0.2, 0.4)
    assert (turning["value"], turning["low"], turning["high"]) == (None, None, None)
