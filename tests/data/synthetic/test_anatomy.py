"""What differs between the grades of the embedded cohort."""

import numpy as np
import pytest

from livergrade.data.synthetic.anatomy import ANATOMY, Trend


def test_a_trend_is_linear_and_held_beyond_its_ends() -> None:
    trend = Trend(10, 20)
    np.testing.assert_allclose(trend.at(np.array([-1, 0, 1])), [10, 15, 20])
    np.testing.assert_allclose(trend.at(np.array([-9, 9])), [7.5, 22.5])


@pytest.mark.parametrize(
    ("name", "more"),
    [
        *(("nucleus_um", "poor"), ("nucleus_spread", "poor"), ("mitoses", "poor"), ("plate_um", "poor")),
        *(("cell_spacing_um", "well"), ("glands_per_mm2", "well"), ("sinusoid_open", "well")),
    ],
)
def test_poor_tissue_is_crowded_and_atypical(name: str, more: str) -> None:
    """As Edmondson and Steiner describe the grades."""
    trend = getattr(ANATOMY, name)
    assert (trend.poor > trend.well) == (more == "poor")
