"""Patients by a pattern in the paths of their images."""

import pytest

from livergrade.data.patient_pattern import check_pattern, patients_in
from livergrade.errors import UserError


def test_patients_are_found_in_paths() -> None:
    pattern = r"SOB_[BM]_\w+-(?P<patient>\d+-\d+)"
    check_pattern(pattern)
    assert patients_in(["a/SOB_B_F-14-29960AB-400-015.png", "x.png"], pattern) == ["14-29960", ""]
    assert patients_in([], pattern) == []


@pytest.mark.parametrize("pattern", ["(", r"(\d+)", "(?P<patient>a)" + "b" * 1000])
def test_what_is_no_pattern_is_told(pattern: str) -> None:
    with pytest.raises(UserError, match=r"data\.patient_pattern="):
        check_pattern(pattern)
