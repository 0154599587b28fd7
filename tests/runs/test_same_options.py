"""What an earlier start left is kept only where it was made by the same options."""

from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.runs.same_options import refuse_other_options


def test_options_of_then_that_nobody_asks_for_now_may_differ() -> None:
    refuse_other_options(Path("out"), {"views": "all", "workers": 3}, {"views": "all"}, fix="")


def test_every_option_that_differs_is_told() -> None:
    with pytest.raises(UserError) as told:
        refuse_other_options(Path("out"), {"a": 1, "b": 2}, {"a": 1, "b": 3, "c": None, "d": 4}, fix="do so")
    assert str(told.value).splitlines() == [
        "out: was made with other options; do so:",
        "  b: 2 there, 3 now",
        "  d: unknown there, 4 now",
    ]
