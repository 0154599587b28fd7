"""How many views of an image an option asks for."""

import pytest

from livergrade.config.views import view_count


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        *(("all", 36), ("upright", 1), ("1", 1), ("36", 36)),
        *(("0", None), ("37", None), ("-1", None), ("1.5", None), ("some", None), ("", None)),
    ],
)
def test_words_and_numbers_up_to_the_circle(asked: str, count: int | None) -> None:
    assert view_count(asked, 36) == count
