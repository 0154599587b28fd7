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
