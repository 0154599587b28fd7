"""A pattern names the patient in a path."""

import pytest

from livergrade.io.bounded import TimeLimitError, run_bounded
from livergrade.io.patterns import search_group


def test_the_group_is_found_or_empty() -> None:
    assert search_group(r"/(?P<patient>P\d+)?_", "patient", ["a/P01_2", "a/_2", "b"]) == ["P01", "", ""]


def test_a_search_without_end_is_ended() -> None:
    with pytest.raises(TimeLimitError):
        run_bounded(search_group, r"(?P<patient>(a+)+)$", "patient", ["a" * 60 + "!"], seconds=0.2)
