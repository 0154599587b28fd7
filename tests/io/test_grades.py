"""Number and length of grades."""

import pytest

from livergrade.io.grades import LONGEST, MOST, too_many_grades


@pytest.mark.parametrize("classes", [["a"] * (MOST + 1), ["a", "b" * (LONGEST + 1)]])
def test_too_many_and_too_long_grades_are_told(classes: list[str]) -> None:
    assert len(too_many_grades(classes)) == 1
    assert not too_many_grades([name[:LONGEST] for name in classes[:MOST]])
