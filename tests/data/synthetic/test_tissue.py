"""A region of tissue as a microscope shows it."""

from dataclasses import replace

import numpy as np
import pytest

from livergrade.data.synthetic.anatomy import Patient
from livergrade.data.synthetic.tissue import draw_region

PATIENT = Patient((1, 2))


def drawn(patient: Patient = PATIENT, um_per_px: float = 1.0) -> np.ndarray:
    side = round(200 / um_per_px)
    return draw_region(patient, (200.0, 200.0), (side, side), um_per_px).astype(float)


def test_the_same_patient_has_the_same_tissue() -> None:
    np.testing.assert_array_equal(drawn(), drawn())
    assert np.abs(drawn(replace(PATIENT, seed=(1, 3))) - drawn()).mean() > 5


def test_more_stain_and_a_thicker_section_are_darker_and_glass_is_not() -> None:
    for change in ({"haematoxylin": 1.5}, {"eosin": 1.5}, {"thickness": 1.5}):
        darker = drawn(replace(PATIENT, **change))
        assert darker.mean() < drawn().mean() - 2, change
    clear = drawn(replace(PATIENT, thickness=0.0, focus_um=0.0))
    assert clear.mean() == pytest.approx(PATIENT.lamp[0], abs=2)


def test_poor_tissue_holds_more_haematoxylin() -> None:
    """Which takes red away and leaves blue."""

    def red_less_blue(differentiation: float) -> float:
        pixels = drawn(replace(PATIENT, differentiation=differentiation))
        return float((pixels[..., 0] - pixels[..., 2]).mean())

    assert red_less_blue(-1.0) < red_less_blue(1.0) - 1
