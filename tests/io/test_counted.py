"""A number with its noun."""

import pytest

from livergrade.io.counted import counted


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 slides"), (1, "1 slide"), (2, "2 slides"), (1200, "1,200 slides")]
)
def test_one_alone_is_singular(number: int, text: str) -> None:
    assert counted(number, "slide") == text


def test_a_plural_of_its_own_is_given() -> None:
    assert [counted(number, "batch", "batches") for number in (1, 3)] == ["1 batch", "3 batches"]
