"""The alternative annotator test by hand."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control, ttest_1samp

from livergrade.reading.alternative import _rejected, alternative
from tests.reading.made import made, simulated


def test_with_one_image_a_patient_it_is_the_papers_t_test() -> None:
    grades = simulated(60, 1, 4)
    found = alternative(made(grades[:, :3]), grades[:, 3], 0.1)
    for reader, one in enumerate(found["readers"]):
        others = np.delete(grades[:, :3], reader, 1)
        machine = (others == grades[:, 3:]).mean(1)
        human = (others == grades[:, [reader]]).mean(1)
        apart = (human >= machine) * 1.0 - (machine >= human)
        assert one["network"] == pytest.approx((machine >= human).mean())
        assert one["human"] == pytest.approx((human >= machine).mean())
        assert one["p"] == pytest.approx(ttest_1samp(apart, 0.1, alternative="less").pvalue, rel=1e-6)
    assert found["advantage"] == pytest.approx(np.mean([one["network"] for one in found["readers"]]))
    assert found["winning_rate"] == np.mean([one["better"] for one in found["readers"]])


def test_images_of_one_patient_are_not_independent() -> None:
    grades = np.repeat(simulated(30, 1, 4), 4, 0)
    one = alternative(made(grades[::4, :3]), grades[::4, 3], 0.1)["readers"]
    four = alternative(made(grades[:, :3], 4), grades[:, 3], 0.1)["readers"]
    assert [each["p"] for each in four] == pytest.approx([each["p"] for each in one])


def test_the_false_discovery_rate_is_that_of_benjamini_and_yekutieli() -> None:
    for p_values in ([0.001, 0.2, 0.02], [0.04, 0.03, 0.02], [0.9], [0.01, 0.01]):
        assert _rejected(p_values) == (false_discovery_control(p_values, method="by") <= 0.05).tolist()


def test_few_patients_are_not_tested() -> None:
    found = alternative(made(simulated(8, 1, 3)), simulated(8, 1, 3)[:, 0], 0.2)
    assert found["winning_rate"] is None
    assert not found["passed"]
    assert {one["p"] for one in found["readers"]} == {None}
