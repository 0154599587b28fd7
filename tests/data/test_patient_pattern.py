"""The pattern that names patients."""

import unicodedata

import pytest

from livergrade.data.patient_pattern import check_pattern, patients_of
from livergrade.errors import UserError


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"([PMW]\d\d)_", "no group named patient"),
        ("(", "regular"),
        ("(?P<patient>a)" * 5000, "is longer than"),
    ],
)
def test_a_bad_pattern_is_refused(pattern: str, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        check_pattern(pattern)


def test_a_patient_is_found_in_each_path_or_none_is() -> None:
    assert patients_of(["a/P7_1.png", "b.png"], r"(?P<patient>P\d)") == ["P7", ""]
    assert patients_of([], "(?P<patient>a)") == []
    (name,) = patients_of(["mu\u0308ller_0.png"], r"(?P<patient>\w+)_")
    assert name == unicodedata.normalize("NFD", "m\u00fcller")  # as the path has it


def test_a_pattern_that_fits_no_image_is_one_problem_and_not_one_for_each_image() -> None:
    with pytest.raises(UserError) as refused:
        patients_of(["low/GT2001803-1.png", "low/GT2001804-1.png"], r"(?P<patient>P\d+)")
    message = str(refused.value)
    assert "none of the 2 images, as low/GT2001803-1.png; write the part" in message
    assert "\n" not in message
